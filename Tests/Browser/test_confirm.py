"""Confirmations in a browser (`BFF_CONFIRM=code`): a customer of their own app, and whoever hands links over to others.

Mallory mints; Vera is the person whose tariff Mallory is after. Each has a tab of their own, which shares nothing of
the page's with the other tab, as two browsers would.
"""

import json
import re
import urllib.error
import urllib.parse

import pytest
from checks import PHONE
from conftest import open_browser
from connect_page import LONDON
from customer import OnThePage
from service import Hosted, Service
from visitor import Visitor

CODE = re.compile(r"^[\w-]{22}$")


@pytest.fixture(scope="module")
def the_confirming(app, own_app):
    made = Hosted(
        [app.url, own_app.url], BFF_RETURN_URLS=f"{app.url}/done,{own_app.url}/done", BFF_CONFIRM="code",
        BFF_CONFIRM_OPTIONAL="on")
    yield made
    made.stop()


@pytest.fixture
def hosted(the_confirming, app, own_app):
    """In place of the service that the other tests share."""
    app.service_url = own_app.service_url = the_confirming.url
    app.mint = own_app.mint = None
    app.asked.clear()
    own_app.asked.clear()
    yield the_confirming
    the_confirming.control("/faults", method="DELETE")


@pytest.fixture
def visitor(tab, app, user):
    return Visitor(tab, app, user)


def ask(service, user, method, path, body=None):
    """Status and JSON of a call of the app's backend for a user."""
    status, _, text = service.fetch(path, method, body, service.credentials(user))
    return status, json.loads(text) if text else {}


def session_of(visitor, user=None):
    return ask(visitor.service, user or visitor.user, "GET", f"/v1/connect/sessions/{visitor.minted['id']}")[1]


def confirm(visitor, code, user=None):
    return ask(visitor.service, user or visitor.user, "POST",
               f"/v1/connect/sessions/{visitor.minted['id']}/confirm", {"code": code})


def result(browser):
    """What connect.js gave to the app."""
    browser.until(lambda: browser.js("return 'result' in window && window.result !== null"), why="no result came")
    return browser.js("return window.result")


def reads_nothing(visitor):
    """The minter knows the state, and nothing of what was connected."""
    known = session_of(visitor)
    assert known["confirmed"] is False
    assert not {"location_id", "price_available"} & set(known), known
    assert ask(visitor.service, visitor.user, "GET", "/v1/locations")[1]["data"] == []
    return known


def back_at_the_app(visitor):
    """The page has gone to the return URL, whose address the app has cleaned."""
    browser = visitor.browser
    browser.until(lambda: browser.url.startswith(f"{visitor.app.url}/done"), why=f"still at {browser.url}")
    found = result(browser)
    address = urllib.parse.urlsplit(browser.url)
    assert (address.query, address.fragment) == ("", ""), f"the address keeps {browser.url}"
    return found


# The customer of their own app.

def test_redirect(visitor, tab):
    visitor.opens(postal_address=LONDON).reaches_the_summary().finishes()
    found = back_at_the_app(visitor)
    assert found["session"] == visitor.minted["id"] and found["status"] == "connected"
    assert CODE.match(found["code"])
    assert reads_nothing(visitor)["state"] == "connected"
    status, confirmed = confirm(visitor, found["code"])
    assert status == 200 and confirmed["confirmed"] is True and confirmed["location_id"]
    assert confirm(visitor, found["code"])[0] == 200, "a lost answer locks the owner out"
    location = confirmed["location_id"]
    assert ask(visitor.service, visitor.user, "GET", f"/v1/locations/{location}/status")[0] == 200
    assert ask(visitor.service, "another", "GET", f"/v1/locations/{location}/status")[0] == 404


@pytest.mark.parametrize("mode", ["modal", "popup"])
def test_embedded(visitor, tab, mode):
    if mode == "modal":
        visitor.opens_from_the_app("modal", postal_address=LONDON).reaches_the_summary().finishes()
        tab.without_dialog()
    else:
        visitor.app.mint = lambda: visitor.mints(postal_address=LONDON)
        tab.open(visitor.app.url).find("[data-ready]")
        with tab.other_window(lambda: tab.press("Connect in a window")):
            visitor.at("provider_select").reaches_the_summary().press("Done")
    found = result(tab)
    assert CODE.match(found["code"])
    assert "code" not in json.dumps(tab.js("return window.events")), "an event has the code"
    assert confirm(visitor, found["code"])[0] == 200


def test_fresh_code_from_the_same_tab(visitor, tab):
    visitor.opens(postal_address=LONDON).reaches_the_summary().finishes()
    first = back_at_the_app(visitor)["code"]
    # The entry of the session is ahead in the history; its address is enough.
    tab.open(f"{tab.service.url}/connect").screen("ended")
    visitor.press("Back to the app")
    second = back_at_the_app(visitor)["code"]
    assert first != second and CODE.match(second)
    assert confirm(visitor, second)[0] == 200
    status, refused = confirm(visitor, first)
    assert (status, refused["code"]) == (409, "confirmation_code_used")


def test_demo_app(request, browsers):
    """The app of `connect-bff dev`, which confirms by itself."""
    service = Service()
    opened = open_browser(request, browsers, service, PHONE)
    try:
        phone = next(opened)
        customer = OnThePage(phone).starts().gives_address().types_provider().picks_structure("FIXED").types_rate()
        customer.finishes().is_told("connected")
        [session] = customer.sessions()
        assert session["confirmed"] is True
        phone.until(lambda: phone.all("[data-location]"), why="the app does not show the place")
        assert len(customer.tariffs()) == 1
        assert next(opened, None) is None
    finally:
        service.stop()


# Whoever hands a link over.

def test_unopened_link(visitor, tab):
    """Mallory mints and sends the link; Vera connects."""
    visitor.opens(postal_address=LONDON).reaches_the_summary().finishes()
    code = back_at_the_app(visitor)["code"]
    # The code is in Vera's browser. Her app is signed in as Vera.
    assert confirm(visitor, code, user="vera")[0] == 404
    reads_nothing(visitor)
    # Mallory has the link.
    other = tab.tab
    tab.new_tab().expect("status of 409")
    tab.open(visitor.minted["launch_url"]).screen("failure")
    assert tab.js("return document.getElementById('screen').dataset.code") == "ticket_used"
    tab.switch(other)
    reads_nothing(visitor)


def test_opened_first_and_sent(visitor, tab):
    """Mallory opens the link first; Vera finds a used one, and a ticket made with the token does not exist."""
    visitor.opens(postal_address=LONDON).at("provider_select")
    token, mallory = visitor.token, tab.tab
    tab.new_tab().expect("status of 409")
    tab.open(visitor.minted["launch_url"]).screen("failure")
    status, _, body = visitor.service.fetch("/v1/connect/tickets", "POST", {"connect_token": token})
    assert status == 409 and json.loads(body)["code"] == "ticket_used"
    tab.switch(mallory)
    visitor.at("provider_select")
    reads_nothing(visitor)


def test_forwarded_login(visitor, tab):
    """Mallory forwards the provider's login to Vera, who comes back in a browser that does not hold the session."""
    visitor.opens(postal_address=LONDON).chooses("Brackenfield Energy")
    tab.until(lambda: tab.url.startswith(tab.service.provider_url), why=f"still at {tab.url}")
    login, mallory = tab.url, tab.tab
    tab.new_tab().open(login)
    visitor.logs_in_here()
    tab.screen("foreign")
    visitor.heading("failure.foreign").sees("error.foreign").is_discreet()
    tab.until(lambda: session_of(visitor).get("reason") == "foreign_tab", why="the session is not foreign")
    assert reads_nothing(visitor)["state"] == "failed"
    # Nor can Mallory's tab go on with it, or get a code.
    tab.switch(mallory).expect("status of 4(09|04)")
    tab.open(f"{tab.service.url}/connect").screen("failure")
    assert tab.js("return document.getElementById('screen').dataset.code") == "connect_token_used"
    visitor.press("Back to the app")
    assert "code" not in back_at_the_app(visitor)
    reads_nothing(visitor)


def test_forwarded_login_after_the_confirmation(visitor, tab):
    """A location that Mallory's tab was quick enough to confirm is taken back."""
    visitor.opens(postal_address=LONDON).reaches_the_summary()
    token = visitor.token
    visitor.finishes()
    location = confirm(visitor, back_at_the_app(visitor)["code"])[1]["location_id"]
    assert ask(visitor.service, visitor.user, "GET", f"/v1/locations/{location}/status")[0] == 200
    tab.new_tab().open(f"{tab.service.url}/connect?fp_cot={token}").screen("foreign")
    tab.until(lambda: session_of(visitor).get("reason") == "foreign_tab", why="the session is not foreign")
    assert ask(visitor.service, visitor.user, "GET", f"/v1/locations/{location}/status")[0] == 404
    reads_nothing(visitor)


def test_own_token_in_the_own_tab(visitor, tab):
    """A provider that redirects once more, after the end, spoils nothing."""
    visitor.opens(postal_address=LONDON).reaches_the_summary()
    token = visitor.token
    visitor.finishes()
    code = back_at_the_app(visitor)["code"]
    tab.open(f"{tab.service.url}/connect?fp_cot={token}").screen("foreign")
    assert confirm(visitor, code)[0] == 200


def test_replayed_callback(visitor, tab):
    """The callback's redirect, which anyone with the token gets, has no code; neither has a document of another tab."""
    visitor.opens(postal_address=LONDON).reaches_the_summary()
    token = visitor.token
    visitor.finishes()
    back_at_the_app(visitor)
    status, headers, _ = visitor.service.fetch(f"/v1/connect/callback?fp_cot={token}")
    assert status == 303 and "code" not in headers["location"]
    for key in ("A" * 22, "AAECAwQFBgcICQoLDA0ODw"):
        status, _, body = visitor.service.fetch("/v1/connect/callback", "POST", {"connect_token": token, "tab": key})
        assert status == 200 and "code" not in json.loads(body)
    reads_nothing(visitor)


def test_guessed_codes(visitor, tab):
    visitor.opens(postal_address=LONDON).reaches_the_summary().finishes()
    code = back_at_the_app(visitor)["code"]
    statuses = [confirm(visitor, f"{number:020d}AA")[0] for number in range(12)]
    assert statuses == [404] * 10 + [429] * 2
    # The limit is Mallory's own, and holds for the right code, too.
    assert confirm(visitor, code)[0] == 429
    reads_nothing(visitor)


def test_unconfirmed_edit(visitor, tab):
    """Mallory sends Vera an edit of Mallory's own location, which then shows Vera's tariff to neither."""
    visitor.opens(postal_address=LONDON).reaches_the_summary().finishes()
    location = confirm(visitor, back_at_the_app(visitor)["code"])[1]["location_id"]
    status = lambda: ask(visitor.service, visitor.user, "GET", f"/v1/locations/{location}/status")
    assert status()[0] == 200
    visitor.opens(location_id=location, action="edit").reaches_the_summary()
    tab.until(lambda: status()[0] == 409, why="the location can be read")
    assert status()[1]["code"] == "confirmation_required"
    [listed] = ask(visitor.service, visitor.user, "GET", "/v1/locations")[1]["data"]
    assert listed["confirmation_required"] is True
    with pytest.raises(urllib.error.HTTPError) as refused:
        visitor.service.mint_page(visitor.user, location_id=location)
    assert refused.value.code == 409
    refused.value.close()
    visitor.finishes()
    found = back_at_the_app(visitor)
    assert status()[0] == 409
    assert confirm(visitor, found["code"])[0] == 200
    assert status()[0] == 200


def test_vouched(visitor, tab):
    """A support desk that knows the customer needs no code."""
    visitor.opens(postal_address=LONDON, confirm=False).reaches_the_summary().finishes().returns("connected")
    known = session_of(visitor)
    assert "confirmed" not in known and known["location_id"]
    assert "minted without a confirmation" in visitor.service.log
