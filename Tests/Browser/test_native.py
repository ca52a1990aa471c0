"""A native app's part: Connect in a web view of a phone, and a deep link at the end."""

import json
import urllib.parse

import pytest
import webapp
from customer import LONDON

RETURN = "myapp://tariff/done"


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


@pytest.mark.parametrize("language, title", [
    ("en-GB", "Back to the app"), ("de-AT,de;q=0.9", "Zurück zur App"), ("fr", "Retour à l’application"),
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
    assert phone.driver.title == title
    [link] = phone.all("a")
    assert link.text == title
    assert link.get_attribute("href") == f"{RETURN}?session={minted['id']}&status=abandoned"
    assert phone.js("return document.documentElement.lang") == (language[:2] if language != "pl" else "en")
    assert phone.faults() == []
    # A tap is what a browser may ask for before it opens an app.
    link.click()
    phone.sees(title)


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
