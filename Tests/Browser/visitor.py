"""A customer of an integrator's app, on the hosted page of `connect-bff serve`."""

import urllib.parse

from connect_page import LONDON, ConnectPage

OPENS = {"modal": "Connect here", "popup": "Connect in a window", "redirect": "Connect on another page"}


class Visitor(ConnectPage):
    """`app` is where the session was started, and where its return URL leads."""

    def __init__(self, browser, app, user, language="en"):
        self.browser = browser
        self.service = browser.service
        self.app = app
        self.user = user
        self.language = language
        self.minted = None

    def at(self, route):
        ConnectPage.at(self, route)
        return self.is_discreet()

    # Starting.

    def mints(self, **request):
        self.minted = self.service.mint_page(self.user, **{
            "return_url": f"{self.app.url}/done", "language": self.language, **request})
        return self.minted

    @property
    def token(self):
        """The token of the session that was minted last."""
        return self.service.newest_token

    @property
    def state(self):
        return self.service.state_of(self.minted, self.user)

    def opens(self, **request):
        """The page as the document of this tab, which the app has redirected to it."""
        self.browser.open(self.mints(**request)["launch_url"])
        return self

    def opens_from_the_app(self, mode, **request):
        """By a button of the app; afterwards the page in its dialog, or in the app's place, is looked at."""
        self.app.mint = lambda: self.mints(**request)
        self.browser.open(self.app.url).find("[data-ready]")
        self.browser.press(OPENS[mode])
        if mode == "modal":
            self.browser.into_dialog()
        return self

    # Ending.

    def returns(self, status):
        """The page has gone to the return URL, where the app learns how the session ended, and cleans its address."""
        browser = self.browser
        browser.until(lambda: browser.url.startswith(f"{self.app.url}/done"), why=f"still at {browser.url}")
        return self.app_knows(status).has_state(status)

    def is_done(self, status):
        """The dialog or window is gone, and the app, whose tab is looked at, knows how the session ended."""
        self.browser.without_dialog()
        return self.app_knows(status).has_state(status)

    def app_knows(self, status, session=True):
        browser = self.browser
        browser.until(lambda: browser.js("return 'result' in window && window.result !== null"), why="no result came")
        result = browser.js("return window.result")
        assert result == {"session": self.minted["id"] if session else None, "status": status}, result
        address = urllib.parse.urlsplit(browser.url)
        assert (address.query, address.fragment) == ("", ""), f"the address keeps {browser.url}"
        return self

    def has_state(self, status):
        self.browser.until(lambda: self.state == status, why=f"the session is {self.state}, not {status}")
        return self

    def events(self):
        """What connect.js told the app, without the values."""
        return [event["type"] for event in self.browser.top().js("return window.events")]

    # Whole ways, for tests that are about something else.

    def reaches_the_summary(self):
        return self.types_provider().picks_structure("FIXED").types_rate().at("tariff_summary")


def at_the_providers(browser, app, user, language="en", **request):
    """A visitor in a tab, whose address is known."""
    return Visitor(browser, app, user, language).opens(postal_address=LONDON, **request).at("provider_select")
