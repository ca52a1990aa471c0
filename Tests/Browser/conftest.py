import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import webapp as web
from browser import DESKTOP, PHONE, Browser
from service import Service


@pytest.fixture(scope="session")
def web_app():
    """The second origin; its port is the one that `connect-bff dev` lets in."""
    try:
        app = web.WebApp()
    except OSError:
        pytest.exit(f"check-browser: port {web.PORT} is taken; stop what listens there (npm run dev?)", returncode=1)
    yield app
    app.stop()


@pytest.fixture
def service(web_app):
    made = Service()
    web_app.relay = made.url
    yield made
    made.stop()


def open_browser(request, service, size):
    browser = Browser(service, size)
    yield browser
    try:
        if request.node.stash.get(FAILED, False):
            browser.capture(f"failed-{request.node.name}")
        else:
            assert browser.complaints() == []
    finally:
        browser.quit()


@pytest.fixture
def phone(request, service):
    yield from open_browser(request, service, PHONE)


@pytest.fixture
def desktop(request, service):
    yield from open_browser(request, service, DESKTOP)


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
