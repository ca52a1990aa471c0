"""A customer of the app of docs/examples/sign-in, behind Apache."""

import re

from connect_page import LONDON, ConnectPage

CONNECTED = "Your tariff is connected. My Power"


class Customer(ConnectPage):
    """On the app's page, and in the dialog that it opens."""

    def __init__(self, browser, place, user):
        self.browser = browser
        self.place = place
        self.user = user
        self.app = f"https://{place.apache.app}"

    def look(self, name):
        """Pictures of the hosted page are those of Tests/Browser."""
        return self

    # The sign-in.

    def opens(self, path="/"):
        self.browser.open(f"{self.app}{path}")
        return self

    @property
    def is_at_the_provider(self):
        return self.browser.url.startswith(f"{self.place.provider_url}/oauth2/authorize?")

    def signs_in(self, user=None):
        """At the provider, which has been gone to; afterwards in the app."""
        browser = self.browser
        browser.until(lambda: self.is_at_the_provider, why=f"not at the provider: {browser.url}\n{browser.words}")
        browser.fill(sub=user or self.user).press("Authorize")
        return self.is_known_as(user or self.user)

    def is_known_as(self, user):
        browser = self.browser
        browser.until(lambda: browser.url.startswith(f"{self.app}/"), why=f"still at {browser.url}")
        browser.until(lambda: browser.find("#who").text == user, why=f"{user} is not signed in:\n{browser.words}")
        return self

    def signs_out(self):
        """Here and at the provider, which asks."""
        self.browser.press("Sign out")
        self.browser.press("End session")
        self.browser.sees("You are signed out")
        return self

    def loses_the_sign_in(self):
        """Apache is restarted, and knows none any more; what the page loads just then fails."""
        self.browser.expect("net::ERR_CONNECTION_(REFUSED|RESET|CLOSED)")
        self.place.apache.restart()
        return self

    def signs_in_again(self):
        """By the link of the app, whose calls were refused."""
        self.browser.sees("Your sign-in has ended").press("Sign in again")
        return self.signs_in()

    @property
    def cookie(self):
        """The cookies of the app's host, as a request carries them."""
        cookies = self.browser.cdp("Network.getCookies", urls=[f"{self.app}/"])["cookies"]
        return "; ".join(f"{each['name']}={each['value']}" for each in cookies)

    # Connecting.

    def starts(self):
        self.browser.press("Connect my tariff")
        self.browser.into_dialog()
        return self

    def finishes_in_the_dialog(self):
        self.gives_address(LONDON)
        self.types_provider().picks_structure("FIXED").types_rate().finishes()
        self.browser.without_dialog()
        return self

    def connects(self):
        self.starts().finishes_in_the_dialog()
        self.browser.sees(CONNECTED)
        return self

    @property
    def session(self):
        """The id of the session that an app has read last."""
        return re.findall(r'GET "/v1/connect/sessions/(cs_\w+)" 200', self.place.apache.log)[-1]
