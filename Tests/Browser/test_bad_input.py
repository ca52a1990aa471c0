"""Forged messages, links and frames: refused, and nothing of the customer's is lost or told."""

import http.server
import json
import threading
import urllib.error

import pytest
from app import App
from checks import PHONE
from conftest import open_browser
from connect_page import LONDON
from front import Front
from service import Hosted
from visitor import Visitor

# A page of an app that speaks with the page in its frame itself, in the place of connect.js.
FRAME = """
    const [launchUrl, done] = arguments;
    window.heard = [];
    window.readies = [];
    const frame = document.createElement('iframe');
    frame.width = 380;
    frame.height = 700;
    addEventListener('message', (event) => {
        if (event.source === frame.contentWindow) window.readies.push([event.origin, event.data]);
    });
    window.give = (name, target = frame.contentWindow) => {
        const channel = new MessageChannel();
        channel.port1.onmessage = ({data}) => window.heard.push([name, data.type]);
        target.postMessage({type: 'connect-bff:port'}, '*', [channel.port2]);
        window[name] = channel.port1;
    };
    document.body.replaceChildren(frame);
    frame.contentWindow.location.replace(launchUrl);
    done();
"""


@pytest.fixture
def visitor(tab, app, user):
    return Visitor(tab, app, user)


@pytest.fixture
def stranger():
    """A page of an origin that is not listed."""
    made = App("127.0.0.1")
    yield made
    made.stop()


@pytest.fixture
def frame(tab, visitor):
    """A launch URL in a frame of a listed app, without connect.js."""
    launch_url = visitor.mints(postal_address=LONDON)["launch_url"]
    tab.open(visitor.app.url).find("[data-ready]")
    tab.wait_js(FRAME, launch_url)
    # The pictures of its screens show the whole page.
    visitor.look = lambda name: visitor
    return visitor


def into_frame(tab):
    tab.top().switch_to_frame(tab.find("iframe"))
    return tab


# Messages.

def test_page_says_that_it_is_ready_to_listed_origins_alone(frame, tab):
    into_frame(tab)
    frame.at("provider_select")
    tab.top()
    # Once for each listed origin, of which the browser delivers the one for this origin.
    assert tab.js("return window.readies") == [[tab.service.url, {"type": "connect-bff:ready"}]]


def test_first_port_alone_counts(frame, tab):
    """A second one, and messages of other kinds, change nothing."""
    tab.until(lambda: tab.js("return window.readies.length"))
    tab.js("give('first'); give('second')")
    into_frame(tab)
    frame.at("provider_select")
    tab.top()
    tab.js("""
        give('third');
        second.postMessage({type: 'close'});
        third.postMessage({type: 'close'});
        for (const data of [null, 'close', ['close'], {type: 'Close'}, {type: {}}, {type: 'end'}]) {
            first.postMessage(data);
        }
        const frame = document.querySelector('iframe').contentWindow;
        for (const data of [null, {type: 'close'}, {type: 'connect-bff:login', token: 'cot_1', url: 'https://evil.example/'},
                            {type: 'connect-bff:popup'}]) frame.postMessage(data, '*');
    """)
    into_frame(tab)
    frame.at("provider_select").types_provider().at("tariff_structure_select")
    tab.top().until(lambda: len(tab.js("return heard")) >= 2)
    assert {name for name, _ in tab.js("return heard")} == {"first"}
    tab.js("first.postMessage({type: 'close'})")
    tab.until(lambda: ["first", "end"] in tab.js("return heard"))
    frame.has_state("abandoned")
    assert tab.js("return heard.filter(([, type]) => type === 'end' || type === 'close').length") == 1


def test_port_of_another_window_does_not_count(frame, tab):
    """Of a listed origin, but not the parent: a second frame of the app."""
    tab.js("document.body.append(document.createElement('iframe'))")
    tab.switch_to_frame(tab.all("iframe")[1])
    tab.js("""
        const channel = new MessageChannel();
        window.heard = [];
        channel.port1.onmessage = ({data}) => window.heard.push(data.type);
        for (let turn = 0; turn < 20; turn += 1) {
            const {port1, port2} = new MessageChannel();
            port1.onmessage = channel.port1.onmessage;
            setTimeout(() => parent.frames[0].postMessage({type: 'connect-bff:port'}, '*', [port2]), turn * 100);
        }
    """)
    into_frame(tab)
    frame.at("provider_select").types_provider().at("tariff_structure_select")
    tab.top().switch_to_frame(tab.all("iframe")[1])
    assert tab.js("return heard") == []
    # The parent's is taken as ever.
    tab.top().js("give('first')")
    into_frame(tab)
    frame.picks_structure("FIXED").at("rate_fixed_capture")
    tab.top().until(lambda: ["first", "screen"] in tab.js("return heard"))


def test_opener_of_another_origin_gets_no_message(visitor, tab, stranger):
    """A page that is not listed opens the launch URL in a window, and sends everything that it can think of."""
    tab.hosts.add(stranger.host)
    stranger.service_url = tab.service.url
    launch_url = visitor.mints(postal_address=LONDON)["launch_url"]
    tab.open(stranger.url).find("[data-ready]")
    tab.js("window.got = []; addEventListener('message', (event) => window.got.push(event.data))")
    with tab.other_window(lambda: tab.js("window.opened = window.open(arguments[0])", launch_url)):
        visitor.at("provider_select")
        window = tab.tab
    tab.js("""
        const channel = new MessageChannel();
        channel.port1.onmessage = ({data}) => window.got.push(data);
        opened.postMessage({type: 'connect-bff:port'}, '*', [channel.port2]);
        channel.port1.postMessage({type: 'close'});
        const login = {type: 'connect-bff:login', token: 'cot_1', url: 'https://evil.example/', language: 'en'};
        opened.postMessage(login, '*');
    """)
    before = tab.tab
    tab.switch(window)
    # Not embedded: the provider comes in the same window, and the end by a redirect.
    visitor.at("provider_select").chooses("Brackenfield Energy").logs_in_here()
    visitor.at("tariff_summary").finishes().returns("connected")
    tab.switch(before)
    assert tab.js("return got") == []


def test_window_of_a_login_takes_nothing_from_strangers(visitor, tab, stranger):
    """`/connect/popup`, opened by a page that is not the service's."""
    tab.hosts.add(stranger.host)
    stranger.service_url = tab.service.url
    tab.open(stranger.url).find("[data-ready]")
    tab.js("window.got = []; addEventListener('message', (event) => window.got.push(event.data))")
    popup = f"{tab.service.url}/connect/popup"
    with tab.other_window(lambda: tab.js("window.opened = window.open(arguments[0])", popup)):
        tab.until(lambda: tab.url == popup)
        window = tab.tab
    tab.js("""
        for (const url of ['https://evil.example/', 'javascript:alert(1)']) {
            opened.postMessage({type: 'connect-bff:login', token: 'cot_1', url, language: 'en'}, '*');
        }
    """)
    tab.switch(window).screen("window", seconds=20)
    visitor.heading("window.unexpected").look("window_unexpected")
    assert tab.url == popup and tab.js("return Object.values(sessionStorage)") == ["{}"], "something was kept"
    tab.driver.close()
    tab.switch(tab.driver.window_handles[0])
    assert tab.js("return got") == []


# Links.

LAUNCH_URLS = [
    "https://evil.example/connect#ticket=cs_1.AAAAAAAAAAAAAAAAAAAAAA", "javascript:alert(1)", "data:text/html,x",
    "{service}/launch", "{service}/connect/popup", "{service}@evil.example/connect", "//evil.example/connect", "", None,
]


def test_launch_url_of_another_host(visitor, tab):
    tab.open(visitor.app.url).find("[data-ready]")
    for launch_url in LAUNCH_URLS:
        for mode in ("modal", "popup", "redirect"):
            assert tab.wait_js("""
                const [launchUrl, mode, done] = arguments;
                connect.open({launchUrl, mode}).then(() => done('opened'), (error) => done(error.name));
            """, launch_url and launch_url.replace("{service}", tab.service.url), mode) == "TypeError", launch_url
    assert not tab.has_dialog
    assert tab.url == f"{visitor.app.url}/" and len(tab.driver.window_handles) == 1


def test_language_that_does_not_exist(visitor, tab):
    """The next best one; the page works."""
    launch_url = visitor.mints(postal_address=LONDON, language="en")["launch_url"].replace("?lang=en", "")
    page, _, ticket = launch_url.partition("#")
    for language in ("xx", "", "%3Cscript%3E", "en&lang=fr", "e" * 300, "de-AT"):
        tab.open("about:blank").open(f"{page}?lang={language}#{ticket}").screen("provider_select")
        assert tab.js("return document.documentElement.lang") == ("de" if language == "de-AT" else "en"), language


def test_language_of_the_browser(visitor, tab):
    tab.cdp("Network.enable")
    tab.cdp("Network.setExtraHTTPHeaders", headers={"Accept-Language": "xx, nl-BE;q=0.8, en;q=0.5"})
    launch_url = visitor.mints(postal_address=LONDON, language="en")["launch_url"].replace("?lang=en", "")
    visitor.language = "nl"
    tab.open(launch_url)
    visitor.at("provider_select").heading("provider.title")


def test_language_that_a_mint_does_not_know(hosted, user):
    with pytest.raises(urllib.error.HTTPError) as refused:
        hosted.mint_page(user, language="xx")
    assert refused.value.code in (400, 422)
    refused.value.close()


def test_return_to_another_tab(visitor, tab):
    """A token in an address is used only by the tab that holds it: what this one holds goes on."""
    visitor.opens(postal_address=LONDON).at("provider_select")
    token, before = visitor.token, tab.service.count("connect")
    first = tab.tab
    tab.new_tab().open(f"{tab.service.url}/connect?fp_cot={token}").screen("foreign")
    visitor.heading("failure.foreign").sees("error.foreign").look("foreign").is_discreet()
    assert tab.url == f"{tab.service.url}/connect"
    assert tab.service.count("connect") == before, "the token of another tab was used"
    # The same in a tab that has a session of its own.
    other = Visitor(tab, visitor.app, visitor.user).opens(postal_address=LONDON).at("provider_select")
    tab.open(f"{tab.service.url}/connect?fp_cot={token}").screen("foreign")
    tab.open(f"{tab.service.url}/connect")
    other.at("provider_select").closes().returns("abandoned")
    tab.switch(first)
    visitor.reaches_the_summary().finishes().returns("connected")


QUERIES = [
    "fp_cot=%0d%0aSet-Cookie:%20a=b", "fp_cot=%3Cscript%3Ealert(1)%3C/script%3E", "fp_cot=a&fp_cot=b",
    "fp_cot=x%23ticket=cs_1.AAAAAAAAAAAAAAAAAAAAAA", "fp_cot=" + "a" * 4000,
]


def test_token_in_an_address_that_is_none(tab):
    """A page in the customer's language says so; nothing of it is passed on."""
    tab.expect("status of 4(00|22)")
    for query in QUERIES:
        status, headers, body = tab.service.fetch(f"/connect?{query}&utm_source=mail")
        assert status in (400, 422) and headers["content-type"].startswith("text/html"), query
        assert "no-store" in headers["cache-control"] and not {"location", "set-cookie"} & set(headers), query
        assert not any(part in body for part in (b"<script>alert", b"cs_1", b"a" * 100)), query
        tab.open("about:blank").open(f"{tab.service.url}/connect?{query}").sees("req_")
        tab.look("not_a_token")


REDIRECTS = [
    "javascript:document.title='cot_1'", "data:text/html,<script>alert(1)</script>", "file:///etc/passwd",
    "https://user:secret@evil.example/", "", "blob:x", "x" * 10_000,
]


def test_redirect_that_is_not_safe(visitor, tab):
    """What Connect's answer leads to, should it ever be forged."""
    visitor.opens(postal_address=LONDON).at("provider_select")
    for address in REDIRECTS:
        tab.service.fault("body", body=json.dumps({
            "connect_token": visitor.token, "route": "session_redirect", "live_mode": False,
            "data": {"redirect_url": address}}))
        visitor.chooses("Brackenfield Energy")
        tab.until(lambda: tab.all(".alert.error"), why=f"{address[:40]} was not refused")
        visitor.sees("error.redirect_refused")
        tab.renewed(tab.reload)
        visitor.at("provider_select")
    visitor.closes().returns("abandoned")


# Frames.

def test_frame_of_an_origin_that_is_not_listed(visitor, tab, stranger):
    """Nothing renders, and the ticket is as good as before."""
    tab.hosts.add(stranger.host)
    stranger.service_url = tab.service.url
    tab.expect("frame-ancestors|Refused to frame|ERR_BLOCKED_BY_RESPONSE|violates")
    tab.schemes.append("chrome-error")
    launch_url = visitor.mints(postal_address=LONDON)["launch_url"]
    tab.open(stranger.url).find("[data-ready]")
    tab.wait_js(FRAME, launch_url)
    into_frame(tab)
    tab.until(lambda: tab.js("return document.readyState") == "complete")
    assert not tab.all("[data-screen]") and "provider" not in tab.text
    tab.top()
    assert tab.js("return window.readies") == []
    tab.open(launch_url)
    visitor.at("provider_select")


def test_window_of_a_login_is_in_no_frame(visitor, tab):
    tab.expect("frame-ancestors|Refused to frame|ERR_BLOCKED_BY_RESPONSE|violates")
    tab.schemes.append("chrome-error")
    tab.open(visitor.app.url).find("[data-ready]")
    tab.wait_js(FRAME, f"{tab.service.url}/connect/popup")
    into_frame(tab)
    tab.until(lambda: tab.js("return document.readyState") == "complete")
    assert not tab.all("[data-screen]")
    tab.top()


def directives(policy):
    return dict(each.strip().partition(" ")[::2] for each in policy.split(";"))


def test_who_may_frame_the_page(hosted, app, own_app):
    for path, ancestors in (("/connect", f"{app.url} {own_app.url}"), ("/connect/popup", "'none'")):
        status, headers, _ = hosted.fetch(path)
        assert status == 200
        assert set(directives(headers["content-security-policy"])["frame-ancestors"].split()) == set(ancestors.split())
        # It would forbid what the policy allows.
        assert ("x-frame-options" in headers) == (ancestors == "'none'")
        assert headers["referrer-policy"] == "no-referrer" and headers["x-content-type-options"] == "nosniff"
        # The ties to an opener must survive.
        assert "cross-origin-opener-policy" not in headers
    alone = Hosted()
    try:
        _, headers, body = alone.fetch("/connect")
        assert headers["x-frame-options"] == "DENY"
        assert directives(headers["content-security-policy"])["frame-ancestors"] == "'none'"
        assert '"origins":[]' in body.decode().replace(" ", "")
    finally:
        alone.stop()


def test_other_origins_exchange_no_tickets(visitor, tab, stranger):
    """Not even one that has a ticket, and not even the app's own: the token is for the page alone."""
    tab.hosts.add(stranger.host)
    tab.expect("CORS policy|ERR_FAILED|status of 40")
    ticket = visitor.mints(postal_address=LONDON)["launch_url"].partition("ticket=")[2]
    stranger.is_strict = False
    stranger.service_url = tab.service.url
    tab.open(stranger.url).find("[data-ready]")
    assert tab.wait_js("""
        const [url, ticket, done] = arguments;
        const body = JSON.stringify({ticket, tab: 'A'.repeat(22)});
        fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json'}, body})
          .then(() => done('answered'), () => done('refused'));
    """, f"{tab.service.url}/v1/connect/tickets", ticket) == "refused"
    tab.open(visitor.minted["launch_url"])
    visitor.at("provider_select")

    forged = {"ticket": f"cs_{'0' * 24}.{'A' * 22}", "tab": "A" * 22}
    for origin in (visitor.app.url, stranger.url, "null"):
        _, headers, _ = tab.service.fetch("/v1/connect/tickets", "POST", forged, {"Origin": origin})
        assert "access-control-allow-origin" not in headers, origin


# Logs.

class Watcher(http.server.BaseHTTPRequestHandler):
    """A provider that notes what a browser says about where it came from."""

    seen = []

    def do_GET(self):
        self.seen.append((self.path, self.headers.get("Referer")))
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Provider</title><h1>Log in</h1><main data-screen=provider></main>")

    def log_message(self, *arguments):
        pass


def test_provider_learns_nothing_of_the_app(visitor, tab):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Watcher)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    tab.hosts.add(address)
    tab.expect("favicon|status of 404")
    visitor.opens_from_the_app("modal", postal_address=LONDON).at("provider_select")
    tab.service.fault("body", body=json.dumps({
        "connect_token": visitor.token, "route": "session_redirect", "live_mode": False,
        "data": {"redirect_url": f"http://{address}/login"}}))
    visitor.chooses("Brackenfield Energy")
    with tab.other_window(visitor.goes_on_to):
        tab.screen("provider")
        assert tab.js("return [document.referrer, window.name]") == ["", ""]
    server.shutdown()
    server.server_close()
    # The browser asks for the provider's icon besides, as the provider's own page.
    assert [referrer for path, referrer in Watcher.seen if path == "/login"] == [None], Watcher.seen
    tab.top()


@pytest.mark.parametrize("prefix", ["", "/energy"], ids=["root", "prefix"])
def test_behind_a_proxy(request, browsers, app, user, prefix):
    """The shipped nginx files, and a path prefix that the proxy takes off: the whole way, and no secret in a log."""
    front = Front(prefix=prefix)
    hosted = Hosted([app.url], BFF_PUBLIC_URL=front.url, BFF_RETURN_URLS=f"{app.url}/done")
    try:
        front.start(hosted)
        hosted.url = front.url
        opened = open_browser(request, browsers, hosted, PHONE, hosts=(app.host, front.host))
        browser = next(opened)
        app.service_url = front.url
        visitor = Visitor(browser, app, user).opens_from_the_app("redirect", postal_address=LONDON)
        visitor.at("provider_select").chooses("Brackenfield Energy").logs_in_here().at("tariff_summary")
        assert browser.url == f"{front.url}/connect"
        token, ticket = visitor.token, visitor.minted["launch_url"].partition("ticket=")[2]
        browser.renewed(browser.reload)
        visitor.at("tariff_summary").finishes().returns("connected")
        visitor.opens_from_the_app("modal", postal_address=LONDON).chooses("Brackenfield Energy")
        visitor.logs_in_in_a_window()
        browser.into_dialog()
        visitor.at("tariff_summary").finishes().is_done("connected")
        assert "/connect" in front.log and "/v1/connect/tickets" in front.log
        for secret in (token, visitor.token, ticket, "fp_cot"):
            assert secret not in front.log, f"{secret} is in the log of the proxy"
        for secret in (token, visitor.token, ticket):
            assert secret not in hosted.log, f"{secret} is in the log of the service"
        next(opened, None)
    finally:
        front.stop()
        hosted.stop()
