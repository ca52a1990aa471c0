"""A native app's part: Connect in a web view of a phone, and a deep link at the end."""

import json
import urllib.parse

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
    return found


def test_deep_link_at_the_end(phone):
    phone.schemes.append("myapp")
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
