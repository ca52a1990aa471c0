"""What customers do on the page of `connect-bff dev`, in their own words."""

LONDON = {"country_code": "GB", "address_line1": "1-3 Strand", "city": "London", "post_code": "WC2N 5EH"}
AJACCIO = {"country_code": "FR", "address_line1": "1 Cours Napoléon", "city": "Ajaccio", "post_code": "20000"}


def sign_in(browser, name="Amira Haddad"):
    browser.open(browser.service.url + "/").screen("sign_in").look("sign_in")
    browser.driver.find_element("xpath", f"//button[contains(., '{name}')]").click()
    return browser.screen("home")


def start(browser):
    """Opens a session that begins with the address."""
    return browser.press("Connect your tariff").screen("postal_address_capture").look("postal_address_capture")


def give_address(browser, address=LONDON):
    return browser.fill(**address).press("Continue").screen("provider_select").look("provider_select")


def choose(browser, title):
    """Taps an item of a list, by its title."""
    browser.until(lambda: browser.driver.find_element(
        "xpath", f"//button[contains(@class, 'choice')][.//*[@class='title'][normalize-space()='{title}']]")).click()
    return browser


def type_provider(browser, name="My Power"):
    browser.press("My provider is not listed").screen("provider_name_capture").look("provider_name_capture")
    browser.fill(provider_name=name).press("Continue")
    return browser.screen("tariff_structure_select").look("tariff_structure_select")


def log_in(browser, user="maria", agree=True):
    """The provider's own pages, on the provider's own host."""
    browser.until(lambda: browser.driver.find_element("name", "username"))
    browser.fill(username=user, password="any").press("Log in")
    browser.press("Agree" if agree else "Decline")
    return browser


def summary(browser):
    return browser.screen("tariff_summary")


def done(browser, sentence="Your tariff is connected."):
    """Leaves through the callback and is told how it went."""
    return browser.press("Done").screen("home").sees(sentence)
