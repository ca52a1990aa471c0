"""The service's own limits, as a customer meets them: a screen that says so, with a way on that works."""

import time
import urllib.error

import pytest
from checks import PHONE
from conftest import open_browser
from connect_page import LONDON
from service import Hosted
from test_failures import failed_on, failed_whole
from visitor import Visitor


@pytest.fixture
def limited(app):
    """`connect-bff serve` with a limit on the calls of a session: ten at once, and another one every six seconds."""
    made = Hosted(
        [app.url], BFF_RETURN_URLS=f"{app.url}/done", BFF_LIMIT_RELAY="10/m", BFF_BRAND_NAME="Daylight Energy",
        BFF_BRAND_COLOR="#1f6f4a", BFF_BRAND_SUPPORT_URL="https://help.example.com/")
    app.service_url = made.url
    app.asked.clear()
    yield made
    made.stop()


@pytest.fixture
def visitor(request, browsers, limited, app, user):
    for tab in open_browser(request, browsers, limited, PHONE, hosts=(app.host,)):
        yield Visitor(tab, app, user)


def use_up(visitor):
    """Another tab of the session calls until it is refused, and will be for some seconds."""
    for _ in range(30):
        try:
            visitor.service.connect(visitor.token, "session_start")
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == 429
                wait = int(error.headers["Retry-After"])
            if wait >= 5:
                return
            time.sleep(wait)
    pytest.fail("nothing was refused")


def goes_on(visitor, route):
    """By the button, which counts down until the service takes a call again."""
    visitor.browser.until(lambda: visitor.browser.all(".alert button:enabled"), seconds=20)
    return visitor.press("Try again").at(route)


def test_session_that_calls_too_often(visitor):
    """In the middle, where the screen stays, and at the start, where there is nothing behind the failure."""
    visitor.browser.expect(r"status of 429")
    visitor.opens(postal_address=LONDON).at("provider_select")
    use_up(visitor)
    visitor.press("My provider is not listed")
    failed_on(visitor, "error.rate_limited", "failure_limited")
    reference = visitor.reference()
    visitor.browser.until(lambda: reference in visitor.service.log, why="the operator does not know the reference")
    goes_on(visitor, "provider_name_capture")
    use_up(visitor)
    visitor.browser.renewed(visitor.browser.reload)
    failed_whole(visitor, "failure.limited", "error.rate_limited", "failure_limited_at_the_start")
    goes_on(visitor, "provider_name_capture")


def test_address_that_calls_too_often(visitor, limited):
    """Not even the document is given out: the service's own page says so, under the brand, and keeps the ticket."""
    browser = visitor.browser
    browser.expect(r"status of 429")
    minted = visitor.mints(postal_address=LONDON)
    limited.environment["BFF_LIMIT_ADDRESS"] = "3/h"
    limited.restart()
    statuses = [limited.fetch("/connect")[0] for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    browser.open(minted["launch_url"])
    visitor.heading("failure.limited").sees("error.rate_limited").sees("help")
    assert "Daylight Energy" in browser.text
    assert browser.js("return getComputedStyle(document.getElementById('again')).backgroundColor") == "rgb(31, 111, 74)"
    assert browser.find("code").text.startswith("req_")
    browser.look("document_limited")
    del limited.environment["BFF_LIMIT_ADDRESS"]
    limited.restart()
    browser.find("#again").click()
    visitor.at("provider_select").closes().returns("abandoned")


def test_pages_of_the_service_itself(visitor):
    """In the customer's language, by the address and else by the browser, and in its look."""
    browser = visitor.browser
    browser.expect(r"status of 4(00|04)")
    browser.ends_at_the_callback = True
    for path, language in (("/connect?fp_cot=", "en"), ("/connect?lang=de&fp_cot=", "de"),
                           ("/v1/connect/callback?lang=fr&fp_cot=cot_unknown", "fr")):
        visitor.language = language
        browser.open(visitor.service.url + path)
        visitor.heading("failure.ticket_unknown").sees("error.ticket_unknown")
        assert browser.js("return document.documentElement.lang") == language
        assert browser.js("return [...document.styleSheets].filter((each) => each.cssRules.length > 0).length") == 2
        assert not browser.all("#again"), "the same request would be refused again"
    visitor.language = "en"
    browser.open(f"{visitor.service.url}/connect?fp_cot=")
    browser.look("document_refused")
