"""Bad days: each shows its own clear screen with a way on, and nothing that the customer has answered is lost."""

import time

import pytest
from checks import PHONE
from conftest import LONG, open_browser
from connect_page import LONDON
from devtools import Interception
from visitor import Visitor, at_the_providers

BARE = '{"message":"Internal Server Error"}'


@pytest.fixture
def visitor(tab, app, user):
    return Visitor(tab, app, user)


def failed_on(visitor, key, name):
    """Waits for a failure under the heading of a page that stays."""
    browser = visitor.browser
    browser.until(lambda: browser.all(".alert.error"), why=f"no failure came:\n{browser.words}")
    visitor.sees(key).look(name)
    assert browser.js("return document.activeElement.closest('.alert') !== null"), "the focus is elsewhere"
    return visitor


def failed_whole(visitor, title, key, name, seconds=40):
    """Waits for a screen that is a failure, with a heading and words of its own."""
    visitor.browser.screen("failure", seconds=seconds)
    return visitor.heading(title).sees(key).look(name)


# The service and Flatpeak, in the middle of a session.

def test_service_that_is_killed_and_comes_back(visitor, tab):
    tab.expect("ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET")
    visitor.opens(postal_address=LONDON).at("provider_select")
    tab.service.crash()
    visitor.press("My provider is not listed")
    failed_on(visitor, "error.unreachable", "failure_unreachable")
    tab.service.revive()
    visitor.press("Try again").at("provider_name_capture")
    tab.fill(provider_name="My Power")
    tab.service.crash()
    visitor.press("Continue")
    failed_on(visitor, "error.unreachable", "failure_unreachable")
    assert tab.find("[name=provider_name]").get_attribute("value") == "My Power"
    tab.service.revive()
    visitor.press("Try again").picks_structure("FIXED").types_rate().finishes().returns("connected")


@pytest.mark.parametrize("fault, key", [
    ({"kind": "body", "status": 500, "body": BARE}, "error.upstream_failed"),
    ({"kind": "body", "status": 502, "body": "<html>Bad gateway</html>", "content_type": "text/html"},
     "error.upstream_failed"),
    ({"kind": "body", "status": 200, "body": "[1, 2"}, None),
    ({"kind": "truncate"}, "error.answer_incomplete"),
    ({"kind": "reset"}, None),
], ids=["bare_message", "page_of_a_proxy", "no_json", "torn", "reset"])
def test_answer_that_is_none(visitor, tab, fault, key):
    """In the middle, where *try again* repeats what was lost, and at the start, where it starts again."""
    tab.expect(r"status of 5\d\d|ERR_|status of 400")
    visitor.opens(postal_address=LONDON).at("provider_select")
    tab.service.fault(fault["kind"], **{name: value for name, value in fault.items() if name != "kind"})
    visitor.press("My provider is not listed")
    tab.until(lambda: tab.all(".alert.error"))
    words = tab.find(".alert.error").text
    assert "Internal Server Error" not in words and "<html>" not in words
    if key:
        visitor.sees(key)
    if fault["kind"] != "reset":
        reference = visitor.reference()
        tab.until(lambda: reference in tab.service.log, why="the operator does not know the reference")
    visitor.press("Try again").at("provider_name_capture")

    tab.service.fault(fault["kind"], count=20, **{name: value for name, value in fault.items() if name != "kind"})
    tab.renewed(tab.reload)
    tab.screen("failure", seconds=40)
    [heading] = tab.all("h1")
    assert heading.text and "Error" not in heading.text
    tab.service.control("/faults", method="DELETE")
    visitor.press("Try again").at("provider_name_capture")


def test_flatpeak_that_wants_to_be_left_alone_at_the_start(visitor, tab):
    tab.expect(r"status of (429|503)")
    visitor.service.fault("rate_limit", retry_after="2", count=20)
    visitor.opens(postal_address=LONDON)
    failed_whole(visitor, "failure.busy", "error.rate_limit", "failure_busy")
    tab.service.control("/faults", method="DELETE")
    tab.until(lambda: tab.all(".alert button:enabled"))
    visitor.press("Try again").at("provider_select")


@pytest.mark.skipif(not LONG, reason="waits until the service gives up")
def test_flatpeak_that_does_not_answer(visitor, tab):
    tab.expect(r"status of 504")
    visitor.opens(postal_address=LONDON).at("provider_select")
    visitor.service.fault("delay", seconds=30)
    visitor.press("My provider is not listed").sees("working")
    tab.until(lambda: tab.all(".alert.error"), seconds=30)
    visitor.sees("error.upstream_timeout").press("Try again").at("provider_name_capture")


def test_device_that_is_offline(visitor, tab):
    tab.expect("ERR_INTERNET_DISCONNECTED")
    visitor.opens(postal_address=LONDON).at("provider_select")
    tab.cdp("Network.enable")
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    tab.cdp("Network.emulateNetworkConditions", offline=True, **offline)
    visitor.press("My provider is not listed")
    failed_on(visitor, "error.offline", "failure_offline")
    tab.cdp("Network.emulateNetworkConditions", offline=False, **offline)
    visitor.press("Try again").at("provider_name_capture")


# Tickets and tokens.

def test_ticket_of_another_tab(visitor, tab):
    """The second document is told so; the first goes on, and its reload does, too."""
    tab.expect(r"status of 409")
    visitor.opens(postal_address=LONDON).at("provider_select")
    first = tab.tab
    tab.new_tab().open(visitor.minted["launch_url"])
    failed_whole(visitor, "failure.ticket_used", "error.ticket_used", "failure_ticket_used")
    reference = visitor.reference()
    tab.until(lambda: reference in tab.service.log, why="the operator does not know the reference")
    tab.switch(first)
    tab.renewed(tab.reload)
    visitor.at("provider_select")
    # Once more in the tab that has the session: it is that session.
    tab.open(visitor.minted["launch_url"])
    visitor.at("provider_select").reaches_the_summary().finishes().returns("connected")


def test_used_ticket_after_the_app(visitor, tab):
    """Whoever comes from a page of the app has a button that leads back to it."""
    tab.expect(r"status of 409")
    visitor.opens(postal_address=LONDON).at("provider_select")
    tab.new_tab().open(visitor.app.url).find("[data-ready]")
    tab.js("location.href = arguments[0]", visitor.minted["launch_url"])
    failed_whole(visitor, "failure.ticket_used", "error.ticket_used", "failure_ticket_used")
    tab.press(visitor.text("page.back")).screen("app")


def test_used_ticket_in_a_dialog(visitor, tab):
    tab.expect(r"status of 409")
    visitor.opens(postal_address=LONDON).at("provider_select")
    visitor.app.mint = lambda: visitor.minted
    tab.new_tab().open(visitor.app.url).press("Connect here").into_dialog()
    failed_whole(visitor, "failure.ticket_used", "error.ticket_used", "failure_ticket_used_in_a_dialog")
    visitor.press("Close")
    tab.without_dialog()
    visitor.app_knows(None)


@pytest.mark.parametrize("change", [
    lambda ticket: ticket[:-1] + ("A" if ticket[-1] != "A" else "B"),
    lambda ticket: "cs_" + "0" * 24 + ticket[ticket.index("."):],
    lambda ticket: ticket.partition(".")[0],
    lambda ticket: ticket + "&ticket=" + ticket,
    lambda ticket: "%00" + ticket,
    lambda ticket: "A" * 20_000,
], ids=["forged", "other_session", "cut", "twice", "nul", "long"])
def test_ticket_that_is_none(visitor, tab, change):
    tab.expect(r"status of 404")
    visitor.mints(postal_address=LONDON)
    page, _, ticket = visitor.minted["launch_url"].partition("#ticket=")
    tab.open(f"{page}#ticket={change(ticket)}")
    failed_whole(visitor, "failure.ticket_unknown", "error.ticket_unknown", "failure_ticket_unknown")
    # The true one was not lost by it.
    tab.open(visitor.minted["launch_url"])
    visitor.at("provider_select")


def test_ticket_that_has_expired(visitor, tab):
    """As long as the token lives, and no longer."""
    tab.expect(r"status of 410")
    tab.service.control("/token-life", {"seconds": 2})
    try:
        visitor.mints(postal_address=LONDON)
    finally:
        tab.service.control("/token-life", {"seconds": 86_400})
    time.sleep(3)
    tab.open(visitor.minted["launch_url"])
    failed_whole(visitor, "failure.ticket_expired", "error.ticket_expired", "failure_ticket_expired")


def test_token_that_expires_in_the_middle(visitor, tab):
    tab.expect(r"status of 4\d\d")
    visitor.opens(postal_address=LONDON).at("provider_select")
    tab.service.control(f"/tokens/{visitor.token}/expire")
    visitor.press("My provider is not listed")
    tab.screen("failure")
    visitor.look("failure_session_expired")
    visitor.heading("failure.session_expired").sees("error.connect_token_expired")
    visitor.press("Back to the app")
    tab.until(lambda: tab.url.startswith(f"{visitor.app.url}/done"))


def test_nothing_to_continue(visitor, tab):
    tab.open(f"{tab.service.url}/connect").screen("nothing")
    visitor.heading("failure.nothing").sees("error.nothing").look("nothing")


def test_two_tabs_of_one_session(visitor, tab):
    """A duplicated tab has a copy of the session: each goes on from where Connect is."""
    tab.expect(r"status of 4(00|09)")
    visitor.opens(postal_address=LONDON).at("provider_select")
    first = tab.tab
    with tab.other_window(lambda: tab.js("window.open(location.href)")):
        visitor.at("provider_select").types_provider().at("tariff_structure_select")
        second = tab.tab
    tab.switch(first)
    visitor.at("provider_select").press("My provider is not listed")
    tab.until(lambda: tab.shown in ("provider_name_capture", "tariff_structure_select"))
    tab.renewed(tab.reload)
    tab.until(lambda: tab.shown in ("provider_name_capture", "tariff_structure_select"))
    if tab.shown == "provider_name_capture":
        tab.fill(provider_name="Other Power")
        visitor.press("Continue")
    visitor.picks_structure("FIXED").types_rate().finishes().returns("connected")
    # The other one is led to the end, too.
    tab.switch(second)
    visitor.at("tariff_structure_select").chooses_one("One rate")
    tab.until(lambda: tab.url.startswith(visitor.app.url) or tab.shown == "failure")


# Browsers that allow less.

def names(tab):
    """What a screen reader would say, without a script of the page's."""
    return [node.get("name", {}).get("value", "") for node in tab.cdp("Accessibility.getFullAXTree")["nodes"]]


def test_without_javascript(visitor, tab):
    visitor.mints(postal_address=LONDON)
    tab.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(visitor.minted["launch_url"])
        tab.until(lambda: any("This page needs JavaScript" in name for name in names(tab)))
        tab.capture("without_javascript")
        tab.open(visitor.minted["launch_url"].replace("lang=en", "lang=de"))
        tab.until(lambda: any("Diese Seite braucht JavaScript" in name for name in names(tab)))
    finally:
        tab.cdp("Emulation.setScriptExecutionDisabled", value=False)
    # The ticket is as good as new.
    tab.open("about:blank").open(visitor.minted["launch_url"])
    visitor.at("provider_select")


@pytest.fixture
def forgetful(request, browsers, hosted, app, own_app):
    """A tab of a Chromium that lets no page store anything."""
    yield from open_browser(
        request, browsers, hosted, PHONE, hosts=(app.host, own_app.host),
        **{"profile.default_content_setting_values.cookies": 2})


def test_without_storage(forgetful, app, user):
    """The page keeps the session in its document alone, so the provider's login has a window of its own."""
    visitor = Visitor(forgetful, app, user).opens(postal_address=LONDON).at("provider_select")
    assert forgetful.js("try { sessionStorage.length; return 'allowed' } catch { return 'blocked' }") == "blocked"
    visitor.types_provider().at("tariff_structure_select").press("Back").at("provider_name_capture").press("Back")
    visitor.chooses("Brackenfield Energy")
    with forgetful.other_window(visitor.goes_on_to):
        visitor.logs_in_here()
        # It cannot know that it is the window of a login, so it reports nothing, and goes.
        forgetful.until(lambda: len(forgetful.driver.window_handles) == 1, why="the login's window stayed open")
    visitor.at("tariff_summary").finishes().returns("connected")


def test_without_storage_a_reload_cannot_go_on(forgetful, app, user):
    visitor = Visitor(forgetful, app, user).opens(postal_address=LONDON).at("provider_select")
    forgetful.renewed(forgetful.reload)
    forgetful.screen("nothing")
    visitor.heading("failure.nothing").look("nothing_without_storage")


def test_texts_that_do_not_arrive(visitor, tab):
    """Without the German texts the page is English, and works."""
    tab.expect("ERR_FAILED|status of 503|Failed to (fetch|load)")
    visitor.language = "de"
    visitor.mints(postal_address=LONDON)
    visitor.language = "en"
    with Interception(tab, "*/text-de.js", lambda url: (503, "text/plain", "busy")) as interception:
        tab.open(visitor.minted["launch_url"])
        visitor.at("provider_select").heading("provider.title")
    assert interception.seen


def test_scripts_that_do_not_arrive(visitor, tab):
    """The document says so by itself, in four languages, after a while."""
    tab.expect("status of 503|Failed to (fetch|load)")
    visitor.mints(postal_address=LONDON)
    with Interception(tab, "*/flow.js", lambda url: (503, "text/plain", "busy")):
        tab.open(visitor.minted["launch_url"])
        tab.until(lambda: tab.find(".late").is_displayed() and "did not load completely" in tab.text, seconds=30)
        tab.capture("late")
    # The ticket left the address at the earliest with the scripts: a reload finds it again.
    tab.reload()
    visitor.at("provider_select")


# At the end.

def test_end_while_the_callback_fails(tab, own_app, user):
    """The callback fails for a while: asked again, by the page itself and then by the customer."""
    tab.expect(r"status of 503")
    # Chromium's console names what could not be loaded.
    tab.ends_at_the_callback = True
    visitor = Visitor(tab, own_app, user).opens_from_the_app("modal", postal_address=LONDON).reaches_the_summary()
    down = (503, "application/json", '{"code":"store_unavailable","title":"Busy","request_id":"req_1"}')
    with Interception(tab, "*/v1/connect/callback*", lambda url: down) as interception:
        visitor.press("Done")
        tab.screen("failure", seconds=40)
        visitor.look("failure_at_the_end")
    assert len(interception.seen) > 1
    visitor.press("Try again").is_done("connected")


def test_nothing_of_a_failure_is_left_on_the_next_screen(tab, app, user):
    tab.expect(r"status of 50\d")
    visitor = at_the_providers(tab, app, user)
    tab.service.fault("status", status=500)
    visitor.press("My provider is not listed")
    tab.until(lambda: tab.all(".alert.error"))
    visitor.press("Try again").at("provider_name_capture")
    assert not tab.all(".alert, [role=alert]")
