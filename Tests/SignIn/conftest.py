import collections
import contextlib
import json
import os
import pathlib
import re
import sys
import threading
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Browser"))
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from apache import API, APP, SIBLING, STRANGER, Apache, settings
from browser import Browser, chromium
from checks import DESKTOP
from customer_of_the_app import Customer
from service import Hosted, end, free_ports, start
from sites import Sites


class Place:
    """All that runs: a provider, a sandbox of Flatpeak, the service, Apache, and sites of others."""

    def __init__(self):
        with contextlib.ExitStack() as undo:
            port = free_ports(1)
            self.provider_url = f"http://localhost:{port}"
            provider, _ = start(
                os.environ["OIDC_PROVIDER"], "--port", str(port), "--require-nonce", until="running on")
            undo.callback(end, provider)
            # It has a line for each request; a full pipe would stop it.
            threading.Thread(target=collections.deque, args=(provider.stdout, 0), daemon=True).start()
            apache_port = free_ports(2)
            recipe = settings(apache_port)
            del recipe["BFF_LISTEN"]
            self.service = Hosted(**recipe, BFF_SERVICE_KEYS_FILE="")
            undo.callback(self.service.stop)
            self.service.url = recipe["BFF_PUBLIC_URL"]
            self.apache = Apache(apache_port, self.service.port, self.provider_url)
            undo.callback(self.apache.stop)
            self.sites = Sites(self.apache.certificate, self.apache.folder / "ssl/privkey.pem")
            undo.callback(self.sites.stop)
            self.sibling, self.stranger = (f"https://{host}:{self.sites.port}" for host in (SIBLING, STRANGER))
            names = ", ".join(f"MAP {host} 127.0.0.1" for host in (APP, API, SIBLING, STRANGER))
            self.chromium = chromium(
                f"--host-resolver-rules={names}, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
                "--ignore-certificate-errors")
            undo.callback(self.chromium.quit)
            self.stop = undo.pop_all().close

    def read(self, path, user):
        """What the service says to this user, past Apache; None for what is not the user's."""
        status, _, body = self.service.fetch(path, headers={"Host": APP, "X-Auth-Request-User": user})
        assert status in (200, 404), body
        return json.loads(body) if status == 200 else None


@pytest.fixture(scope="session")
def place():
    made = Place()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def apache(place):
    return place.apache


@pytest.fixture
def browser(request, place):
    """A tab without any sign-in, for one test, which ends with what must be true of every test."""
    place.chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    made = Browser(place.chromium, place.service, DESKTOP)
    made.hosts |= {place.apache.app, place.apache.api}
    made.hosts |= {url.partition("//")[2] for url in (place.provider_url, place.sibling, place.stranger)}
    # The provider's pages ask for a style sheet from there, and do without.
    made.hosts.add("cdn.jsdelivr.net")
    made.expect("cdn.jsdelivr.net/.* net::ERR_NAME_NOT_RESOLVED")
    # Answers that a test provokes, and says so itself.
    made.expect(r"Failed to load resource: the server responded with a status of 40[134]")
    yield made
    if request.node.stash.get(FAILED, False):
        with contextlib.suppress(Exception):
            made.top().capture("failed-" + re.sub(r"[^\w.-]+", "_", request.node.name)[:100])
        print("\n".join(made.complaints()), place.apache.log[-3000:], place.apache.errors[-3000:], sep="\n")
    else:
        complaints = made.top().complaints()
        assert not complaints, "\n".join(complaints)


@pytest.fixture
def customer(browser, place):
    return Customer(browser, place, f"alice-{uuid.uuid4().hex[:8]}")


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
