"""A native app's part: Connect in a web view of a phone, and a deep link at the end."""

import json
import urllib.parse

import pytest
import webapp
from customer import LONDON
from visitor import Visitor

RETURN = "myapp://tariff/done"


# Where a web view of each kind takes a text.
SHELLS = {
    "ios": "window.webkit = {messageHandlers: {connectBFF: {postMessage: (text) => window.said.push(text)}}};",
    "react_native": "window.ReactNativeWebView = {postMessage: (text) => window.said.push(text)};",
    "android": "window.ConnectBFF = {postMessage: (text) => window.said.push(text)};",
}


def deep_links(browser):
    """Where the browser was sent outside of the web."""
    found = set()
    for entry in browser.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        browser.requests.append(message) if message["method"].startswith("Network.requestWillBeSent") else None
        headers = {name.lower(): value for name, value in (
            message["params"].get("headers")
            or message["params"].get("redirectResponse", {}).get("headers") or {}).items()}
        if headers.get("location", "").startswith("myapp:"):
            found.add(headers["location"])
        wait, _, address = headers.get("refresh", "").partition("; url=")
        if wait == "0" and address.startswith("myapp:"):
            found.add(address)
    return found


@pytest.mark.web_app
def test_deep_link_at_the_end(phone):
    phone.schemes.append("myapp")
    phone.ends_at_the_callback = True
    # No app on this machine takes the link, and Chromium says so.
    phone.expect(r"myapp:")
    service = phone.service
    minted = service.mint("amira", app="ios", return_url=RETURN, postal_address=LONDON)
    token = minted["connect_token"]
    assert minted["launch_url"] == f"myapp://connect?fp_cot={token}"

    # The app shows the Connect UI in a web view, with the token of its deep link.
    phone.open(f"{webapp.ORIGIN}/?fp_cot={token}").screen("provider_select")
    assert phone.js("return innerWidth") == 390
    phone.press("PROVIDER_MISSING").screen("provider_name_capture").fill(name="My Power").press("Next")
    phone.screen("tariff_structure_select").press("FIXED")
    phone.screen("rate_fixed_capture").fill(cost="23.45").press("Next")
    phone.screen("tariff_summary").press("Close")

    links = phone.until(lambda: deep_links(phone), why="no deep link came")
    [link] = links
    assert "cot_" not in link
    link = urllib.parse.urlsplit(link)
    assert (link.scheme, link.netloc, link.path) == ("myapp", "tariff", "/done")
    assert dict(urllib.parse.parse_qsl(link.query)) == {"session": minted["id"], "status": "connected"}
    assert service.get(f"/v1/connect/sessions/{minted['id']}", "amira")["state"] == "connected"


@pytest.mark.web_app
@pytest.mark.parametrize("language, title", [
    ("en-GB", "Back to the app"), ("de-AT,de;q=0.9", "Zurück zur App"), ("fr", "Revenir à l’application"),
    ("nl", "Terug naar de app"), ("pl", "Back to the app")])
def test_page_where_the_app_does_not_open(phone, language, title):
    """No app on this machine takes the link: the customer sees a page with the link, and not nothing."""
    phone.schemes.append("myapp")
    phone.ends_at_the_callback = True
    phone.expect(r"myapp:")
    phone.driver.execute_cdp_cmd("Network.enable", {})
    phone.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": language}})
    minted = phone.service.mint("amira", app="ios", return_url=RETURN, postal_address=LONDON)
    token = minted["connect_token"]
    phone.open(f"{webapp.ORIGIN}/?fp_cot={token}").screen("provider_select").press("Close")
    phone.sees(title)
    assert phone.driver.title.startswith(f"{title} – ")
    [link] = phone.all("main a")
    assert link.text == title
    assert link.get_attribute("href") == f"{RETURN}?session={minted['id']}&status=abandoned"
    assert phone.js("return document.documentElement.lang") == (language[:2] if language != "pl" else "en")
    assert phone.faults() == []
    # A tap is what a browser may ask for before it opens an app.
    link.click()
    phone.sees(title)


@pytest.mark.web_app
def test_provider_login_of_an_app_leads_into_the_app(phone):
    """After its login page a provider sends the customer to the app's own address, with the token that it needs."""
    phone.schemes.append("myapp")
    phone.expect(r"myapp:")
    minted = phone.service.mint("amira", app="ios", return_url=RETURN, postal_address=LONDON)
    token = minted["connect_token"]
    phone.open(f"{webapp.ORIGIN}/?fp_cot={token}").screen("provider_select").press("Brackenfield Energy")
    phone.until(lambda: phone.all("[name=username]"))
    phone.fill(username="maria", password="any").press("Log in").press("Agree")
    assert phone.until(lambda: deep_links(phone)) == {f"myapp://connect?fp_cot={token}"}
    # The app opens its web view again, where the session goes on.
    phone.open(f"{webapp.ORIGIN}/?fp_cot={token}&again=1").screen("tariff_summary").sees("Brackenfield Energy")


# The hosted page in a web view.

def said(browser):
    return browser.js("return window.said ?? []")


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_gets_one_message(tab, app, user, shell):
    """Over a provider's login, which leaves the page and comes back to a new document of it."""
    tab.before_scripts("window.said = [];" + SHELLS[shell])
    tab.service.control("/mode", {"mode": "strict"})
    try:
        visitor = Visitor(tab, app, user).opens(postal_address=LONDON, options={"shell": True})
    finally:
        # What Flatpeak does not know is refused in that mode, so `shell` did not go there.
        tab.service.control("/mode", {"mode": "plain"})
    assert visitor.minted["launch_url"].endswith("&shell=1")
    visitor.at("provider_select").chooses("Brackenfield Energy").logs_in_here()
    visitor.at("tariff_summary")
    assert said(tab) == []
    visitor.finishes().at("done").heading("done.title").look("done")
    [message] = said(tab)
    assert json.loads(message) == {"type": "connect-bff", "session": visitor.minted["id"], "status": "connected"}
    visitor.has_state("connected")
    # A reload of what is left says nothing again.
    tab.renewed(tab.reload)
    tab.until(lambda: tab.shown not in (None, "starting"))
    assert said(tab) == []


def test_shell_gets_abandoned_when_the_customer_leaves(tab, app, user):
    tab.before_scripts("window.said = [];" + SHELLS["ios"])
    visitor = Visitor(tab, app, user).opens(postal_address=LONDON, options={"shell": True}).at("provider_select")
    # The back gesture of the web view, on the first screen.
    tab.back()
    visitor.at("done")
    assert [json.loads(each)["status"] for each in said(tab)] == ["abandoned"]


@pytest.mark.parametrize("script, options", [("", {"shell": True}), (SHELLS["ios"], {})], ids=["no_shell", "not_asked"])
def test_without_a_shell_the_page_returns(tab, app, user, script, options):
    """The option without a shell, and a shell that no one asked to tell, are as a browser."""
    tab.before_scripts("window.said = [];" + script)
    visitor = Visitor(tab, app, user).opens(postal_address=LONDON, options=options)
    visitor.at("provider_select").closes().returns("abandoned")
    assert said(tab) == []


def test_page_keeps_clear_of_notches_and_of_the_keyboard(tab, app, user):
    """The document asks for the whole screen, and pads by the safe areas."""
    Visitor(tab, app, user).opens().at("postal_address_capture")
    assert "viewport-fit=cover" in tab.find("meta[name=viewport]").get_attribute("content")
    assert tab.js("""
        return [...document.styleSheets].some((sheet) =>
            [...sheet.cssRules].some((rule) => /safe-area-inset/.test(rule.cssText)));
    """)
    # As high as what a keyboard leaves of a phone's screen: the field that has the focus is in sight.
    tab.resize({**tab.size, "height": 380})
    field = tab.find("[name=post_code]")
    field.send_keys("WC2N")
    box = tab.js("const box = arguments[0].getBoundingClientRect(); return [box.top, box.bottom, innerHeight]", field)
    assert box[0] >= 0 and box[1] <= box[2], box
    assert tab.js("""
        const box = arguments[0].getBoundingClientRect();
        return document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2) === arguments[0];
    """, field), "something covers the field"
