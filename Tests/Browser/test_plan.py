"""Journeys with a provider's login in every language, colour scheme and way of opening the page, on good and bad days.

The quick plan lets each value meet each value of each other factor once; `BFF_TEST_LONG=1` walks all combinations.
"""

import pairwise
import pytest
from checks import PHONE
from conftest import LONG, open_browser
from connect_page import LONDON
from visitor import Visitor

FACTORS = {
    "language": ["en", "de", "fr", "nl"],
    "scheme": ["light", "dark"],
    "mode": ["modal", "popup", "redirect"],
    "popups": ["allowed", "blocked"],
    # Another site: what the page stores in a frame is in a partition of its own.
    "site": ["other", "same"],
    "upstream": ["fast", "slow"],
}
ROWS = pairwise.every(FACTORS) if LONG else pairwise.plan(FACTORS)
BLOCKED = "window.open = () => null;"
# Seconds of Flatpeak's on a bad day.
DELAY = 3


@pytest.fixture(params=sorted(ROWS, key=lambda row: row["scheme"]), ids=lambda row: "-".join(row.values()))
def row(request):
    return request.param


@pytest.fixture
def browser(request, row, browsers, hosted, app, own_app):
    dark = ["--blink-settings=preferredColorScheme=0"] if row["scheme"] == "dark" else []
    yield from open_browser(request, browsers, hosted, PHONE, *dark, hosts=(app.host, own_app.host))


def submits(visitor, row, do):
    """Something that calls Connect, which says that it works where that takes long."""
    if row["upstream"] == "slow":
        visitor.service.fault("delay", seconds=DELAY)
    do()
    if row["upstream"] == "slow":
        visitor.sees("working")


def test_journey(browser, row, app, own_app, user):
    visitor = Visitor(browser, own_app if row["site"] == "same" else app, user, row["language"])
    if row["popups"] == "blocked":
        browser.before_scripts(BLOCKED)
    if row["mode"] == "popup" and row["popups"] == "allowed":
        with browser.other_window(lambda: visitor.opens_from_the_app("popup", postal_address=LONDON)):
            walk(visitor, row)
            logs_in(visitor, row)
            visitor.at("tariff_summary").finishes()
        assert visitor.app_knows("connected").has_state("connected").events()[-1] == "end"
        browser.until(lambda: len(browser.driver.window_handles) == 1, why="the window of the page stayed open")
        return
    visitor.opens_from_the_app(row["mode"], postal_address=LONDON)
    walk(visitor, row)
    logs_in(visitor, row)
    visitor.at("tariff_summary")
    browser.capture("plan-" + "-".join(row.values()))
    visitor.finishes()
    if row["mode"] == "modal" and row["popups"] == "allowed":
        visitor.is_done("connected")
        assert visitor.events()[0] == "open" and visitor.events()[-1] == "end"
    else:
        visitor.returns("connected")


def walk(visitor, row):
    """To the list of providers, in words and colours of the customer's, and to a page and back."""
    browser = visitor.browser
    visitor.at("provider_select").heading("provider.title")
    assert browser.js("return document.documentElement.lang") == row["language"]
    assert browser.js("return matchMedia('(prefers-color-scheme: dark)').matches") == (row["scheme"] == "dark")
    light = browser.js("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (sum(light[:3]) < 384) == (row["scheme"] == "dark") or light[3:] == [0], light
    submits(visitor, row, lambda: visitor.press("My provider is not listed"))
    visitor.at("provider_name_capture").press("Back").at("provider_select")


def logs_in(visitor, row):
    browser = visitor.browser
    if row["mode"] == "redirect" or (row["mode"] == "popup" and row["popups"] == "blocked"):
        # The page has the tab: so has the provider.
        submits(visitor, row, lambda: visitor.chooses("Brackenfield Energy"))
        visitor.logs_in_here()
        return
    submits(visitor, row, lambda: visitor.chooses("Brackenfield Energy"))
    if row["popups"] == "allowed":
        visitor.logs_in_in_a_window()
        if row["mode"] == "modal":
            browser.into_dialog()
        return
    # No window: the page goes on in place of the app, where the provider is chosen again.
    browser.js(BLOCKED)
    visitor.goes_on_to()
    browser.top().until(lambda: browser.url.startswith(f"{browser.service.url}/connect"), why="the app stayed")
    visitor.at("provider_select").sees("login.here").chooses("Brackenfield Energy").logs_in_here()
