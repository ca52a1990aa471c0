"""Every way to connect a tariff on the page of `connect-bff dev`."""

from customer import AJACCIO, choose, done, give_address, log_in, sign_in, start, summary, type_provider


def test_manual_fixed(phone):
    sign_in(phone).look("home_empty")
    type_provider(give_address(start(phone)))
    choose(phone, "One rate").screen("rate_fixed_capture").look("rate_fixed_capture")
    phone.fill(cost="23.45").press("Continue")
    summary(phone).sees("My Power").sees("23.45 p per kWh").look("tariff_summary_fixed")
    done(phone)
    phone.until(lambda: phone.all("[data-slot=commodity_import][data-status=CONNECTED]"))
    phone.look("home_connected")
