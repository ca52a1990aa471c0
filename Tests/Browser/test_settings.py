"""What the page knows of a user's tariffs."""

import json

from customer import LONDON, OnThePage, OnTheWebApp
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


def test_live_state_of_a_session_in_another_tab(phone):
    """The first tab follows what happens in the second, without a click."""
    customer = OnTheWebApp(phone).sign_in().wants_the_web_app()
    settings = phone.driver.current_window_handle
    customer.asks("Connect your tariff")
    web_app = phone.driver.current_window_handle
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
    assert phone.find("[role=alert] code").text.startswith("req_")
    phone.look("home_error").press("Try again")
    customer.at("postal_address_capture")


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
    token = phone.js("return sessionStorage.getItem('flow')")
    customer.service.connect(token, "provider_select", action="PROVIDER_MISSING")
    customer.service.connect(token, "provider_name_capture", data={"provider": {"name": "My Power"}})
    customer.service.connect(token, "tariff_structure_select", data={"options": ["FIXED"]})
    customer.service.connect(token, "rate_fixed_capture", data={"cost": 0.2})
    customer.service.connect(token, "tariff_summary", action="CLOSE")
    phone.press("My provider is not listed").screen("home")
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
    phone.press("My provider is not listed").screen("session_over").look("session_over")
    assert phone.find("[role=alert] code").text.startswith("req_")
    phone.press("Start again").screen("home")


def test_an_address_that_is_nowhere(phone):
    """What Connect refuses is shown on the form, which keeps what was typed."""
    phone.expect(r"status of 400")
    customer = OnThePage(phone).starts().at("postal_address_capture")
    phone.fill(**{**LONDON, "post_code": "0000"}).press("Continue").sees("could not be located").look("address_refused")
    assert phone.find("[role=alert] code").text
    assert not phone.has_button("Try again")
    assert phone.find("[name=city]").get_attribute("value") == "London"
    phone.fill(post_code="WC2N 5EH").press("Continue")
    customer.at("provider_select")


def test_a_rate_that_is_refused(phone):
    phone.expect(r"status of 400")
    customer = OnThePage(phone).starts().gives_address().types_provider().picks_structure("FIXED")
    customer.at("rate_fixed_capture").browser.fill(cost="0").press("Continue")
    phone.until(lambda: phone.find("[name=cost]").get_attribute("aria-invalid") == "true")
    assert phone.js("return document.activeElement.name") == "cost"
    phone.look("rate_refused").fill(cost="1234567").press("Continue")
    assert phone.find("[name=cost]:invalid")
    customer.at("rate_fixed_capture")


def test_state_is_asked_for_where_there_are_states(phone):
    OnThePage(phone).starts().at("postal_address_capture")
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
    phone.tap(".choice", "One rate").screen("rate_fixed_capture").sees("¢ per kWh")


def test_search_of_providers(phone):
    OnThePage(phone).starts().gives_address()
    phone.fill(search="lan").sees("1 provider")
    assert [each.text for each in phone.all(".choice .title") if each.is_displayed()] == ["Loch & Lantern Power"]
    phone.look("provider_search")


def test_a_report_is_thanked_for(phone):
    customer = OnThePage(phone).starts().gives_address().types_provider().picks_structure("FIXED").types_rate()
    customer.at("tariff_summary").browser.press("This is not my tariff").sees("Thank you")
    phone.look("tariff_summary_reported")
    assert customer.service.control("/sessions", method="GET")["data"][0]["reports"] == 1


def test_a_page_that_nobody_knows(phone):
    """Routes are opaque: an unknown one shows what it advertises."""
    phone.service.control("/mode", {"mode": "odd"})
    customer = OnThePage(phone).starts().gives_address().chooses("Loch & Lantern Power").at("green_bonus_capture")
    phone.sees("Green bonus capture").look("unknown_page")
    phone.renewed(phone.reload)
    customer.at("green_bonus_capture").browser.press("Continue")
    customer.picks_tariff().finishes().is_told("connected")
    # Statuses come with blanks behind them.
    phone.until(lambda: phone.all("[data-slot=commodity_import][data-status=CONNECTED]"))


def test_strict_connect_accepts_all_that_the_page_sends(phone):
    phone.service.control("/mode", {"mode": "strict"})
    customer = OnThePage(phone).sign_in()
    phone.press("Options for engineers").tap("label", "The name of a tariff").tap("label", "The term of the contract")
    phone.press("Connect your tariff")
    customer.gives_address().types_provider().picks_structure("MARKET").at("surcharge_capture")
    phone.press("Skip").screen("tariff_name_capture").fill(tariff_name="Agile").press("Continue")
    phone.screen("contract_term_capture").tap("label", "It runs until I end it").press("Continue")
    customer.at("tariff_summary").browser.sees("When you end it")
    customer.finishes().is_told("connected")


def test_contract_term_can_be_skipped(phone):
    customer = OnThePage(phone).sign_in()
    phone.press("Options for engineers").tap("label", "The term of the contract").press("Connect your tariff")
    customer.gives_address().types_provider().picks_structure("FIXED").types_rate()
    customer.at("contract_term_capture").browser.press("Skip")
    customer.finishes().is_told("connected")


def test_with_the_keyboard_alone(desktop):
    """Tab and Enter, from signing in to the provider list; the focus is always visible."""
    def focused():
        return desktop.js("return document.activeElement")

    def tab_to(name):
        for _ in range(30):
            desktop.driver.switch_to.active_element.send_keys(Keys.TAB)
            if focused().accessible_name.startswith(name):
                style = desktop.js(
                    "const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]"
                )
                assert style[0] != "none" and style[1] != "0px", f"no focus is seen on {name}"
                return focused()
        raise AssertionError(f"{name} cannot be reached with the keyboard")

    desktop.open(desktop.service.url + "/").screen("sign_in")
    tab_to("Ben Visser").send_keys(Keys.ENTER)
    desktop.screen("home")
    tab_to("Connect your tariff").send_keys(Keys.ENTER)
    desktop.screen("postal_address_capture")
    tab_to("Street and number").send_keys("1 Strand")
    tab_to("Town or city").send_keys("London")
    tab_to("Post code").send_keys("WC2N 5EH", Keys.ENTER)
    desktop.screen("provider_select")
    tab_to("My provider is not listed").send_keys(Keys.ENTER)
    desktop.screen("provider_name_capture")
    tab_to("Close").send_keys(Keys.ENTER)
    desktop.screen("home").sees("You left before the end.")


def test_launch_page(phone):
    """`/launch` mints by POST and goes on to the web app; the way back leads to it again."""
    phone.open(phone.service.url + "/launch").look("launch").press("Connect your tariff")
    phone.screen("postal_address_capture")
    assert phone.driver.current_url.startswith("http://localhost:7070/?fp_cot=")
    phone.press("Close").sees("abandoned")
    assert phone.driver.current_url.startswith(phone.service.url + "/launch?session=cs_")
