import contextlib
import os
import pathlib
import re
import shutil
import sys
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import webapp as web
from app import App
from browser import Browser, chromium
from checks import CLAIMS, DESKTOP, PHONE
from selenium.common.exceptions import WebDriverException
from service import Hosted, Service

LONG = bool(os.environ.get("BFF_TEST_LONG"))


def pytest_configure(config):
    config.addinivalue_line("markers", "web_app: needs the stand-in of the reference web app, on its one port")
    config.addinivalue_line("markers", "alone: shares browser or service with its module, which one process runs")
    if not hasattr(config, "workerinput"):
        shutil.rmtree(CLAIMS, ignore_errors=True)


def needs_web_app(item):
    return "web_app" in item.name or "web_app" in item.fixturenames or item.get_closest_marker("web_app") is not None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What shares a port or a browser is run by one process."""
    for item in items:
        if needs_web_app(item):
            item.add_marker(pytest.mark.xdist_group("web_app"))
        elif item.get_closest_marker("alone"):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))


# The services.

@pytest.fixture(scope="session")
def web_app():
    """The second origin of `connect-bff dev`; its port is the one that is let in."""
    try:
        app = web.WebApp()
    except OSError:
        pytest.fail(f"port {web.PORT} is taken; stop what listens there (npm run dev?)", pytrace=False)
    yield app
    app.stop()


@pytest.fixture
def service(request):
    """`connect-bff dev`, for one test, without confirmations: test_confirm.py has those."""
    made = Service("--no-confirm")
    if needs_web_app(request.node):
        request.getfixturevalue("web_app").relay = made.url
    yield made
    made.stop()


@pytest.fixture(scope="session")
def app():
    """An app of another site than the service."""
    made = App("127.0.0.1")
    yield made
    made.stop()


@pytest.fixture(scope="session")
def own_app():
    """An app of the same site as the service."""
    made = App("localhost")
    yield made
    made.stop()


@pytest.fixture(scope="session")
def the_hosted(app, own_app):
    made = Hosted(
        [app.url, own_app.url], BFF_RETURN_URLS=f"{app.url}/done,{own_app.url}/done",
        BFF_BRAND_NAME="Daylight Energy", BFF_BRAND_COLOR="#1f6f4a",
        BFF_BRAND_SUPPORT_URL="https://help.example.com/", BFF_BRAND_PRIVACY_URL="https://example.com/privacy")
    yield made
    made.stop()


@pytest.fixture
def hosted(the_hosted, app, own_app):
    """`connect-bff serve`, shared by tests, each of which has a user of its own and leaves no fault behind."""
    app.service_url = own_app.service_url = the_hosted.url
    app.mint = own_app.mint = None
    app.asked.clear()
    own_app.asked.clear()
    yield the_hosted
    if the_hosted.process.poll() is not None:
        the_hosted.revive()
    the_hosted.control("/faults", method="DELETE")


@pytest.fixture
def user():
    return f"user-{uuid.uuid4().hex[:12]}"


# The browsers. A process of the tests has one Chromium, in which each test has a new tab.

class Browsers:
    def __init__(self):
        self.running = {}

    def get(self, *arguments, **preferences):
        key = (arguments, tuple(sorted(preferences.items())))
        if key not in self.running:
            self.running[key] = chromium(*arguments, preferences=preferences)
        return self.running[key]

    def stop(self, *arguments, **preferences):
        driver = self.running.pop((arguments, tuple(sorted(preferences.items()))), None)
        if driver:
            with contextlib.suppress(Exception):
                driver.quit()

    def stop_all(self):
        for arguments, preferences in list(self.running):
            self.stop(*arguments, **dict(preferences))


@pytest.fixture(scope="session")
def browsers():
    made = Browsers()
    yield made
    made.stop_all()


def open_browser(request, browsers, service, size, *arguments, hosts=(), **preferences):
    """A tab for one test, which ends with what must be true of every test."""
    try:
        browser = Browser(browsers.get(*arguments, **preferences), service, size)
    except (WebDriverException, OSError):
        # It has crashed meanwhile.
        browsers.stop(*arguments, **preferences)
        browser = Browser(browsers.get(*arguments, **preferences), service, size)
    browser.hosts |= set(hosts)
    # A service of an earlier test may have had the same port.
    browser.cdp("Storage.clearDataForOrigin", origin=service.url, storageTypes="all")
    yield browser
    if request.node.stash.get(FAILED, False):
        with contextlib.suppress(Exception):
            browser.top().capture(picture_of(request.node))
        with contextlib.suppress(Exception):
            print("\n".join(browser.complaints()))
        # The next test gets a new one.
        browsers.stop(*arguments, **preferences)
    else:
        complaints = browser.top().complaints()
        assert not complaints, "\n".join(complaints)


def picture_of(item):
    """The name of the picture of a test that failed."""
    return "failed-" + re.sub(r"[^\w.-]+", "_", item.name)[:100]


@pytest.fixture
def phone(request, browsers, service):
    yield from open_browser(request, browsers, service, PHONE)


@pytest.fixture
def desktop(request, browsers, service):
    yield from open_browser(request, browsers, service, DESKTOP)


@pytest.fixture
def tab(request, browsers, hosted, app, own_app):
    """A phone's tab beside `connect-bff serve`."""
    yield from open_browser(request, browsers, hosted, PHONE, hosts=(app.host, own_app.host))


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
