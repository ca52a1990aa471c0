"""Every page of Connect and every action on it, on a phone and on a desk: pictures, axe, and nothing too wide."""

import json

import pytest
from checks import DESKTOP, PHONE
from connect_page import AJACCIO, LONDON
from visitor import Visitor

ALL_PAGES = {"tariff_name_capture": True, "contract_term_capture": True, "advanced_tariff_capture": True}


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desk"])
def visitor(request, tab, app, user):
    """In a tab of one of the two sizes."""
    tab.resize(request.param)
    return Visitor(tab, app, user)


def test_actions_on_the_way(visitor):
    """Changing the address from each page that lets one, going back, and what is not on a list."""
    visitor.opens(options=ALL_PAGES).gives_address()
    visitor.press("Change address").gives_address()
    visitor.press("My provider is not listed").at("provider_name_capture").press("Change address").gives_address()
    visitor.press("My provider is not listed").at("provider_name_capture").press("Back").at("provider_select")
    visitor.chooses("Loch & Lantern Power").at("tariff_select").look("tariff_select")
    visitor.press("Change address").gives_address()
    visitor.chooses("Loch & Lantern Power").at("tariff_select").press("My tariff is not listed")
    visitor.at("tariff_structure_select").press("Back").at("tariff_select").press("Back").at("provider_select")
    visitor.closes().returns("abandoned")


def test_market(visitor):
    visitor.opens(options=ALL_PAGES).gives_address(AJACCIO).types_provider("Mon Courant").picks_structure("MARKET")
    visitor.at("region_select").press("Back").picks_structure("MARKET").picks_region()
    visitor.at("surcharge_capture").press("Skip").at("tariff_name_capture").press("Back").types_surcharge()
    visitor.at("tariff_name_capture").look("tariff_name_capture")
    visitor.browser.fill(tariff_name="Tempo")
    visitor.press("Continue").at("contract_term_capture").look("contract_term_capture").press("Skip")
    visitor.at("tariff_summary").look("tariff_summary_market").sees("source.MARKET")
    # The prices as a table, for customers who cannot see bars.
    for each in visitor.browser.all("summary"):
        if each.is_displayed():
            each.click()
    visitor.look("tariff_summary_as_tables")
    assert visitor.browser.all("table tbody tr")
    visitor.finishes().returns("connected")


def test_day_and_night_and_the_actions_of_a_summary(visitor):
    visitor.opens(postal_address=LONDON).types_provider().picks_structure("TIME_OF_DAY").types_day_and_night()
    visitor.at("tariff_summary").look("tariff_summary_day_and_night").press("This is not my tariff")
    visitor.sees("report.thanks").look("tariff_summary_reported")
    visitor.edits().at("provider_select").types_provider().picks_structure("FIXED").types_rate()
    visitor.at("tariff_summary").look("tariff_summary_fixed").press("Disconnect")
    # Asked first; the answer that loses nothing has the focus.
    visitor.browser.find("dialog[open]")
    assert visitor.browser.js("return document.activeElement.textContent") == visitor.text("disconnect.keep")
    visitor.press("Keep it").at("tariff_summary").disconnects().returns("disconnected")


def test_prices_by_season(visitor):
    visitor.opens(postal_address=LONDON, options={"advanced_tariff_capture": True}).types_provider()
    visitor.picks_structure("ADVANCED").at("rate_advanced_capture").look("rate_advanced_capture")
    browser = visitor.browser
    visitor.press("Continue")
    browser.until(lambda: browser.all("[name=price][aria-invalid=true]"))
    visitor.look("rate_advanced_refused")
    browser.find("[name=price]").send_keys("23.45")
    browser.press(visitor.text("advanced.add_time"))
    visitor.look("rate_advanced_times")
    for each in browser.all("[name=price]"):
        if not each.get_attribute("value"):
            each.send_keys("12.5")
    visitor.press("Continue").at("tariff_summary").look("tariff_summary_advanced").finishes().returns("connected")


def test_library(visitor):
    visitor.opens(postal_address=LONDON).chooses("Loch & Lantern Power").picks_tariff()
    visitor.at("tariff_summary").look("tariff_summary_library").sees("source.LIBRARY").finishes().returns("connected")


def test_provider_that_is_slow_and_then_fails(visitor):
    visitor.opens(postal_address=LONDON).chooses("Brackenfield Energy").logs_in_here("pending-maria")
    visitor.at("tariff_connection_pending").look("tariff_connection_pending").press("Check again")
    visitor.at("tariff_connection_pending")
    visitor.service.control("/pending/fail", {"connect_token": visitor.token})
    visitor.press("Check again").at("tariff_connection_failed").look("tariff_connection_failed").press("Try again")
    visitor.chooses("Brackenfield Energy").logs_in_here("pending-maria").at("tariff_connection_pending")
    visitor.press("Change tariff").chooses("Brackenfield Energy").logs_in_here("fail-maria")
    visitor.at("tariff_connection_failed")
    for name in visitor.say("Close"):
        # The one of the content, beside that at the top.
        assert len(visitor.browser.named("button", name)) == 2
    visitor.press("Disconnect")
    visitor.browser.find("dialog[open]")
    visitor.press("Keep it").closes().returns("failed")


def test_provider_that_wants_another_login(visitor):
    """`reconnect_required` on a summary."""
    visitor.opens(postal_address=LONDON).chooses("Brackenfield Energy").logs_in_here().at("tariff_summary")
    visitor.look("tariff_summary_direct").service.control("/pages", {"page": "reconnect_required"})
    visitor.browser.renewed(visitor.browser.reload)
    visitor.at("tariff_summary").heading("summary.reconnect").look("tariff_summary_reconnect")
    visitor.press("Connect again").chooses("Brackenfield Energy").logs_in_here().finishes().returns("connected")


def test_pages_that_are_not_documented(visitor):
    visitor.opens(postal_address=LONDON).at("provider_select")
    visitor.service.control("/pages", {"page": "error"})
    visitor.press("My provider is not listed")
    visitor.browser.until(lambda: visitor.browser.all("[role=alert]"))
    visitor.look("page_error").press("Try again").at("provider_name_capture").press("Back").at("provider_select")
    visitor.reaches_the_summary().service.control("/pages", {"page": "complete_tariff"})
    visitor.press("Done").at("complete_tariff").heading("complete.title").look("complete_tariff")
    visitor.press("Done").returns("connected")


def test_unknown_page(visitor):
    """Routes are opaque: an unknown one offers what it advertises, in words where there are any."""
    visitor.opens(postal_address=LONDON).at("provider_select")
    page = {
        "connect_token": visitor.token, "route": "pay_the_bill", "direction": "IMPORT", "type": "COMMODITY",
        "live_mode": False, "actions": ["TARIFF_MISSING", "PAY_LATER", "BACK", "CLOSE"], "data": {"amount": 3},
    }
    visitor.browser.expect(r"status of 400")
    for actions, words in ((page["actions"], "unknown.choose"), (None, "unknown.lead")):
        visitor.service.fault("body", body=json.dumps({**page, "actions": actions}))
        visitor.browser.renewed(visitor.browser.reload)
        visitor.at("pay_the_bill").heading("unknown.title").sees(words).look(f"unknown_page_{words[8:]}")
        if actions:
            assert visitor.browser.has_button("My tariff is not listed")
            assert visitor.browser.has_button("Pay later")
            # Connect itself never was there, refuses what is pressed, and the page says where the customer is.
            visitor.press("My tariff is not listed").at("provider_select").sees("moved.note")
    visitor.press("Close").returns("abandoned")


@pytest.mark.parametrize("direction, type, title", [
    ("EXPORT", "COMMODITY", "provider.title.export"), ("IMPORT", "NON_COMMODITY", "provider.title.other")])
def test_what_the_session_is_about(tab, app, user, direction, type, title):
    """Power that is sold, and grid fees, have words of their own."""
    visitor = Visitor(tab, app, user).opens(postal_address=LONDON, direction=direction, type=type)
    visitor.at("provider_select").heading(title).types_provider("Sun Buyer").picks_structure("FIXED")
    visitor.at("rate_fixed_capture").heading("fixed" + title.removeprefix("provider")).types_rate("15")
    visitor.finishes().returns("connected")


def test_at_twice_the_size_of_letters(tab, app, user):
    """200 % zoom of a window of 1280 by 800: nothing is cut off, and nothing needs two directions of scrolling."""
    tab.resize({"width": 640, "height": 400, "deviceScaleFactor": 2, "mobile": False})
    visitor = Visitor(tab, app, user).opens(options=ALL_PAGES)
    steps = [
        ("postal_address_capture", lambda: tab.fill(**AJACCIO).press("Continue")),
        ("provider_select", lambda: tab.press("My provider is not listed")),
        ("provider_name_capture", lambda: tab.fill(provider_name="Mon Courant").press("Continue")),
        ("tariff_structure_select", lambda: visitor.chooses_one("Day and night")),
        ("rate_tod_capture", lambda: tab.fill(
            day_cost="31", night_cost="12", valid_from="07:00", valid_to="23:00").press("Continue")),
        ("tariff_name_capture", lambda: tab.fill(tariff_name="Tempo").press("Continue")),
        ("contract_term_capture", lambda: tab.press("Skip")),
        ("tariff_summary", lambda: tab.press("Done")),
    ]
    for route, answer in steps:
        visitor.at(route)
        assert tab.js("return document.documentElement.scrollWidth <= innerWidth"), f"{route} is too wide"
        assert tab.cut_off() == [], route
        answer()
    visitor.returns("connected")


def test_with_reduced_motion(tab, app, user):
    """Nothing moves that the customer did not ask to move, not even what turns while a call runs."""
    tab.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    visitor = Visitor(tab, app, user).opens(postal_address=LONDON).at("provider_select")
    tab.service.fault("delay", seconds=2)
    tab.press("My provider is not listed").until(lambda: tab.all(".turning"))
    assert tab.js("return document.getAnimations().filter((each) => each.playState === 'running').length") == 0
    visitor.at("provider_name_capture")
    assert tab.js("return document.getAnimations().length") == 0


def test_brand(tab, app, user):
    """Name, colour, and the two links are the integrator's; nothing names the maker of the service."""
    visitor = Visitor(tab, app, user).opens(postal_address=LONDON).at("provider_select")
    assert tab.driver.title.endswith("Daylight Energy")
    tab.sees("Daylight Energy")
    links = {each.text: each.get_attribute("href") for each in tab.all("footer a")}
    assert links == {"Help": "https://help.example.com/", "Privacy": "https://example.com/privacy"}
    visitor.types_provider().at("tariff_structure_select").picks_structure("FIXED").at("rate_fixed_capture")
    assert tab.js("return getComputedStyle(document.querySelector('.primary')).backgroundColor") == "rgb(31, 111, 74)"
    assert "flatpeak" not in tab.text.lower()
    visitor.closes().returns("abandoned")
