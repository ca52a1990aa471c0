"""The browser's own buttons, on every screen."""

import itertools

import pytest
import webapp
from customer import AJACCIO, LONDON, InTheTab, OnThePage, OnTheWebApp


def all_options(customer):
    """Turns on the pages that are only shown when asked for."""
    customer.sign_in().wants_this_tab().browser.look("home_options")
    customer.browser.tap("label", "The name of a tariff").tap("label", "The term of the contract")
    return customer.asks("Connect your tariff")


def walk(customer, steps):
    """At every screen: reload shows it again; going on, back comes to it again, and on leads on.

    Neither ever adds to the history.
    """
    browser = customer.browser
    customer.at(steps[0][0])
    length = browser.history
    for (route, answer), (following, _) in itertools.pairwise(steps):
        customer.at(route)
        browser.look(route)
        browser.renewed(browser.reload)
        customer.at(route)
        assert browser.js("return document.activeElement.tagName") == "H1", "the focus is not on the new heading"
        answer()
        customer.at(following)
        browser.back()
        customer.at(route)
        answer()
        customer.at(following)
        assert browser.history == length, f"{route} added to the history"
        assert "cot_" not in browser.driver.current_url
    browser.look(steps[-1][0])
    browser.renewed(browser.reload)
    customer.at(steps[-1][0])
    return length


def test_every_screen_of_a_market_tariff(phone):
    customer = all_options(InTheTab(phone))
    browser = phone
    length = walk(customer, [
        ("postal_address_capture", lambda: browser.fill(**AJACCIO).press("Continue")),
        ("provider_select", lambda: browser.press("My provider is not listed")),
        ("provider_name_capture", lambda: browser.fill(provider_name="Mon Courant").press("Continue")),
        ("tariff_structure_select", lambda: browser.tap(".choice", "Market price")),
        ("region_select", lambda: browser.tap(".choice", "Corsica")),
        ("surcharge_capture", lambda: browser.fill(surcharge_fixed="2", surcharge_percentage="5").press("Continue")),
        ("tariff_name_capture", lambda: browser.fill(tariff_name="Tempo").press("Continue")),
        ("contract_term_capture", lambda: browser.fill(
            contract_start_date="2026-01-01", contract_end_date="2027-01-01").press("Continue")),
        ("tariff_summary", None),
    ])
    browser.sees("Tempo").sees("1 Jan 2027").look("tariff_summary_with_contract")
    customer.finishes().is_told("connected")
    assert browser.history <= length
    [tariff] = customer.tariffs()
    assert tariff["contract_end_date"].startswith("2027-01-01")


def test_every_screen_of_other_tariffs(phone):
    customer = InTheTab(phone).starts()
    walk(customer, [
        ("postal_address_capture", lambda: phone.fill(**LONDON).press("Continue")),
        ("provider_select", lambda: phone.press("My provider is not listed")),
        ("provider_name_capture", lambda: phone.fill(provider_name="My Power").press("Continue")),
        ("tariff_structure_select", lambda: phone.tap(".choice", "Day and night")),
        ("rate_tod_capture", lambda: phone.fill(
            day_cost="31", night_cost="12.5", valid_from="06:30", valid_to="22:00").press("Continue")),
        ("tariff_summary", None),
    ])
    # Back from the summary the answers are there again, the night joined from its two halves.
    phone.back()
    customer.at("rate_tod_capture")
    given = {name: phone.find(f"[name={name}]").get_attribute("value")
             for name in ("day_cost", "night_cost", "valid_from", "valid_to")}
    assert given == {"day_cost": "31", "night_cost": "12.5", "valid_from": "06:30", "valid_to": "22:00"}
    phone.back()
    customer.at("tariff_structure_select")
    walk(customer, [
        ("tariff_structure_select", lambda: phone.tap(".choice", "One rate")),
        ("rate_fixed_capture", lambda: phone.fill(cost="24,5").press("Continue")),
        ("tariff_summary", None),
    ])
    customer.finishes().is_told("connected")


def test_library_and_failed_and_pending(phone):
    customer = InTheTab(phone).starts().gives_address()
    walk(customer, [
        ("provider_select", lambda: phone.tap(".choice", "Loch & Lantern Power")),
        ("tariff_select", lambda: phone.tap(".choice", "Lantern Economy")),
        ("tariff_summary", None),
    ])
    for name, route in (("fail-maria", "tariff_connection_failed"), ("pending-maria", "tariff_connection_pending")):
        phone.press("Change tariff") if customer.browser.has_button("Change tariff") else phone.press("Try again")
        customer.chooses("Brackenfield Energy").logs_in(name).at(route)
        phone.renewed(phone.reload)
        customer.at(route)
        phone.back()
        customer.at("provider_select").chooses("Brackenfield Energy").logs_in(name).at(route)
    phone.press("Check again")
    customer.at("tariff_connection_pending")


def test_back_at_the_provider(phone):
    """Back on the login page comes to the screen where the provider was chosen."""
    customer = InTheTab(phone).starts().gives_address().chooses("Brackenfield Energy")
    phone.until(lambda: phone.all("[name=username]"))
    phone.back()
    customer.at("provider_select").types_provider().at("tariff_structure_select")


def test_history_after_a_provider_login(phone):
    customer = InTheTab(phone).starts().gives_address()
    length = phone.history
    customer.chooses("Brackenfield Energy").logs_in().finishes().is_told("connected")
    # The login and the consent page are the provider's; the way back is two entries of the page.
    assert phone.history == length + 4
    # The app took the place of the page's lower entry: back from it is the provider's consent page.
    phone.back()
    phone.until(lambda: phone.driver.current_url.startswith(customer.service.provider_url))


def test_history_of_sessions_in_the_dialog(phone):
    """An entry of the page's own for the back button, which the next session and the next page of the app take."""
    customer = OnThePage(phone).sign_in()
    length = phone.history
    for _ in range(3):
        customer.asks("Connect your tariff").at("postal_address_capture").closes().is_told("abandoned")
        assert phone.history <= length + 1
    phone.open(customer.service.url + "/launch")
    assert phone.history == length + 1
    phone.back()
    phone.screen("home")


def test_back_in_the_dialog(phone):
    """The back button is that of the screen, up to the first one, from which it leads out of the dialog alone."""
    customer = OnThePage(phone).starts().gives_address().types_provider().at("tariff_structure_select")
    phone.top().back().into_dialog()
    customer.at("provider_name_capture")
    phone.top().back().into_dialog()
    customer.at("provider_select")
    phone.top().back().into_dialog()
    customer.at("postal_address_capture")
    phone.top().back()
    customer.is_told("abandoned")


def test_back_out_of_the_first_screen(phone):
    customer = InTheTab(phone).sign_in().wants_this_tab()
    length = phone.history
    customer.asks("Connect your tariff").at("postal_address_capture")
    assert phone.history == length + 2
    phone.back()
    customer.is_told("abandoned")
    # Once more, with the arrow on the screen and the button of the list.
    customer.asks("Start again: Connect your tariff").at("postal_address_capture").browser.press("Back")
    customer.is_told("abandoned")
    assert phone.history <= length + 3


def test_forward_after_a_session(phone):
    """Forward leads to the entry of a session that is over, which says so and leads back to the app."""
    customer = InTheTab(phone).starts().gives_address().types_provider().picks_structure("FIXED").types_rate()
    customer.finishes().is_told("connected")
    phone.driver.forward()
    phone.screen("ended").sees("You are done here").look("ended")
    phone.renewed(phone.reload)
    phone.screen("ended").press("Back to the app").screen("home")


def test_reload_and_back_at_home_and_when_signed_out(phone):
    customer = OnThePage(phone).sign_in()
    phone.renewed(phone.reload)
    phone.screen("home").press("Sign out").screen("sign_in")
    phone.renewed(phone.reload)
    phone.screen("sign_in")
    assert customer.service.count("mint") == 0


def test_reload_of_the_app_under_the_dialog(phone):
    """The session goes with the document; the app knows that it was not finished, and starts again."""
    customer = OnThePage(phone).starts().gives_address()
    phone.top().renewed(phone.reload)
    phone.screen("home").sees("In progress")
    customer.asks("Start again: Connect your tariff").gives_address()


def test_reload_after_an_error(phone):
    phone.expect(r"status of 502")
    customer = InTheTab(phone).starts().gives_address()
    customer.service.fault("reset", count=20)
    phone.press("My provider is not listed").until(lambda: phone.all("[role=alert]"))
    phone.renewed(phone.reload)
    phone.screen("failure", seconds=30).look("error_at_the_start")
    customer.service.control("/faults", method="DELETE")
    phone.press("Try again")
    customer.at("provider_select")


@pytest.mark.parametrize("options, address, steps", [
    ({"tariff_name_capture": True, "contract_term_capture": True}, AJACCIO, [
        ("provider_select", "PROVIDER_MISSING"), ("provider_name_capture", {"name": "Mon Courant"}),
        ("tariff_structure_select", "MARKET"), ("region_select", "CORS"),
        ("surcharge_capture", {"fixed": "2", "percentage": "5"}), ("tariff_name_capture", {"name": "Tempo"}),
        ("contract_term_capture", "Skip"), ("tariff_summary", None)]),
    ({}, None, [
        ("postal_address_capture", LONDON), ("provider_select", "PROVIDER_MISSING"),
        ("provider_name_capture", {"name": "My Power"}), ("tariff_structure_select", "TIME_OF_DAY"),
        ("rate_tod_capture", {"day": "31", "night": "12.5", "from": "06:30", "to": "22:00"}),
        ("tariff_summary", None)]),
    ({}, LONDON, [
        ("provider_select", "Loch & Lantern Power"), ("tariff_select", "Lantern Economy"), ("tariff_summary", None)]),
], ids=["market", "day_and_night", "library"])
def test_web_app_on_every_screen(phone, options, address, steps):
    """In the web app answers are history states: reload posts nothing, and back shows the page before."""
    request = {"options": options, **({"postal_address": address} if address else {})}
    minted = phone.service.mint("amira", return_url=phone.service.url + "/", **request)
    customer = OnTheWebApp(phone)
    phone.open(minted["launch_url"])
    for (route, answer), (following, _) in itertools.pairwise(steps):
        customer.at(route)
        before = phone.service.count("connect")
        phone.renewed(phone.reload)
        customer.at(route)
        assert phone.service.count("connect") == before
        length = phone.history
        phone.fill(**answer).press("Next") if isinstance(answer, dict) else phone.press(answer)
        customer.at(following)
        phone.back()
        customer.at(route)
        phone.driver.forward()
        customer.at(following)
        assert phone.service.count("connect") == before + 1
        assert phone.history == length + 1
    phone.renewed(phone.reload)
    customer.finishes()
    phone.until(lambda: phone.driver.current_url.startswith(phone.service.url))
    phone.screen("sign_in")
    assert phone.service.get(f"/v1/connect/sessions/{minted['id']}", "amira")["state"] == "connected"


@pytest.mark.parametrize("answer", ["rewind", "lead_on"])
def test_web_app_answers_an_older_page(phone, answer):
    """After a lost answer, and after the browser's back button, the customer gets on, whatever Connect does then."""
    phone.expect(r"ERR_|status of 502")
    service = phone.service
    service.control("/older-pages", {"answer": answer})
    minted = service.mint("amira", return_url=service.url + "/", postal_address=LONDON)
    customer = OnTheWebApp(phone)
    phone.open(minted["launch_url"])
    customer.at("provider_select").picks("provider_select", "PROVIDER_MISSING")
    service.fault("truncate")
    customer.submits("provider_name_capture", name="My Power").sees_failure(is_named=False, leaves_by="Close")
    customer.submits("provider_name_capture", name="My Power").at("tariff_structure_select").picks_structure("FIXED")
    customer.at("rate_fixed_capture")
    phone.back()
    customer.at("tariff_structure_select")
    phone.back()
    customer.submits("provider_name_capture", name="Other Power")
    if answer == "rewind":
        customer.picks_structure("FIXED")
    customer.types_rate().at("tariff_summary")
    phone.sees("Other Power" if answer == "rewind" else "My Power")
    # The answer that ends the session can be lost, too.
    service.fault("truncate")
    customer.finishes().sees_failure(is_named=False)
    customer.finishes()
    phone.until(lambda: phone.driver.current_url.startswith(service.url))
    phone.screen("sign_in")
    assert service.get(f"/v1/connect/sessions/{minted['id']}", "amira")["state"] == "connected"


def test_web_app_back_from_its_first_page(phone):
    """The first page is pushed, too: back comes to the link itself, where the app starts the session again."""
    service = phone.service
    minted = service.mint("amira", postal_address=LONDON)
    customer = OnTheWebApp(phone)
    phone.open(minted["launch_url"])
    customer.picks("provider_select", "PROVIDER_MISSING").at("provider_name_capture")
    phone.back()
    customer.at("provider_select")
    before, length = service.count("connect"), phone.history
    phone.back()
    # Connect has not moved meanwhile; what it answers takes the place of all that lay ahead.
    customer.at("provider_name_capture")
    assert service.count("connect") == before + 1
    assert phone.history == length - 1
    phone.renewed(phone.reload)
    customer.submits("provider_name_capture", name="My Power").at("tariff_structure_select")
    assert service.count("connect") == before + 2


def test_web_app_back_at_the_provider(phone):
    """A redirect is pushed before it is replaced: back on the login page shows the providers, and posts nothing."""
    service = phone.service
    minted = service.mint("amira", postal_address=LONDON)
    customer = OnTheWebApp(phone)
    # Of the tab, since the provider's page does not share its history with the pages before it.
    entries = lambda: len(phone.cdp("Page.getNavigationHistory")["entries"])
    phone.open(minted["launch_url"])
    customer.at("provider_select")
    before, length = service.count("connect"), entries()
    customer.chooses("Brackenfield Energy")
    phone.until(lambda: phone.all("[name=username]"))
    assert entries() == length + 1
    phone.back()
    customer.at("provider_select")
    assert service.count("connect") == before + 1
    customer.types_provider().at("tariff_structure_select")


def test_web_app_posts_contract_terms_as_local_midnight(phone):
    """The moment at which a day begins where the customer is reaches Flatpeak as it is."""
    phone.cdp("Emulation.setTimezoneOverride", timezoneId="Europe/Paris")
    service = phone.service
    minted = service.mint(
        "amira", return_url=service.url + "/", postal_address=AJACCIO, options={"contract_term_capture": True})
    customer = OnTheWebApp(phone)
    phone.open(minted["launch_url"])
    customer.types_provider("Mon Courant").picks_structure("FIXED").types_rate()
    customer.submits("contract_term_capture", contract_end_date="2026-12-31").finishes()
    phone.until(lambda: phone.driver.current_url.startswith(service.url))
    phone.screen("sign_in")
    assert service.state_of(minted, "amira") == "connected"
    [tariff] = customer.tariffs()
    assert tariff["contract_end_date"] == "2026-12-30T23:00:00Z"


def test_web_app_reads_only_the_token(phone):
    """The relay's address is all it needs: not even a token, to learn what is wrong."""
    phone.expect(r"status of 40[04]")
    phone.open(webapp.ORIGIN + "/").screen("error").sees("without its link")
