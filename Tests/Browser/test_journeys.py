"""Every way through Connect, on the page and across origins in the web app."""

import urllib.parse

import pytest
import webapp
from customer import AJACCIO, LONDON, OnThePage, OnTheWebApp


@pytest.fixture(params=[OnThePage, OnTheWebApp], ids=["page", "web_app"])
def customer(request, phone):
    """Each journey has a restart of the service in its middle."""
    customer = request.param(phone)
    customer.restarts_the_service = True
    yield customer
    assert customer.service.restarts == 1


def is_across_origins(customer):
    """Whether the calls came from the other origin, with no credential of the browser's."""
    calls = [message["params"]["request"] for message in customer.browser.collect()
             if message["method"] == "Network.requestWillBeSent"
             and message["params"]["request"]["method"] == "POST"
             and message["params"]["documentURL"].startswith(webapp.ORIGIN)]
    assert all(urllib.parse.urlsplit(call["url"]).port == customer.service.port for call in calls)
    assert not any(name.lower() in ("authorization", "cookie", "x-dev-subject")
                   for call in calls for name in call["headers"])
    return bool(calls)


def test_manual_fixed(customer):
    customer.starts().gives_address().types_provider().picks_structure("FIXED").types_rate("23.45")
    customer.at("tariff_summary").look("tariff_summary_fixed")
    customer.finishes().is_told("connected")
    assert is_across_origins(customer) == isinstance(customer, OnTheWebApp)
    [tariff] = customer.tariffs()
    assert tariff["connection_type"] == "MANUAL"
    # Typed in pence, sent in pounds.
    assert tariff["schedule"][0]["days_and_hours"][0]["hours"][0]["rate"][0]["fixed"] == 0.2345


def test_manual_time_of_day(customer):
    customer.starts().gives_address().types_provider().picks_structure("TIME_OF_DAY")
    customer.types_day_and_night(day="31", night="12.5", valid_from="07:00", valid_to="23:00")
    customer.at("tariff_summary").look("tariff_summary_day_and_night")
    customer.finishes().is_told("connected")
    hours = customer.tariffs()[0]["schedule"][0]["days_and_hours"][0]["hours"]
    assert {(row["valid_from"], row["valid_to"], row["rate"][0]["fixed"]) for row in hours} == {
        ("07:00:00", "23:00:00", 0.31), ("23:00:00", "07:00:00", 0.125)}


def test_market_with_region_and_surcharge(customer):
    customer.starts().gives_address(AJACCIO).types_provider("Mon Courant").picks_structure("MARKET")
    customer.picks_region().types_surcharge(fixed="2", percentage="5")
    customer.at("tariff_summary").look("tariff_summary_market")
    customer.finishes().is_told("connected")
    [tariff] = customer.tariffs()
    assert tariff["market_rates"] is True
    rate = tariff["schedule"][0]["days_and_hours"][0]["hours"][0]["rate"][0]
    assert (rate["surcharge_fixed"], rate["surcharge_percentage"]) == (0.02, 5)


def test_library(customer):
    customer.starts().gives_address().chooses("Loch & Lantern Power").picks_tariff("Lantern Economy")
    customer.finishes().is_told("connected")
    [tariff] = customer.tariffs()
    assert (tariff["connection_type"], tariff["display_name"]) == ("LIBRARY", "Lantern Economy")


def test_provider_login_and_back(customer):
    customer.starts().gives_address().chooses("Brackenfield Energy").logs_in("maria")
    customer.at("tariff_summary").browser.sees("Brackenfield Energy")
    # Coming back, the page keeps nothing in its address and the web app the token alone.
    left = urllib.parse.urlsplit(customer.browser.driver.current_url)
    assert [name for name, _ in urllib.parse.parse_qsl(left.query)] == (
        ["fp_cot"] if isinstance(customer, OnTheWebApp) else [])
    assert customer.browser.addresses_with_tokens() == []
    customer.look("tariff_summary_direct")
    customer.finishes().is_told("connected")
    assert customer.tariffs()[0]["connection_type"] == "DIRECT"


def test_provider_login_declined(customer):
    customer.starts().gives_address().chooses("Brackenfield Energy").logs_in(agree=False)
    customer.at("provider_select").types_provider().at("tariff_structure_select").closes().is_told("abandoned")


def test_provider_that_is_slow(customer):
    customer.starts().gives_address().chooses("Brackenfield Energy").logs_in("pending-maria")
    customer.at("tariff_connection_pending").look("tariff_connection_pending")
    customer.browser.press("Close" if isinstance(customer, OnTheWebApp) else "Done")
    customer.is_told("pending")
    customer.browser.until(lambda: customer.browser.all("[data-slot=commodity_import] .pill.busy"))
    customer.service.control("/pending/finish", {"connect_token": customer.service.newest_token})
    # The page receives it without a reload.
    customer.browser.until(lambda: customer.browser.all("[data-slot=commodity_import][data-status=CONNECTED]"))


def test_provider_that_fails(customer):
    customer.starts().gives_address().chooses("Brackenfield Energy").logs_in("fail-maria")
    customer.at("tariff_connection_failed").look("tariff_connection_failed")
    if isinstance(customer, OnThePage):
        customer.browser.press("Close")
        customer.is_told("failed")
        customer.browser.until(lambda: customer.browser.all("[data-slot=commodity_import][data-status=ERROR]"))
        customer.browser.look("home_needs_attention")
        customer.asks("Reconnect: Power you use")
    else:
        customer.browser.press("EDIT")
    customer.chooses("Loch & Lantern Power").picks_tariff().finishes().is_told("connected")


def test_close_half_way_and_come_back(customer):
    customer.starts().gives_address().types_provider().at("tariff_structure_select").closes().is_told("abandoned")
    if isinstance(customer, OnThePage):
        # The app keeps no token and no launch URL: it mints anew, and the session takes the place of the old one.
        customer.browser.look("home_not_finished")
        customer.asks("Start again: Connect your tariff").gives_address().types_provider()
        assert len(customer.sessions()) == 1
    else:
        # The customer opens the link of their session once more.
        customer.browser.open(f"{webapp.ORIGIN}/?fp_cot={customer.service.newest_token}&utm_source=mail")
    customer.at("tariff_structure_select")
    assert "utm_source" not in customer.browser.driver.current_url
    customer.picks_structure("FIXED").types_rate().finishes().is_told("connected")


@pytest.fixture
def settled(customer):
    """A customer whose home has an import tariff, in front of its settings."""
    customer.place = customer.service.has_connected(customer.user)
    customer.sign_in()
    customer.browser.until(lambda: customer.browser.all("[data-slot=commodity_import][data-status=CONNECTED]"))
    if isinstance(customer, OnTheWebApp):
        customer.wants_the_web_app()
    return customer


def test_view(settled):
    settled.asks("View: Power you use").at("tariff_summary").browser.sees("My Power")
    settled.finishes().is_told("connected")


def test_edit(settled):
    settled.asks("Edit: Power you use").chooses("Loch & Lantern Power").picks_tariff("Lantern Fixed 12")
    settled.finishes().is_told("connected")
    assert [(tariff["location_id"], tariff["display_name"]) for tariff in settled.tariffs()] == [
        (settled.place, "Lantern Fixed 12")]


def test_edit_from_the_summary(settled):
    settled.asks("View: Power you use").edits().chooses("Loch & Lantern Power").picks_tariff("Lantern Fixed 12")
    settled.finishes().is_told("connected")
    assert [tariff["display_name"] for tariff in settled.tariffs()] == ["Lantern Fixed 12"]


def test_disconnect_from_the_summary(settled):
    settled.asks("View: Power you use").disconnects().is_told("disconnected")
    assert settled.tariffs() == []
    settled.browser.until(lambda: settled.browser.all("[data-slot=commodity_import][data-status=NOT_CONNECTED]"))


def test_disconnect_without_a_screen(settled):
    if isinstance(settled, OnThePage):
        settled.browser.press("Disconnect: Power you use")
        settled.browser.find("dialog[open]")
        settled.browser.look("dialog_disconnect")
        settled.service.restart()
        settled.browser.tap("dialog button", "Disconnect")
        settled.is_told("disconnected")
    else:
        minted = settled.service.mint(
            settled.user, location_id=settled.place, action="disconnect", return_url=settled.service.url + "/")
        settled.service.restart()
        settled.browser.open(minted["launch_url"]).screen("home")
        assert settled.service.get(f"/v1/connect/sessions/{minted['id']}", settled.user)["state"] == "disconnected"
    assert settled.tariffs() == []


def test_add_export(settled):
    settled.asks("Add export tariff: Power you sell")
    settled.at("provider_select").types_provider("Sun Buyer").picks_structure("FIXED").types_rate("15")
    settled.finishes().is_told("connected")
    assert {tariff["direction"] for tariff in settled.tariffs()} == {"IMPORT", "EXPORT"}
    settled.browser.until(lambda: settled.browser.all("[data-slot=commodity_export][data-status=CONNECTED]"))
    settled.browser.press("Prices: Power you sell").sees("What you earn").sees("15 p per kWh")
    settled.browser.look("home_import_and_export")


def test_add_grid_fees(settled):
    settled.asks("Add grid-fee tariff: Grid fees")
    settled.at("provider_select").types_provider("Grid").picks_structure("FIXED").types_rate("4.1").finishes()
    settled.is_told("connected")
    settled.browser.until(lambda: settled.browser.all("[data-slot=non_commodity_import][data-status=CONNECTED]"))


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_upstream_failure_in_the_middle_and_try_again(customer, kind):
    # An answer that is torn off half-way is torn off for the browser, too; one that never began is a 502.
    customer.browser.expect(
        r"status of (502|503|429|400)|ERR_(CONNECTION_RESET|CONTENT_LENGTH_MISMATCH|INCOMPLETE_CHUNKED_ENCODING)")
    customer.starts().gives_address().types_provider().at("tariff_structure_select")
    customer.service.fault(kind)
    customer.picks_structure("FIXED")
    if isinstance(customer, OnThePage):
        customer.browser.until(lambda: customer.browser.all("[role=alert]"))
        customer.browser.look("error")
        customer.sees_failure().types_rate()
    else:
        customer.sees_failure(is_named=kind == "reset").at("tariff_structure_select").picks_structure("FIXED")
        customer.types_rate()
    customer.finishes().is_told("connected")


def test_upstream_that_wants_to_be_left_alone(phone):
    """*Try again* waits as long as Retry-After says, and counts down to it."""
    phone.expect(r"status of (429|503)")
    customer = OnThePage(phone).starts().at("postal_address_capture")
    customer.service.fault("rate_limit", retry_after="3")
    phone.fill(**LONDON).press("Continue").until(lambda: phone.all(".alert button:disabled"))
    phone.sees("Try again in ").look("error_too_many")
    phone.until(lambda: phone.all(".alert button:enabled"))
    phone.press("Try again")
    customer.at("provider_select")


def test_slow_upstream_and_impatient_customer(customer):
    customer.starts().gives_address().types_provider().picks_structure("FIXED").at("rate_fixed_capture")
    before = customer.service.count("connect")
    customer.service.fault("delay", seconds=5 if isinstance(customer, OnThePage) else 3)
    if isinstance(customer, OnThePage):
        customer.browser.fill(cost="23.45")
        customer.browser.double_click("Continue")
        customer.browser.until(lambda: customer.browser.all(".turning"))
        assert customer.browser.all("fieldset.frame:disabled")
        assert not [each for each in customer.browser.all("fieldset.frame button") if each.is_enabled()]
        # Enter in the field and the browser's back button do nothing either.
        customer.browser.js("document.querySelector('form').requestSubmit()")
        customer.browser.top().back().into_dialog()
        assert customer.browser.all("fieldset.frame:disabled")
        customer.browser.look("working")
        customer.at("tariff_summary")
        assert customer.service.count("connect") - before == 1
    else:
        # The reference web app guards against nothing: the second call answers an older page, and nothing is lost.
        length = customer.browser.history
        customer.browser.fill(cost="23.45")
        customer.browser.double_click("Next")
        customer.browser.until(lambda: customer.browser.history == length + 2, why="two answers did not come")
        assert customer.service.count("connect") - before == 2
        customer.at("tariff_summary").browser.renewed(customer.browser.back)
        customer.at("tariff_summary")
    customer.finishes().is_told("connected")
    assert len(customer.tariffs()) == 1


def test_double_click_on_connect_with_a_slow_upstream(phone):
    """The dialog is there at the first click, and waits in it for the mint."""
    customer = OnThePage(phone).sign_in()
    before = customer.service.count("mint")
    customer.service.fault("delay", operation="mint", seconds=3)
    phone.double_click("Connect your tariff")
    assert phone.until(lambda: phone.js("""
        return document.querySelector('connect-bff')?.shadowRoot.querySelector('dialog.waiting')?.textContent;
    """)) == "One moment…"
    phone.look("dialog_waiting")
    phone.into_dialog()
    customer.at("postal_address_capture")
    assert customer.service.count("mint") - before == 1


def test_double_click_on_a_provider(phone):
    customer = OnThePage(phone).starts().gives_address()
    before = customer.service.count("connect")
    phone.double_click("Loch & Lantern Power")
    customer.at("tariff_select")
    assert customer.service.count("connect") - before == 1


def test_two_sessions_in_two_tabs(customer):
    first = customer.browser.tab
    customer.starts().gives_address()
    mine = customer.browser.tab
    customer.browser.new_tab().open(customer.service.url + "/").screen("home")
    customer.asks("Connect your tariff")
    other = customer.browser.tab
    customer.gives_address(AJACCIO).types_provider("Mon Courant")
    customer.at("tariff_structure_select")

    customer.comes_to(mine)
    customer.at("provider_select").types_provider("Strand Power").picks_structure("FIXED").types_rate("20")
    customer.finishes().is_told_in_any_order("connected")
    customer.comes_to(other)
    customer.picks_structure("FIXED").types_rate("30").finishes().is_told_in_any_order("connected")
    assert len(customer.service.get("/v1/locations", customer.user)["data"]) == 2
    assert sorted(each["state"] for each in customer.sessions()) == ["connected", "connected"]
    assert first in customer.browser.driver.window_handles
