"""Chromium, driven by Debian's chromedriver."""

import contextlib
import os

from checks import PHONE, Checks
from driving import SIMPLE_NAME, Driving
from selenium import webdriver
from selenium.common.exceptions import (
    NoSuchElementException,
    NoSuchFrameException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver.common.action_chains import ActionChains

# Runs in every document of a tab before its own scripts.
SPY = """
    if (/cot_/.test(document.referrer)) console.error('a token in document.referrer');
"""


def chromium(*arguments, preferences=None):
    """A Chromium with a profile of its own, in which nothing outside of this machine has an address."""
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    for argument in [
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en-GB",
        "--disable-background-networking", "--disable-component-update", "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1", *arguments,
    ]:
        options.add_argument(argument)
    # What the service is asked for, and how numbers and days are written.
    options.add_experimental_option("prefs", {"intl.accept_languages": "en-GB,en", **(preferences or {})})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.page_load_strategy = "eager"
    return webdriver.Chrome(
        options, webdriver.ChromeService(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")))


class Browser(Driving, Checks):
    """A new tab of a Chromium, which takes the place of all tabs that are open there.

    The service of each test has a port of its own, so nothing that another test stored is this one's.
    """

    error = WebDriverException
    transient = (NoSuchElementException, StaleElementReferenceException, NoSuchFrameException)

    def __init__(self, driver, service, size=PHONE):
        self.driver = driver
        self.service = service
        self.watched = set()
        self.size = size
        self.begin_checks()
        old = set(driver.window_handles)
        driver.switch_to.new_window("tab")
        mine = driver.current_window_handle
        for handle in old:
            driver.switch_to.window(handle)
            driver.close()
        driver.switch_to.window(mine)
        # What the tabs before this one have still said.
        driver.get_log("performance"), driver.get_log("browser")
        self.watch()
        self.resize(size)

    def name_of(self, element):
        try:
            return element.accessible_name
        except StaleElementReferenceException:
            # Debian's chromedriver finds no names in a frame of another site. What is gone is not found here, either.
            return self.js(SIMPLE_NAME + "return nameOf(arguments[0]);", element)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait_js(self, script, *arguments):
        """A script whose last argument is to be called with its result."""
        return self.driver.execute_async_script(script, *arguments)

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def switch_to_frame(self, frame):
        self.driver.switch_to.frame(frame)

    def switch_to_top(self):
        self.driver.switch_to.default_content()

    def watch(self):
        """Puts the spy into the current tab."""
        if self.driver.current_window_handle in self.watched:
            return
        self.watched.add(self.driver.current_window_handle)
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=SPY)

    def before_scripts(self, source):
        """Runs a script in every document of this tab before its own."""
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=source)
        return self

    def resize(self, size):
        self.size = size
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def slow_network(self, latency, kilobits):
        """Latency in milliseconds for each request, and the rate in both directions; none: as fast as it is."""
        rate = kilobits * 1000 / 8 if kilobits else -1
        self.cdp("Network.enable")
        self.cdp("Network.emulateNetworkConditions", offline=False, latency=latency,
                 downloadThroughput=rate, uploadThroughput=rate)

    def double_click(self, *names):
        ActionChains(self.driver).double_click(self.button(*names)).perform()
        return self

    def open(self, url):
        self.driver.get(url)
        self.watch()
        return self

    def switch(self, handle):
        self.driver.switch_to.window(handle)
        self.watch()
        self.resize(self.size)
        return self

    def new_tab(self):
        self.driver.switch_to.new_window("tab")
        return self.switch(self.driver.current_window_handle)

    @property
    def tab(self):
        return self.driver.current_window_handle

    @contextlib.contextmanager
    def other_window(self, opens):
        """In the window that `opens()` opens; afterwards in the one before, at the top."""
        before = self.tab
        known = set(self.driver.window_handles)
        opens()
        new = self.until(lambda: set(self.driver.window_handles) - known, why="no window was opened")
        self.switch(new.pop())
        try:
            yield
        finally:
            self.driver.switch_to.window(before)

    @property
    def url(self):
        """The address of the tab, or of the frame that is looked at."""
        return self.js("return location.href")

    def back(self):
        self.driver.back()
        return self

    def reload(self):
        self.driver.refresh()
        return self
