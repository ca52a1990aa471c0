"""What the demo app does with a tariff that is connected: when to charge, and what it cost."""

import datetime
import zoneinfo

from customer import OnThePage


def test_a_charge_from_its_plan_to_its_cost(desktop):
    """The sandbox's price is corrected afterwards, and the page follows without a click."""
    service = desktop.service
    place = service.has_connected("amira", cost=0.2)
    service.control("/webhooks", {"url": f"{service.url}/v1/webhooks/flatpeak"})
    OnThePage(desktop).sign_in()
    desktop.until(lambda: desktop.all(".charging input[type=time]"))
    now = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/London"))
    ready = (now + datetime.timedelta(hours=6)).strftime("%H:%M")
    desktop.js("document.querySelector('input[type=time]').value = arguments[0]", ready)
    desktop.press("Plan the charge").sees("Charges from").sees("for £1.06")
    desktop.press(f"Until {ready} as a table")
    assert any("yes" in each.text for each in desktop.all(".plan tbody tr"))
    desktop.look("home_charging")

    desktop.press("Pretend that it has charged").sees("The charge cost £1.06")
    desktop.press("This month as a table")
    desktop.look("home_charged")

    day = datetime.timedelta(days=1)
    service.control("/prices/correct", {
        "location_id": place, "from": (now - day).isoformat(timespec="seconds"),
        "to": (now + 2 * day).isoformat(timespec="seconds"), "value": 0.1})
    desktop.sees("Prices were read again").sees("£0.53")


def test_a_price_cap_below_every_price(phone):
    phone.service.has_connected("amira", cost=0.2)
    OnThePage(phone).sign_in()
    phone.until(lambda: phone.all(".charging input[type=time]"))
    phone.sees("Only below, p per kWh")
    phone.js("document.querySelector('.charging input[type=number][min=\"0\"]').value = '15'")
    phone.press("Plan the charge").sees("No hour until then is cheap enough.")
