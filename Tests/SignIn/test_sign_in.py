"""What a customer meets: the whole way, sign-ins that end, several tabs, and pages of others."""

import urllib.parse

import pytest
from connect_page import LONDON
from customer_of_the_app import CONNECTED

MINT = "/v1/connect/sessions"


def test_whole_way(customer, place, apache):
    """Signs in, mints, connects, confirms, reads, signs out."""
    customer.opens().signs_in().connects()
    session = place.read(f"{MINT}/{customer.session}", customer.user)
    assert (session["state"], session["confirmed"]) == ("connected", True)
    cookie = customer.cookie
    assert apache.ask("GET", "/v1/locations", [("Cookie", cookie)])[0] == 200
    customer.signs_out()
    # Not only has the browser dropped the cookie: it opens nothing any more.
    assert apache.ask("GET", "/v1/locations", [("Cookie", cookie)])[0] == 401
    customer.browser.press("Sign in again")
    customer.signs_in()


def test_sign_in_that_ends_while_the_page_is_open(customer):
    """The hosted page goes on without it; the app offers a new one, after which it knows how the session ended."""
    customer.opens().signs_in().starts().gives_address(LONDON)
    customer.loses_the_sign_in().types_provider().picks_structure("FIXED").types_rate().finishes()
    customer.browser.without_dialog()
    customer.signs_in_again().browser.sees(CONNECTED)


def test_sign_in_that_ends_before_a_click(customer):
    customer.opens().signs_in()
    customer.loses_the_sign_in()
    customer.browser.press("Connect my tariff")
    customer.browser.without_dialog()
    customer.signs_in_again().starts()


def test_way_back_without_sign_in(customer):
    """The return URL leads to the provider and, with all of its query, to the app again."""
    browser = customer.opens().signs_in().browser
    launch_url = browser.wait_js("""
        const done = arguments[0];
        fetch('/v1/connect/sessions', {
            method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}',
        }).then((answer) => answer.json()).then((minted) => done(minted.launch_url));
    """)
    browser.open(launch_url)
    customer.gives_address(LONDON)
    customer.loses_the_sign_in().types_provider().picks_structure("FIXED").types_rate().finishes()
    customer.signs_in().browser.sees(CONNECTED)
    address = urllib.parse.urlsplit(browser.url)
    assert (address.path, address.query) == ("/", ""), "the app keeps the query"


def test_two_tabs_of_one_customer(customer, place):
    """Both begin a sign-in, both end it, in the other order, and both work."""
    browser, minted = customer.opens().browser, place.service.count("mint")
    first = browser.tab
    browser.new_tab()
    customer.opens().signs_in()
    second = browser.tab
    browser.switch(first)
    customer.signs_in().starts()
    browser.top().switch(second)
    customer.starts()
    assert place.service.count("mint") == minted + 2


def test_two_customers_in_two_tabs(customer, place):
    """A browser has one sign-in. The tab of the customer who had it before acts for neither without saying so."""
    browser = customer.opens().signs_in().connects().browser
    first = browser.tab
    hers, minted = customer.session, place.service.count("mint")
    browser.new_tab()
    customer.opens().is_known_as(customer.user).signs_out()
    browser.press("Sign in again")
    other = f"{customer.user}-other"
    customer.signs_in(other)
    browser.switch(first)
    browser.press("Connect my tariff")
    customer.is_known_as(other)
    assert place.service.count("mint") == minted, "a session was minted for the wrong customer"
    status = browser.wait_js(
        "fetch(arguments[0]).then((answer) => arguments[1](answer.status));", f"{MINT}/{hers}")
    assert status == 404
    assert place.read(f"{MINT}/{hers}", customer.user)["state"] == "connected"


def test_back_from_the_provider_too_late(customer):
    """Nothing is known of this sign-in any more: the customer begins again, and sees no error."""
    browser = customer.opens().browser
    browser.until(lambda: customer.is_at_the_provider)
    customer.loses_the_sign_in()
    browser.fill(sub=customer.user).press("Authorize")
    browser.until(lambda: customer.is_at_the_provider)
    customer.signs_in()


# Pages of others. The browser sends them the customer's cookie or not; nothing is minted in any case.

FORM = """
    <form method="post" action="{url}" enctype="{type}"><input name='{{"a":"' value='"}}'></form>
    <script>document.forms[0].submit()</script>
"""
SCRIPT = """
    <h1>…</h1>
    <script>
        fetch('{url}', {{
            method: 'POST', mode: 'no-cors', credentials: 'include', body: '{{}}',
            headers: {{'Content-Type': '{type}'}},
        }}).then(() => {{ document.querySelector('h1').textContent = 'sent'; }});
    </script>
"""


@pytest.mark.parametrize(
    ("page", "content_type"), [(FORM, "text/plain"), (SCRIPT, "application/x-www-form-urlencoded")],
    ids=["form", "script"])
@pytest.mark.parametrize(("site", "status"), [("stranger", "401"), ("sibling", "403")])
def test_cross_site_post(customer, place, apache, site, status, page, content_type):
    """To another site's page the cookie is not lent (SameSite); that of a sibling host is refused by the service."""
    browser = customer.opens().signs_in().browser.expect("Failed to fetch|ERR_BLOCKED_BY_RESPONSE")
    minted, before = place.service.count("mint"), len(apache.answers("POST", MINT))
    place.sites.page = page.format(url=f"{customer.app}{MINT}", type=content_type)
    browser.open(getattr(place, site))
    browser.until(lambda: len(apache.answers("POST", MINT)) > before, why="nothing was sent")
    assert apache.answers("POST", MINT)[before:] == [status]
    assert place.service.count("mint") == minted


@pytest.mark.parametrize("site", ["stranger", "sibling"])
def test_cross_site_sign_out(customer, place, apache, site):
    """A link of another site does not sign the customer out."""
    browser = customer.opens().signs_in().browser
    place.sites.page = f"<a href='{customer.app}/sign-in?logout='>a picture</a>"
    browser.open(getattr(place, site)).press("a picture")
    browser.until(lambda: apache.answers("GET", "/sign-in")[-1] == "403")
    customer.opens().is_known_as(customer.user)


def test_framed_app(customer, place):
    """The app is in no frame of another site."""
    browser = customer.opens().signs_in().browser
    browser.expect("frame-ancestors|Refused to (frame|display)|Framing ")
    place.sites.page = f"<iframe src='{customer.app}/'></iframe><h1>…</h1>"
    browser.open(place.sibling)
    browser.switch_to_frame(browser.find("iframe"))
    browser.until(lambda: browser.js("return location.protocol") == "chrome-error:", why=browser.words)
    browser.top()
