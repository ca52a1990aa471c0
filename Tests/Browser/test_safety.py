"""What the page does with hostile things, and that the checks of every test see what they look for."""

import http.server
import json
import threading

import pytest
import webapp
from customer import InTheTab, OnThePage


class Logos(http.server.BaseHTTPRequestHandler):
    """A host of logos that are anything but."""

    answers = {
        "/script.svg": ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" onload="throw new Error(1)">'
                        b"<script>throw new Error('from a logo')</script></svg>"),
        "/page.png": ("text/html", b"<script>throw new Error('from a logo')</script>"),
        "/code.png": ("text/javascript", b"throw new Error('from a logo')"),
    }

    def do_GET(self):
        content_type, body = self.answers.get(self.path, (None, None))
        if content_type is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def logos():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Logos)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_errors_in_logos(phone, logos):
    """Whatever Connect says where logos are: the page asks its own service alone, and shows initials."""
    customer = InTheTab(phone).starts().at("postal_address_capture")
    # A logo that its host does not have; Chromium says so.
    phone.expect(r"/connect/logos/0{32}\.png - Failed to load resource: the server responded with a status of")
    hostile = [
        f"http://{logos}/script.svg",
        f"http://{logos}/page.png",
        f"http://{logos}/{'0' * 32}.png",
        "javascript:throw new Error('from a logo')",
        "data:text/html,<script>throw 1</script>",
        '"><img src=x onerror="throw new Error(1)">',
        "",
        None,
    ]
    names = ["<b onclick=throw>Bold & Co</b>", *(f"Provider {index}" for index in range(1, len(hostile)))]
    page = {
        "connect_token": customer.service.newest_token, "route": "provider_select",
        "direction": "IMPORT", "type": "COMMODITY", "live_mode": False, "actions": ["PROVIDER_MISSING", "BACK"],
        "data": {"postal_address": {"address_line1": "<script>throw 1</script>"}, "providers": [
            {"id": f"prv_{index}", "display_name": name, "logo_url": url}
            for index, (name, url) in enumerate(zip(names, hostile))]},
    }
    customer.service.fault("body", body=json.dumps(page))
    phone.renewed(phone.reload)
    customer.at("provider_select")
    assert [each.text for each in phone.all(".choice .title")] == names
    phone.until(lambda: not phone.all("img.logo") and len(phone.all("span.logo")) == len(hostile))
    phone.look("hostile_logos")
    assert not phone.all(".choice script, .choice b, .lead script")
    # Connect itself still stands on the address, refuses the answer to another page, and the page finds its way.
    phone.expect(r"status of 400")
    phone.press("My provider is not listed")
    customer.at("postal_address_capture").browser.sees("This is where you are now")
    phone.look("moved_on")


def policy_of(phone, path):
    return phone.wait_js("""
        const [path, done] = arguments;
        fetch(path).then((answer) => done(answer.headers.get('content-security-policy').split('; ')));
    """, path)


def test_pages_have_a_strict_policy(phone):
    InTheTab(phone).starts()
    for path in ("/", "/connect", "/connect/popup"):
        policy = policy_of(phone, path)
        assert "unsafe" not in "; ".join(policy)
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
                "base-uri 'none'", "form-action 'none'"} <= set(policy)
    assert "frame-ancestors 'none'" in policy_of(phone, "/")
    assert "frame-ancestors 'none'" in policy_of(phone, "/connect/popup")
    assert {"require-trusted-types-for 'script'", "trusted-types 'none'"} <= set(policy_of(phone, "/connect"))
    # And it is in force.
    phone.expect(r"Content Security Policy|violates the following|TrustedHTML|TrustedScript")
    assert phone.wait_js("""
        const done = arguments[0];
        addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective));
        const script = document.createElement('script');
        script.append('window.ran = true');
        document.body.append(script);
    """).startswith(("script-src", "require-trusted-types"))
    assert phone.js("return window.ran") is None
    assert phone.js("""
        try { document.createElement('div').innerHTML = '<b>'; } catch (error) { return error.name; }
    """) == "TypeError"
    assert phone.js("""
        try { trustedTypes.createPolicy('mine', {}); } catch (error) { return error.name; }
    """) == "TypeError"


def test_tokens_stay_in_their_tab(phone):
    customer = OnThePage(phone).starts().gives_address()
    holds_a_token = lambda: phone.js("return Object.values(sessionStorage).some((each) => each.includes('cot_'))")
    assert holds_a_token()
    everywhere = phone.js("return JSON.stringify({...localStorage}) + document.cookie + JSON.stringify(history.state)")
    assert "cs_" in everywhere and "cot_" not in everywhere
    assert "cot_" not in phone.driver.page_source
    customer.types_provider().picks_structure("FIXED").types_rate().finishes().is_told("connected")
    # Once a session is over its token is not needed.
    phone.until(lambda: not holds_a_token())


@pytest.mark.web_app
def test_another_origin_reads_nothing(phone, logos):
    """CORS lets in the web app, and no other origin, not even one on this machine."""
    phone.hosts.add(logos)
    phone.expect(r"CORS policy|net::ERR_FAILED|404")
    attempt = """
        const [url, done] = arguments;
        fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})
          .then((answer) => answer.json()).then((json) => done(json.code), () => done('refused'));
    """
    phone.open(f"http://{logos}/nothing")
    assert phone.wait_js(attempt, phone.service.url) == "refused"
    phone.expect(r"status of 400")
    phone.open(f"{webapp.ORIGIN}/config.js")
    assert phone.wait_js(attempt, phone.service.url) == "connect_token_missing"


# Each check finds what it is there to find.

def found(browser, what):
    complaints = browser.complaints()
    browser.requests.clear()
    return [each for each in complaints if what in each]


@pytest.mark.web_app
def test_the_checks_see(phone, logos):
    OnThePage(phone).sign_in()
    assert phone.complaints() == []
    phone.js("console.error('on purpose')")
    phone.js("setTimeout(() => { throw new Error('thrown on purpose') })")
    assert phone.until(lambda: found(phone, "on purpose"))

    phone.open(f"http://{logos}/script.svg")
    assert found(phone, "another host")

    # A token in the address of a page that lets its referrer go.
    phone.open(f"{webapp.ORIGIN}/?fp_cot=cot_000000000000000000000000").screen("error")
    phone.js("""
        const link = document.createElement('a');
        link.href = arguments[0];
        link.referrerPolicy = 'unsafe-url';
        document.body.append(link);
        link.click();
    """, phone.service.url + "/readyz")
    phone.until(lambda: phone.driver.current_url.endswith("/readyz"))
    seen = phone.complaints()
    phone.requests.clear()
    assert any("a token in document.referrer" in each for each in seen), seen
    assert any("a token in Referer" in each for each in seen), seen

    OnThePage(phone).browser.open(phone.service.url + "/").screen("home")
    phone.js(
        "document.querySelector('h1').after(Object.assign(new Image(), {src: '/page/icon.svg'}),"
        " document.createElement('button'))"
    )
    assert [each for each in phone.faults() if "button-name" in each]
    assert [each for each in phone.faults() if "image-alt" in each]
    # What was provoked here is dealt with.
    phone.complaints()
    phone.requests.clear()
    phone.open(phone.service.url + "/").screen("home")
