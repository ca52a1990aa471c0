"""The example of docs/examples/embed as it is, with its own backend: a customer connects in its dialog."""

import os
import subprocess
import sys

import pytest
from checks import PHONE
from conftest import open_browser
from service import ROOT, Hosted, end, free_ports
from visitor import Visitor


@pytest.fixture
def origin():
    return f"http://localhost:{free_ports(1)}"


@pytest.fixture
def visitor(request, browsers, origin):
    """A customer who has the example's page before them."""
    hosted = Hosted([origin], BFF_RETURN_URLS=f"{origin}/")
    backend = subprocess.Popen(
        [sys.executable, ROOT / "docs/examples/embed/backend.py"], stdout=subprocess.PIPE, text=True,
        env={"PATH": os.environ["PATH"], "CONNECT_BFF_URL": hosted.url, "CONNECT_BFF_KEY": hosted.key,
             "PORT": origin.rpartition(":")[2]})
    try:
        assert backend.stdout.readline() == f"open {origin}\n"
        host = origin.removeprefix("http://")
        for browser in open_browser(request, browsers, hosted, PHONE, hosts=(host,)):
            # It has no icon, and a browser asks for one.
            browser.expect("favicon.ico")
            browser.open(origin).find("button:enabled")
            yield Visitor(browser, None, "alice")
    finally:
        end(backend)
        hosted.stop()


def says(browser, sentence):
    browser.until(lambda: browser.find("[role=status]").text == sentence, why=browser.words)


def test_customer_connects_in_the_dialog(visitor):
    browser = visitor.browser
    browser.press("Connect my tariff").into_dialog()
    visitor.gives_address().reaches_the_summary().finishes()
    browser.without_dialog()
    says(browser, "Your tariff is connected.")
    # Once more, with a session of its own that is left at once.
    browser.press("Connect my tariff").into_dialog()
    visitor.at("postal_address_capture").closes()
    browser.without_dialog()
    says(browser, "You have not finished. You can start again at any time.")


def test_customer_comes_back_from_a_redirect(visitor, origin):
    """What the page does where a dialog cannot be: the document goes on to the service, and comes back."""
    browser = visitor.browser
    minted = visitor.service.mint_page("alice", return_url=f"{origin}/")
    browser.open(minted["launch_url"])
    visitor.gives_address().reaches_the_summary().finishes()
    browser.until(lambda: browser.url == f"{origin}/", why=f"still at {browser.url}")
    says(browser, "Your tariff is connected.")
