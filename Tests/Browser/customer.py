"""A customer who connects a tariff, in the two places where Connect can be: the hosted page and the stand-in web app.

Both have the same methods, so that a journey is written once. Methods are named after what the customer does.
"""

from connect_page import AJACCIO as AJACCIO
from connect_page import LONDON, ConnectPage

USERS = {"amira": "Amira Haddad", "ben": "Ben Visser", "chloe": "Chloé Martin"}

SENTENCES = {
    "abandoned": "You left before the end.",
    "connected": "Your tariff is connected.",
    "disconnected": "Your tariff is no longer connected.",
    "failed": "The connection did not work.",
    "pending": "Your provider has not answered yet.",
}


class Customer:
    def __init__(self, browser, user="amira"):
        self.browser = browser
        self.service = browser.service
        self.user = user
        self.restarts_the_service = False

    def sign_in(self):
        self.browser.open(self.service.url + "/").screen("sign_in").look("sign_in")
        self.browser.tap("button", USERS[self.user])
        self.browser.screen("home")
        return self

    def at(self, route):
        """Waits for a page of Connect; on the first one the service is restarted, where the test wants that."""
        self.browser.screen(route)
        if self.restarts_the_service and not self.service.restarts:
            # Logos may be on their way.
            self.browser.expect(r"/connect/logos/\w+\.png - Failed to load resource: net::ERR_")
            self.service.restart()
        return self

    def logs_in(self, name="maria", agree=True):
        """The provider's own pages, on the provider's own host."""
        self.browser.until(lambda: self.browser.all("[name=username]"))
        assert self.browser.driver.current_url.startswith(self.service.provider_url)
        self.browser.fill(username=name, password="any").press("Log in")
        self.browser.press("Agree" if agree else "Decline")
        return self

    def comes_to(self, tab):
        """Looks at another tab of this customer's."""
        self.browser.switch(tab)
        return self

    def is_told(self, state):
        """Comes back to the app, which knows from the service how it went."""
        self.is_told_in_any_order(state)
        assert "cot_" not in self.browser.driver.current_url
        assert self.sessions()[0]["state"] == state
        return self

    def is_told_in_any_order(self, state):
        """The same, where sessions of another tab may be newer."""
        self.browser.screen("home").sees(SENTENCES[state])
        return self

    def sessions(self):
        """What the service says about the sessions of this user, the newest first."""
        known = self.browser.js(
            "return JSON.parse(localStorage.getItem('sessions:' + arguments[0]) ?? '[]')", self.user
        )
        return [self.service.get(f"/v1/connect/sessions/{each['id']}", self.user) for each in known]

    def tariffs(self):
        """The tariffs of every place of this user."""
        places = self.service.get("/v1/locations", self.user)["data"]
        return [tariff for place in places
                for tariff in self.service.get(f"/v1/tariffs/elements?location_id={place['id']}", self.user)["data"]]


class OnThePage(ConnectPage, Customer):
    """The hosted page, in the dialog that connect.js opens over the demo app."""

    def at(self, route):
        Customer.at(self, route)
        return self.is_discreet()

    def starts(self):
        return self.sign_in().asks("Connect your tariff")

    def asks(self, name):
        """A button of the app: "Edit: Power you use"."""
        self.browser.top().press(name)
        self.browser.into_dialog()
        return self

    def logs_in(self, name="maria", agree=True, provider="Brackenfield Energy"):
        self.logs_in_in_a_window(name, agree, provider)
        self.browser.into_dialog()
        # To Connect a login that was declined is one that has not come yet; the way back is the customer's.
        return self if agree else self.at("provider_wait").press("Back")

    def comes_to(self, tab):
        Customer.comes_to(self, tab)
        self.browser.into_dialog()
        return self

    def is_told_in_any_order(self, state):
        """The dialog goes away, and the app says how it went."""
        self.browser.without_dialog()
        return Customer.is_told_in_any_order(self, state)


class InTheTab(OnThePage):
    """The hosted page in place of the demo app, to which it comes back at the end."""

    def starts(self):
        return self.sign_in().wants_this_tab().asks("Connect your tariff")

    def wants_this_tab(self):
        self.browser.press("Options for engineers")
        self.browser.tap("label", "In place of this page")
        return self

    def asks(self, name):
        self.browser.press(name)
        return self

    def logs_in(self, name="maria", agree=True, provider="Brackenfield Energy"):
        return self.logs_in_here(name, agree)

    def comes_to(self, tab):
        return Customer.comes_to(self, tab)

    def is_told_in_any_order(self, state):
        return Customer.is_told_in_any_order(self, state)


class OnTheWebApp(Customer):
    """The stand-in on http://localhost:7070, in the tab that the page opens for it."""

    def starts(self):
        return self.sign_in().wants_the_web_app().asks("Connect your tariff")

    def wants_the_web_app(self):
        self.browser.press("Options for engineers")
        self.browser.tap("label", "In the Connect web app on port 7070, in another tab")
        return self

    def asks(self, name):
        tabs = set(self.browser.driver.window_handles)
        self.browser.press(name)
        self.browser.until(lambda: set(self.browser.driver.window_handles) - tabs)
        self.browser.switch((set(self.browser.driver.window_handles) - tabs).pop())
        return self

    def look(self, name):
        """The stand-in has no looks; the names are those of the page's screens."""
        return self

    def submits(self, route, **fields):
        self.at(route).browser.fill(**fields).press("Next")
        return self

    def picks(self, route, text):
        self.at(route).browser.press(text)
        return self

    def gives_address(self, address=LONDON):
        return self.submits("postal_address_capture", **address).at("provider_select")

    def chooses(self, provider):
        return self.picks("provider_select", provider)

    def types_provider(self, name="My Power"):
        return self.picks("provider_select", "PROVIDER_MISSING").submits("provider_name_capture", name=name)

    def picks_structure(self, option):
        return self.picks("tariff_structure_select", option)

    def types_rate(self, cost="23.45"):
        return self.submits("rate_fixed_capture", cost=cost)

    def types_day_and_night(self, day="31", night="12.5", valid_from="07:00", valid_to="23:00"):
        return self.submits("rate_tod_capture", **{"day": day, "night": night, "from": valid_from, "to": valid_to})

    def picks_region(self, name="CORS"):
        return self.picks("region_select", name)

    def types_surcharge(self, fixed="2", percentage="5"):
        return self.submits("surcharge_capture", fixed=fixed, percentage=percentage)

    def picks_tariff(self, name="Lantern Economy"):
        return self.picks("tariff_select", name)

    def closes(self):
        self.browser.press("Close")
        return self

    def finishes(self):
        return self.picks("tariff_summary", "Close")

    def disconnects(self):
        return self.picks("tariff_summary", "DISCONNECT")

    def edits(self):
        return self.picks("tariff_summary", "EDIT")

    def sees_failure(self, is_named=True, leaves_by="Try again"):
        """The red page names the request, if it has an answer; either button goes back in history, to the same page."""
        self.at("error")
        assert self.browser.find("#request").text.startswith("req_") == is_named
        assert self.browser.has_button("Close") and self.browser.has_button("Try again")
        self.browser.press(leaves_by)
        return self
