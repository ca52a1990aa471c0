"""The TypeScript library in an app of another site, with as strict a content policy as it allows."""

import json
import pathlib
import sys

import pytest
from checks import PHONE
from conftest import open_browser
from service import ROOT
from visitor import Visitor
from website import Page, Website

sys.path.append(str(ROOT / "Tests/Clients"))

from world import SignedIn

FILES = {
    "/app.js": "Tests/Browser/client_app/app.js",
    **{f"/client/{name}": f"clients/typescript/{name}" for name in ("index.js", "client.js")}}


class ClientApp(Website):
    """Serves the app and the library's files, and has the user's bearer."""

    def __init__(self):
        self.service = None
        # Each bearer that was given out; a test says which one is next.
        self.bearers = []
        self.given = 0
        app = self

        class Handler(Page):
            def do_GET(self):
                path = self.path.partition("?")[0]
                if path == "/settings":
                    self.answer(json.dumps({"service": app.service.url}), "application/json")
                elif path == "/token":
                    app.given += 1
                    self.answer(app.bearers.pop(0) if len(app.bearers) > 1 else app.bearers[0], "text/plain")
                elif path in FILES:
                    self.answer(pathlib.Path(ROOT, FILES[path]).read_text(), "text/javascript")
                elif path == "/":
                    self.answer((ROOT / "Tests/Browser/client_app/index.html").read_text(), "text/html")
                else:
                    self.send_error(404)

            def answer(self, body, content_type):
                super().answer(body, f"{content_type}; charset=utf-8")

            def content_policy(self):
                service = app.service.url
                return (
                    f"default-src 'none'; script-src 'self' {service}; frame-src {service}; img-src data:; "
                    f"connect-src 'self' {service}; base-uri 'none'; form-action 'none'; "
                    "require-trusted-types-for 'script'")

        super().__init__(Handler)


@pytest.fixture
def app():
    made = ClientApp()
    made.service = SignedIn([made.url], BFF_RETURN_URLS=f"{made.url}/")
    yield made
    made.service.stop()
    made.stop()


@pytest.fixture
def visitor(request, browsers, app, user):
    app.bearers = [app.service.identity.bearer(user)]
    for browser in open_browser(request, browsers, app.service, PHONE, hosts=(app.host,)):
        browser.open(app.url).find("[data-ready]")
        yield Visitor(browser, app, user)


def has_connected(browser):
    browser.until(lambda: browser.js("return window.session?.state") == "connected", why="no session came")
    session = browser.js("return window.session")
    assert session["confirmed"] and session["location_id"] and browser.js("return window.price") == 0.2345, session
    assert browser.js("return {...localStorage, ...sessionStorage}") == {}
    return session


def test_connect_in_a_dialog(visitor, app):
    """Mint, dialog, confirmation and prices, with a bearer that expires in the middle; then one is aborted."""
    browser = visitor.browser
    browser.press("Connect here").into_dialog()
    visitor.gives_address().reaches_the_summary()
    browser.expect("status of 401")
    good, before = app.bearers[0], app.given
    app.bearers = [app.service.identity.bearer(visitor.user, life=-3600), good]
    visitor.finishes()
    browser.without_dialog()
    session = has_connected(browser)
    # Confirmation, once more, prices.
    assert app.given - before == 3
    assert browser.js("return window.events").count("end") == 1
    followed = browser.wait_js("""
        const [id, done] = arguments, states = [];
        (async () => {
            for await (const { state } of window.client.followSession(id)) states.push(state);
        })().then(() => done(states), (error) => done(String(error)));
    """, session["id"])
    assert followed == ["connected"], followed
    browser.press("Connect here").into_dialog()
    visitor.at("postal_address_capture")
    browser.top().js("window.controller.abort()")
    browser.without_dialog()
    browser.until(lambda: browser.find("#ending").text == "AbortError", why=browser.words)


def test_connect_by_a_redirect(visitor, app):
    """The document that comes back has the session, and a clean address."""
    browser = visitor.browser
    browser.press("Connect on another page")
    visitor.gives_address().reaches_the_summary().finishes()
    browser.until(lambda: browser.url == f"{app.url}/", why=f"still at {browser.url}")
    has_connected(browser)
