"""connect.js in an app of another site, with as strict a content policy as it allows."""

import json

import pytest
from checks import DESKTOP
from conftest import LONG
from connect_page import LONDON
from selenium.webdriver.common.keys import Keys
from visitor import OPENS, Visitor


@pytest.fixture
def visitor(tab, app, user):
    return Visitor(tab, app, user)


def dialog(tab, script):
    """What a script says of the dialog, which it has as `dialog`."""
    return tab.top().js(
        "const dialog = document.querySelector('connect-bff').shadowRoot.querySelector('dialog');" + script)


def test_events_that_the_app_gets(visitor, tab):
    """Routes and the end, and nothing of the customer's; the launch URL is nowhere in the app's document."""
    visitor.opens_from_the_app("modal", postal_address=LONDON).at("provider_select")
    ticket = visitor.minted["launch_url"].partition("ticket=")[2]
    assert ticket and ticket not in dialog(tab, "return document.documentElement.outerHTML + dialog.outerHTML")
    tab.into_dialog()
    visitor.reaches_the_summary().finishes().is_done("connected")
    events = tab.js("return window.events")
    assert events[0] == {"type": "open"}
    assert [event["route"] for event in events if event["type"] == "screen"] == [
        "provider_select", "provider_name_capture", "tariff_structure_select", "rate_fixed_capture", "tariff_summary"]
    assert events[-1] == {"type": "end", "session": visitor.minted["id"], "status": "connected"}
    said = json.dumps(events)
    assert not any(secret in said for secret in (ticket, "cot_", "Strand", "My Power", "0.2345"))
    assert ticket not in json.dumps(app_requests(visitor)), "the launch URL went back to the app"


def app_requests(visitor):
    return [request for request in visitor.app.asked if not request[0].startswith("/launch")]


def test_dialog_for_everyone(visitor, tab):
    """A named dialog that keeps the focus and gives it back; a sheet on phones, a card on a desk."""
    visitor.opens_from_the_app("modal", postal_address=LONDON).at("provider_select")
    assert tab.js("return document.activeElement.tagName") == "H1"
    assert dialog(tab, "return dialog.matches(':modal') && dialog.ariaLabel") == "Connect your tariff"
    box = dialog(tab, "return dialog.getBoundingClientRect().toJSON()")
    assert (box["left"], box["width"]) == (0, 390) and abs(box["bottom"] - 844) <= 1, box
    assert tab.faults() == []
    tab.look("dialog")
    tab.resize(DESKTOP)
    box = dialog(tab, "return dialog.getBoundingClientRect().toJSON()")
    assert box["left"] > 100 and box["top"] >= 10 and box["width"] <= 500 and box["height"] <= 780, box
    assert tab.js("return document.documentElement.scrollWidth <= innerWidth")
    tab.into_dialog()
    visitor.closes().is_done("abandoned")
    assert tab.driver.switch_to.active_element.accessible_name == OPENS["modal"]


@pytest.mark.parametrize("where", ["in_the_frame", "around_it"])
def test_escape(visitor, tab, where):
    visitor.opens_from_the_app("modal", postal_address=LONDON).at("provider_select")
    if where == "around_it":
        tab.top()
        tab.js("document.activeElement.blur()")
    tab.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    visitor.is_done("abandoned")
    assert visitor.events()[-1] == "end"


def test_closing_while_a_call_runs(visitor, tab):
    """The session ends once the call is answered; the customer does not have to press again."""
    visitor.opens_from_the_app("modal", postal_address=LONDON).at("provider_select")
    tab.service.fault("delay", seconds=1)
    visitor.press("My provider is not listed")
    tab.until(lambda: tab.all("fieldset.frame:disabled"))
    visitor.closes().is_done("abandoned")


def test_escape_on_a_question(visitor, tab):
    """It answers the question alone."""
    visitor.opens_from_the_app("modal", postal_address=LONDON).reaches_the_summary().press("Disconnect")
    tab.find("dialog[open]")
    tab.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    tab.until(lambda: not tab.all("dialog[open]"))
    visitor.at("tariff_summary").finishes().is_done("connected")


def test_reload_of_the_frame(visitor, tab):
    """The tab's storage has the session, even as a third party's; the app goes on to follow it."""
    visitor.opens_from_the_app("modal", postal_address=LONDON).types_provider().at("tariff_structure_select")
    tab.js("location.reload()")
    tab.into_dialog()
    visitor.at("tariff_structure_select").picks_structure("FIXED").types_rate().finishes().is_done("connected")
    assert visitor.events().count("open") == 2


def test_one_session_at_a_time(visitor, tab):
    visitor.opens_from_the_app("modal", postal_address=LONDON).at("provider_select")
    tab.top().js("""
        window.second = null;
        connect.open({launchUrl: arguments[0]}).then(
            () => { window.second = 'opened'; }, (error) => { window.second = error.name; });
    """, visitor.minted["launch_url"])
    tab.until(lambda: tab.js("return window.second") == "InvalidStateError")
    tab.into_dialog()
    visitor.at("provider_select").closes().is_done("abandoned")


def test_window_that_the_customer_closes(visitor, tab):
    """The app learns that the page was left, and nothing about the session."""
    with tab.other_window(lambda: visitor.opens_from_the_app("popup", postal_address=LONDON)):
        visitor.at("provider_select")
        tab.driver.close()
    visitor.app_knows(None, session=False)
    assert visitor.events()[-1] == "close"


def test_login_window_that_the_customer_closes(visitor, tab):
    """The page waits on, says that the login is not over, and opens the window once more."""
    visitor.opens_from_the_app("modal", postal_address=LONDON).chooses("Brackenfield Energy")
    with tab.other_window(visitor.goes_on_to):
        tab.until(lambda: tab.all("[name=username]"))
        tab.driver.close()
    tab.into_dialog()
    visitor.at("provider_wait").look("provider_wait").press("I am done")
    tab.until(lambda: visitor.text("login.not_yet", provider="Brackenfield Energy") in tab.text)
    with tab.other_window(lambda: visitor.press("Open the window again")):
        visitor.logs_in_and_closes()
    tab.into_dialog()
    visitor.at("tariff_summary").finishes().is_done("connected")


def test_login_that_is_declined(visitor, tab):
    """To Connect it is one that has not come yet: the page says so, and its way back leads to the providers."""
    visitor.opens_from_the_app("modal", postal_address=LONDON).chooses("Brackenfield Energy")
    visitor.logs_in_in_a_window(agree=False)
    tab.into_dialog()
    visitor.at("provider_wait").press("I am done").sees("login.not_yet", provider="Brackenfield Energy")
    visitor.press("Back").at("provider_select").reaches_the_summary().finishes().is_done("connected")


def test_back_from_the_login_screen(visitor, tab):
    visitor.opens_from_the_app("modal", postal_address=LONDON).chooses("Brackenfield Energy").at("provider_login")
    visitor.press("Back").at("provider_select").closes().is_done("abandoned")


def test_resume_cleans_the_address(visitor, tab):
    """Of what is the page's alone."""
    session = f"cs_{'0' * 24}"
    tab.open(f"{visitor.app.url}/done?tab=tariff&session={session}&status=connected&x=1#prices").find("[data-ready]")
    assert tab.js("return window.result") == {"session": session, "status": "connected"}
    assert tab.url == f"{visitor.app.url}/done?tab=tariff&x=1#prices"
    tab.reload().find("[data-ready]")
    assert tab.js("return window.result") is None
    for other in ("?session=x", "?status=connected", "?session=<b>&status=connected", ""):
        tab.open(f"{visitor.app.url}/done{other}").find("[data-ready]")
        assert tab.js("return window.result") is None, other


@pytest.mark.skipif(not LONG, reason="waits for fifteen seconds")
def test_page_that_does_not_report(visitor, tab):
    """After a while the dialog offers the customer a tab of their own."""
    tab.expect("ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|chrome-error")
    visitor.app.mint = lambda: visitor.mints(postal_address=LONDON)
    tab.open(visitor.app.url).find("[data-ready]")
    mint = visitor.app.mint

    def minted_before_the_crash():
        answer = mint()
        visitor.service.crash()
        return answer
    visitor.app.mint = minted_before_the_crash
    tab.press(OPENS["modal"])
    tab.until(lambda: "longer than usual" in dialog(tab, "return dialog.textContent"), seconds=25)
    visitor.service.revive()
    dialog(tab, "dialog.querySelector('button[aria-label=Close]').click()")
    tab.without_dialog()
    assert visitor.events() == ["error", "close"]
