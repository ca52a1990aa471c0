"""What the page knows of a user's tariffs."""

import json

import pytest
from customer import LONDON, InTheTab, OnThePage, OnTheWebApp
from selenium.webdriver.common.keys import Keys


def test_users_see_their_own(phone):
    service = phone.service
    mine = service.has_connected("amira")
    OnThePage(phone, "ben").sign_in()
    phone.sees("Know when power is cheap")
    assert mine not in phone.text
    phone.press("Sign out").screen("sign_in").tap("button", "Amira Haddad")
    phone.screen("home").sees(mine)


def test_prices_of_today_and_tomorrow(desktop):
    service = desktop.service
    service.has_connected("amira", cost=0.1999)
    OnThePage(desktop).sign_in()
    desktop.until(lambda: len(desktop.all(".chart svg")) == 2)
    desktop.sees("19.99 p per kWh")
    labels = [each.get_attribute("aria-label") for each in desktop.all(".chart svg")]
    assert labels == ["Today: 19.99 p per kWh", "Tomorrow: 19.99 p per kWh"]
    # Half-hours; a day in which the clocks change has two more or less.
    assert all(46 <= len(each.find_elements("css selector", "rect")) <= 50 for each in desktop.all(".chart svg"))
    assert len(desktop.all(".chart rect.now")) == 1
    # The same as a table, for customers who cannot see bars.
    desktop.press("Today as a table")
    rows = [each.text for each in desktop.all(".chart table")[0].find_elements("css selector", "tbody tr")]
    assert rows == ["00:00 00:00 19.99"]
    desktop.look("home_prices_as_a_table")


def test_two_homes(desktop):
    for _ in range(2):
        desktop.service.has_connected("amira")
    OnThePage(desktop).sign_in()
    desktop.until(lambda: len(desktop.all(".place")) == 2 and len(desktop.all(".chart svg")) == 4)
    desktop.look("home_two_places")


@pytest.mark.web_app
def test_live_state_of_a_session_in_another_tab(phone):
    """The first tab follows what happens in the second, without a click."""
    customer = OnTheWebApp(phone).sign_in().wants_the_web_app()
    settings = phone.tab
    customer.asks("Connect your tariff")
    web_app = phone.tab
    state = lambda: phone.find("[data-session]").get_attribute("data-state")

    customer.at("postal_address_capture")
    phone.switch(settings).until(lambda: state() == "active")
    phone.sees("In progress").look("home_session_elsewhere")
    phone.switch(web_app)
    customer.gives_address().types_provider().picks_structure("FIXED").types_rate().at("tariff_summary")
    phone.switch(settings).until(lambda: state() == "connected")
    phone.until(lambda: phone.all("[data-slot=commodity_import][data-status=CONNECTED]"))
    phone.switch(web_app)
    customer.finishes().is_told("connected")


def test_a_mint_that_fails_and_try_again(phone):
    phone.expect(r"status of 50[23]")
    customer = OnThePage(phone).sign_in()
    customer.service.fault("status", operation="mint", status=500)
    phone.press("Connect your tariff").until(lambda: phone.all("[role=alert]"))
    assert not phone.has_dialog
    assert phone.find("[role=alert] code").text.startswith("req_")
    phone.look("home_error")
    customer.asks("Try again").at("postal_address_capture")


def test_places_that_cannot_be_read_and_try_again(phone):
    phone.expect(r"status of 50[23]")
    phone.service.has_connected("amira")
    phone.service.fault("status", operation="status", status=500, count=10)
    OnThePage(phone).sign_in()
    phone.until(lambda: phone.all("[role=alert]"))
    phone.service.control("/faults", method="DELETE")
    phone.press("Try again")
    phone.until(lambda: phone.all("[data-slot=commodity_import][data-status=CONNECTED]"))


def test_a_session_that_is_over(phone):
    """Another tab finished it; this one is led to the end of it, too."""
    customer = OnThePage(phone).starts().gives_address()
    token = customer.service.newest_token
    customer.service.connect(token, "provider_select", action="PROVIDER_MISSING")
    customer.service.connect(token, "provider_name_capture", data={"provider": {"name": "My Power"}})
    customer.service.connect(token, "tariff_structure_select", data={"options": ["FIXED"]})
    customer.service.connect(token, "rate_fixed_capture", data={"cost": 0.2})
    customer.service.connect(token, "tariff_summary", action="CLOSE")
    phone.press("My provider is not listed").without_dialog().screen("home")
    phone.until(lambda: phone.all("[data-slot=commodity_import][data-status=CONNECTED]"))


def test_a_session_that_flatpeak_has_closed(phone):
    """The page says so and leads home."""
    phone.expect(r"status of 400")
    OnThePage(phone).starts().gives_address()
    closed = {
        "object": "error", "type": "invalid_request", "code": "connect_token_used", "message": "Token was used",
        "request_id": "req_of_flatpeak",
    }
    phone.service.fault("status", operation="connect", status=400, count=1, body=json.dumps(closed))
    phone.press("My provider is not listed").screen("failure").sees("This session is over").look("session_over")
    assert phone.find("[role=alert] code").text.startswith("req_")
    phone.press("Back to the app").without_dialog().screen("home")


def refusal(code):
    return json.dumps({
        "object": "error", "type": "invalid_request", "code": code, "message": "Flatpeak's own words",
        "context": "connect.rate_fixed_capture", "request_id": "req_of_flatpeak"})


def test_an_address_that_is_nowhere(phone):
    """What Connect refuses is shown on the form, which keeps what was typed."""
    phone.expect(r"status of 400")
    customer = OnThePage(phone).starts().at("postal_address_capture")
    phone.fill(**{**LONDON, "post_code": "0000"}).press("Continue")
    phone.sees("We could not find this address.").look("address_refused")
    assert phone.find("[role=alert] code").text
    assert not phone.has_button("Try again")
    assert phone.find("[name=city]").get_attribute("value") == "London"
    phone.fill(post_code="WC2N 5EH").press("Continue")
    customer.at("provider_select")


def described(phone, name):
    """What a screen reader says of a field besides its label."""
    return phone.js("""
        const ids = document.querySelector(`[name=${arguments[0]}]`).getAttribute('aria-describedby') ?? '';
        return ids.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
    """, name)


def test_a_rate_that_is_refused(phone):
    """By the page itself, and by Connect: at the field, which has the focus and keeps what was typed."""
    phone.expect(r"status of 400")
    customer = OnThePage(phone).starts().gives_address().types_provider().picks_structure("FIXED")
    customer.at("rate_fixed_capture")
    before = customer.service.count("connect")
    refused = {"0": "Enter a price above zero.", "1234567": "Enter a number such as", "": "Enter", "-3": "Enter"}
    for wrong, words in refused.items():
        phone.fill(cost=wrong).press("Continue")
        phone.until(lambda: phone.find("[name=cost]").get_attribute("aria-invalid") == "true")
        assert words in described(phone, "cost")
        assert phone.js("return document.activeElement.name") == "cost"
    phone.look("rate_refused")
    assert customer.service.count("connect") == before

    phone.service.fault("status", operation="connect", status=400, body=refusal("cost_value_negative"))
    phone.fill(cost="23,5").press("Continue").until(lambda: phone.all("[role=alert]"))
    phone.until(lambda: phone.find("[name=cost]").get_attribute("aria-invalid") == "true")
    assert phone.js("return document.activeElement.name") == "cost"
    assert phone.find("[name=cost]").get_attribute("value") == "23,5"
    phone.press("Continue")
    customer.at("tariff_summary").finishes().is_told("connected")
    assert customer.tariffs()[0]["schedule"][0]["days_and_hours"][0]["hours"][0]["rate"][0]["fixed"] == 0.235


def test_state_is_asked_for_where_there_are_states(phone):
    OnThePage(phone).starts().at("postal_address_capture")
    phone.fill(country_code="GB")
    assert not phone.find("[name=state]").is_displayed()
    phone.fill(country_code="US")
    assert phone.find("[name=state]").is_displayed()
    phone.look("address_with_state")
    phone.fill(address_line1="1 Main St", city="Austin", post_code="78701", state="TX").press("Continue")
    phone.screen("provider_select").sees("Cedar Hollow Electric").press("My provider is not listed")
    phone.screen("provider_name_capture").fill(provider_name="Lone Star").press("Continue")
    # No open market there.
    phone.screen("tariff_structure_select")
    assert [each.text for each in phone.all(".choice .title")] == ["One rate", "Day and night"]
    phone.tap(".choice", "One rate").screen("rate_fixed_capture").sees("¢/kWh")


def test_search_of_providers(phone):
    """Long lists can be searched, without accents, and are drawn in parts."""
    customer = InTheTab(phone).starts().gives_address()
    names = ["Loch & Lantern Power", "Énergie du Nord", *(f"Provider {number:03}" for number in range(200))]
    page = {
        "connect_token": customer.service.newest_token, "route": "provider_select", "direction": "IMPORT",
        "type": "COMMODITY", "live_mode": False, "actions": ["PROVIDER_MISSING", "BACK"],
        "data": {"postal_address": {}, "providers": [
            {"id": f"prv_{number}", "display_name": name, "logo_url": ""} for number, name in enumerate(names)]},
    }
    customer.service.fault("body", body=json.dumps(page))
    phone.renewed(phone.reload)
    customer.at("provider_select")
    shown = lambda: [each.text for each in phone.all(".choice .title") if each.is_displayed()]
    assert 10 <= len(shown()) < 100
    phone.look("provider_list")
    before = len(shown())
    phone.press("Show more").until(lambda: len(shown()) > before)
    assert phone.js("return document.activeElement.querySelector('.title').textContent") == names[before]
    phone.fill(search="lan").sees("1 result")
    assert shown() == ["Loch & Lantern Power"]
    phone.look("provider_search")
    phone.fill(search="energie").sees("1 result")
    assert shown() == ["Énergie du Nord"]
    phone.fill(search="nobody").sees("Nothing found")
    assert phone.has_button("My provider is not listed")


def test_a_report_is_thanked_for(phone):
    customer = OnThePage(phone).starts().gives_address().types_provider().picks_structure("FIXED").types_rate()
    customer.at("tariff_summary").browser.press("This is not my tariff").sees("Thank you")
    phone.look("tariff_summary_reported")
    assert customer.service.control("/sessions", method="GET")["data"][0]["reports"] == 1


def test_unknown_route_shows_what_it_advertises(phone):
    """Routes are opaque: an unknown one shows what it advertises."""
    phone.service.control("/mode", {"mode": "odd"})
    customer = InTheTab(phone).starts().gives_address().chooses("Loch & Lantern Power").at("green_bonus_capture")
    phone.sees("One more step").look("unknown_page")
    phone.renewed(phone.reload)
    customer.at("green_bonus_capture").browser.press("Continue")
    customer.picks_tariff().finishes().is_told("connected")
    # Statuses come with blanks behind them.
    phone.until(lambda: phone.all("[data-slot=commodity_import][data-status=CONNECTED]"))


def test_strict_connect_accepts_all_that_the_page_sends(phone):
    phone.service.control("/mode", {"mode": "strict"})
    customer = OnThePage(phone).sign_in()
    phone.press("Options for engineers").tap("label", "The name of a tariff").tap("label", "The term of the contract")
    customer.asks("Connect your tariff")
    customer.gives_address().types_provider().picks_structure("MARKET").at("surcharge_capture")
    phone.press("Skip").screen("tariff_name_capture").fill(tariff_name="Agile").press("Continue")
    phone.screen("contract_term_capture").tap("label", "It runs until I end it").press("Continue")
    customer.at("tariff_summary").browser.sees("When you end it")
    customer.finishes().is_told("connected")


def test_contract_term_can_be_skipped(phone):
    customer = OnThePage(phone).sign_in()
    phone.press("Options for engineers").tap("label", "The term of the contract")
    customer.asks("Connect your tariff").gives_address().types_provider().picks_structure("FIXED").types_rate()
    customer.at("contract_term_capture").browser.press("Skip")
    customer.finishes().is_told("connected")


def test_with_the_keyboard_alone(desktop):
    """Tab and Enter, from signing in to the provider list; the focus is always visible, and comes back at the end."""
    def tab_to(name):
        for _ in range(40):
            desktop.driver.switch_to.active_element.send_keys(Keys.TAB)
            focused = desktop.driver.switch_to.active_element
            if focused.accessible_name.startswith(name):
                style = desktop.js(
                    "const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]"
                )
                assert style[0] != "none" and style[1] != "0px", f"no focus is seen on {name}"
                return focused
        raise AssertionError(f"{name} cannot be reached with the keyboard")

    desktop.open(desktop.service.url + "/").screen("sign_in")
    tab_to("Ben Visser").send_keys(Keys.ENTER)
    desktop.screen("home")
    tab_to("Connect your tariff").send_keys(Keys.ENTER)
    desktop.into_dialog().screen("postal_address_capture")
    assert desktop.js("return document.activeElement.tagName") == "H1", "the focus is not on the new heading"
    tab_to("Country").send_keys("United K")
    tab_to("Street and house number").send_keys("1 Strand")
    tab_to("Post code").send_keys("WC2N 5EH")
    tab_to("Town or city").send_keys("London", Keys.ENTER)
    desktop.screen("provider_select")
    tab_to("My provider is not listed").send_keys(Keys.ENTER)
    desktop.screen("provider_name_capture")
    # From the end round to the beginning; the dialog keeps the focus.
    tab_to("Close").send_keys(Keys.ENTER)
    desktop.without_dialog().screen("home").sees("You left before the end.")
    # What the button was on is a new screen.
    assert desktop.driver.switch_to.active_element.accessible_name == "Hello, Ben"


@pytest.mark.web_app
def test_launch_page(phone):
    """`/launch` mints by POST and goes on to the web app; the way back leads to it again."""
    phone.open(phone.service.url + "/launch").look("launch").press("Connect your tariff")
    phone.screen("postal_address_capture")
    assert phone.driver.current_url.startswith("http://localhost:7070/?fp_cot=")
    phone.press("Close").sees("abandoned")
    assert phone.driver.current_url.startswith(phone.service.url + "/launch?session=cs_")
