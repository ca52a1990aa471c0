"""The main journeys in Firefox: in a dialog, in a window and in place of the app, each with a provider's login."""

import contextlib

import firefox
import pytest
from conftest import FAILED, picture_of
from connect_page import LONDON
from visitor import Visitor

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def started():
    driver = firefox.firefox()
    yield driver
    firefox.close(driver)


@pytest.fixture
def fox(request, started, hosted):
    browser = firefox.Firefox(started, hosted)
    yield browser
    if request.node.stash.get(FAILED, False):
        with contextlib.suppress(Exception):
            browser.top().capture(picture_of(request.node))


def test_in_a_dialog(fox, app, user):
    """A third party's frame, whose storage is apart from that of the login's window."""
    visitor = Visitor(fox, app, user).opens_from_the_app("modal", postal_address=LONDON).at("provider_select")
    fox.look("provider_select")
    visitor.chooses("Brackenfield Energy").logs_in_in_a_window()
    fox.into_dialog()
    visitor.at("tariff_summary").finishes().is_done("connected")
    assert visitor.events()[0] == "open" and visitor.events()[-1] == "end"


def test_in_a_window(fox, app, user):
    visitor = Visitor(fox, app, user)
    with fox.other_window(lambda: visitor.opens_from_the_app("popup", postal_address=LONDON)):
        visitor.at("provider_select").chooses("Brackenfield Energy").logs_in_in_a_window()
        visitor.at("tariff_summary").finishes()
    visitor.app_knows("connected").has_state("connected")


def test_in_place_of_the_app(fox, app, user):
    visitor = Visitor(fox, app, user, "de").opens_from_the_app("redirect").gives_address()
    visitor.types_provider().at("tariff_structure_select")
    fox.reload()
    visitor.at("tariff_structure_select")
    fox.back()
    visitor.at("provider_name_capture").press("Back")
    visitor.chooses("Brackenfield Energy").logs_in_here().at("tariff_summary").finishes().returns("connected")


def test_in_a_dialog_where_windows_are_blocked(fox, app, user):
    """The browser's own blocker, told to let not even a click open a window: the page goes on in place of the app."""
    fox.driver.set_pref("dom.popup_allowed_events", "")
    fox.driver.set_pref("dom.popup_maximum", 0)
    try:
        visitor = Visitor(fox, app, user).opens_from_the_app("modal", postal_address=LONDON).at("provider_select")
        visitor.chooses("Brackenfield Energy").goes_on_to()
        fox.top().until(lambda: fox.url.startswith(f"{fox.service.url}/connect"), why="the app stayed")
        visitor.at("provider_select").chooses("Brackenfield Energy").logs_in_here()
        visitor.at("tariff_summary").finishes().returns("connected")
    finally:
        fox.driver.clear_pref("dom.popup_allowed_events")
        fox.driver.clear_pref("dom.popup_maximum")


def test_back_and_forward_and_a_second_tab(fox, app, user):
    visitor = Visitor(fox, app, user).opens(postal_address=LONDON).at("provider_select")
    mine = fox.tab
    with fox.other_window(lambda: fox.driver.open(type="tab", focus=True)):
        fox.open(visitor.minted["launch_url"]).screen("failure").sees("This link was already opened")
        fox.driver.close()
    assert fox.tab == mine
    visitor.reaches_the_summary().finishes().returns("connected")
    fox.driver.go_forward()
    fox.screen("ended").press("Back to the app")
    visitor.returns("connected")
