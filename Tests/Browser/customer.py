"""A customer who connects a tariff, in the two places where Connect can be: the page and the stand-in web app.

Both have the same methods, so that a journey is written once. Methods are named after what the customer does.
"""

LONDON = {"country_code": "GB", "address_line1": "1-3 Strand", "city": "London", "post_code": "WC2N 5EH"}
AJACCIO = {"country_code": "FR", "address_line1": "1 Cours Napoleon", "city": "Ajaccio", "post_code": "20000"}
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
            self.service.restart()
        return self

    def logs_in(self, name="maria", agree=True):
        """The provider's own pages, on the provider's own host."""
        self.browser.until(lambda: self.browser.all("[name=username]"))
        assert self.browser.driver.current_url.startswith(self.service.provider_url)
        self.browser.fill(username=name, password="any").press("Log in")
        self.browser.press("Agree" if agree else "Decline")
        return self

    def is_told(self, state):
        """Comes back to the app, which knows from the service how it went."""
        self.browser.screen("home").sees(SENTENCES[state])
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


class OnThePage(Customer):
    """The Connect screens of the page itself."""

    def starts(self):
        self.sign_in()
        self.browser.press("Connect your tariff")
        return self

    def asks(self, name):
        """A button of the settings: "Edit: Power you use"."""
        self.browser.press(name)
        return self

    def gives_address(self, address=LONDON):
        self.at("postal_address_capture").browser.look("postal_address_capture")
        self.browser.fill(**address).press("Continue")
        self.at("provider_select").browser.look("provider_select")
        return self

    def chooses(self, provider):
        self.at("provider_select").browser.tap(".choice", provider)
        return self

    def types_provider(self, name="My Power"):
        self.browser.press("My provider is not listed")
        self.at("provider_name_capture").browser.look("provider_name_capture")
        self.browser.fill(provider_name=name).press("Continue")
        return self

    def picks_structure(self, option):
        self.at("tariff_structure_select").browser.look("tariff_structure_select")
        self.browser.tap(".choice", {
            "FIXED": "One rate", "TIME_OF_DAY": "Day and night", "MARKET": "Market price"}[option])
        return self

    def types_rate(self, cost="23.45"):
        self.at("rate_fixed_capture").browser.look("rate_fixed_capture")
        self.browser.fill(cost=cost).press("Continue")
        return self

    def types_day_and_night(self, day="31", night="12.5", valid_from="07:00", valid_to="23:00"):
        self.at("rate_tod_capture").browser.look("rate_tod_capture")
        self.browser.fill(day_cost=day, night_cost=night, valid_from=valid_from, valid_to=valid_to).press("Continue")
        return self

    def picks_region(self, name="Corsica"):
        self.at("region_select").browser.look("region_select").tap(".choice", name)
        return self

    def types_surcharge(self, fixed="2", percentage="5"):
        self.at("surcharge_capture").browser.look("surcharge_capture")
        self.browser.fill(surcharge_fixed=fixed, surcharge_percentage=percentage).press("Continue")
        return self

    def picks_tariff(self, name="Lantern Economy"):
        self.at("tariff_select").browser.look("tariff_select").tap(".choice", name)
        return self

    def closes(self):
        self.browser.press("Close")
        return self

    def finishes(self):
        self.at("tariff_summary").browser.press("Done")
        return self

    def disconnects(self):
        self.at("tariff_summary").browser.press("Disconnect")
        self.browser.find("dialog[open]")
        self.browser.tap("dialog button", "Disconnect")
        return self

    def edits(self):
        self.at("tariff_summary").browser.press("Change tariff")
        return self

    def sees_failure(self):
        """An error that names its request, and the button that leads on."""
        self.browser.until(lambda: self.browser.all("[role=alert]"))
        assert self.browser.find("[role=alert] code").text.startswith(("req_", "fp"))
        self.browser.press("Try again")
        return self


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

    def sees_failure(self, is_named=True):
        """The red page names the request, if it has an answer; its button goes back in history, to the same page."""
        self.at("error")
        assert self.browser.find("#request").text.startswith("req_") == is_named
        self.browser.press("Try again")
        return self
