"""The hosted Connect page, as tests see it, wherever it is: a tab, a frame, a window.

What the tests hold on to, besides labels and the words on buttons:

- `[data-screen]` is on the element that holds the screen, with the route of Connect as its value or a name of the
  page's own; `[aria-busy=true]` is somewhere while a call runs.
- `h1` takes the focus when a screen comes.
- Fields have the names of Connect's (`address_line1`, `cost`, `valid_from`, …).
- What is to be chosen is a `.choice` with a `.title`.
- A failure has `[role=alert]`, and in it the reference in `code`.
"""

from driving import plain
from words import text, translations

LONDON = {"country_code": "GB", "address_line1": "1-3 Strand", "city": "London", "post_code": "WC2N 5EH"}
AJACCIO = {"country_code": "FR", "address_line1": "1 Cours Napoleon", "city": "Ajaccio", "post_code": "20000"}

STRUCTURES = {
    "FIXED": "One rate", "TIME_OF_DAY": "Day and night", "MARKET": "Market price", "ADVANCED": "Seasons and days",
}


class ConnectPage:
    """What a customer does on it. Needs `browser`; `language` is that of the words on the screen."""

    language = "en"

    def say(self, english):
        """What a text of the page reads in the customer's language: one or more readings."""
        return translations(english, self.language)

    def text(self, key, **values):
        """A text of the page in the customer's language, by its key."""
        return text(key, self.language, **values)

    def at(self, route):
        self.browser.screen(route)
        return self

    def sees(self, key, **values):
        self.browser.sees(self.text(key, **values))
        return self

    def heading(self, key, **values):
        """Waits for the screen with this heading."""
        wanted = plain(self.text(key, **values))
        self.browser.until(
            lambda: [plain(each.text) for each in self.browser.all("h1")] == [wanted],
            why=f"the heading “{wanted}” did not come:\n{self.browser.words}")
        return self

    def look(self, name):
        """Takes pictures of a screen and judges it; in English, because names are given once."""
        if self.language == "en":
            self.browser.look(name)
        return self

    def press(self, *english):
        self.browser.press(*(text for each in english for text in self.say(each)))
        return self

    def chooses_one(self, *english):
        """One of the choices of a list, by its title."""
        def found():
            for each in self.browser.all(".choice"):
                title = each.find_elements("css selector", ".title")
                if title and plain(title[0].text.strip()) in texts and each.is_displayed():
                    return each
            return None
        texts = [plain(text) for each in english for text in self.say(each)]
        self.browser.until(found, why=f"there is no choice {texts}:\n{self.browser.words}").click()
        return self

    # Its screens, in the order of Connect.

    def gives_address(self, address=LONDON):
        self.at("postal_address_capture").look("postal_address_capture")
        self.browser.fill(**address)
        self.press("Continue")
        self.at("provider_select").look("provider_select")
        return self

    def chooses(self, provider):
        self.at("provider_select").browser.tap(".choice", provider)
        return self

    def types_provider(self, name="My Power"):
        self.at("provider_select").press("My provider is not listed")
        self.at("provider_name_capture").look("provider_name_capture")
        self.browser.fill(provider_name=name)
        return self.press("Continue")

    def picks_structure(self, option):
        self.at("tariff_structure_select").look("tariff_structure_select")
        return self.chooses_one(STRUCTURES[option])

    def types_rate(self, cost="23.45"):
        self.at("rate_fixed_capture").look("rate_fixed_capture")
        self.browser.fill(cost=cost)
        return self.press("Continue")

    def types_day_and_night(self, day="31", night="12.5", valid_from="07:00", valid_to="23:00"):
        self.at("rate_tod_capture").look("rate_tod_capture")
        self.browser.fill(day_cost=day, night_cost=night, valid_from=valid_from, valid_to=valid_to)
        return self.press("Continue")

    def picks_region(self, name="Corsica"):
        self.at("region_select").look("region_select")
        return self.chooses_one(name)

    def types_surcharge(self, fixed="2", percentage="5"):
        self.at("surcharge_capture").look("surcharge_capture")
        self.browser.fill(surcharge_fixed=fixed, surcharge_percentage=percentage)
        return self.press("Continue")

    def picks_tariff(self, name="Lantern Economy"):
        self.at("tariff_select").look("tariff_select").browser.tap(".choice", name)
        return self

    def closes(self):
        return self.press("Close")

    def finishes(self):
        return self.at("tariff_summary").press("Done")

    def disconnects(self):
        self.at("tariff_summary").press("Disconnect")
        self.browser.find("dialog[open]")
        self.look("dialog_disconnect")
        for name in self.say("Disconnect"):
            for each in self.browser.named("dialog button", name):
                each.click()
                return self
        raise AssertionError("the dialog has no button that disconnects")

    def edits(self):
        return self.at("tariff_summary").press("Change tariff")

    def sees_failure(self):
        """An error that names its request, and the button that leads on."""
        assert self.reference().startswith(("req_", "fp"))
        return self.press("Try again")

    def reference(self):
        """The reference of the failure that is shown, which the log of the service knows."""
        return self.browser.find("[role=alert] code").text

    # The provider's own pages, on the provider's own host.

    def logs_in_here(self, name="maria", agree=True):
        """In the tab or window that is looked at."""
        browser = self.browser
        browser.until(lambda: browser.all("[name=username]"), why=f"the provider did not come:\n{browser.words}")
        assert browser.url.startswith(browser.service.provider_url)
        assert browser.js("return document.referrer") == "", "the provider learns where the customer came from"
        assert browser.js("return window === window.top"), "the provider is in a frame"
        browser.fill(username=name, password="any").press("Log in")
        browser.press("Agree" if agree else "Decline")
        return self

    def goes_on_to(self, provider="Brackenfield Energy"):
        """The button of an embedded page that opens a window."""
        self.at("provider_login").look("provider_login")
        return self.press(f"Continue to {provider}")

    def logs_in_in_a_window(self, name="maria", agree=True, provider="Brackenfield Energy"):
        """Opens the window of the login, logs in, and closes it where the browser does not let it close itself."""
        browser = self.browser
        with browser.other_window(lambda: self.goes_on_to(provider)):
            self.logs_in_and_closes(name, agree)
        return self

    def logs_in_and_closes(self, name="maria", agree=True):
        browser = self.browser
        window = browser.tab
        is_open = lambda: window in browser.driver.window_handles
        self.logs_in_here(name, agree)
        browser.until(lambda: not is_open() or browser.shown == "returned", why="the login led nowhere")
        if is_open():
            self.heading("window.close").sees("window.close_lead").look("returned").is_discreet()
            browser.driver.close()
        return self

    # What must be true on each of its screens.

    def is_discreet(self):
        """Neither address, title, referrer, storage for all tabs, nor the document show a token."""
        assert self.browser.places_with_tokens() == []
        return self
