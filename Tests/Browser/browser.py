"""Chromium, as a customer uses it: by labels and the words on buttons; and what must be true of every page."""

import base64
import json
import os
import pathlib
import re
import urllib.parse

import axe_core_python
import webapp
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SCREENSHOTS = pathlib.Path(__file__).parent.parent.parent / ".build/screenshots"
AXE = (pathlib.Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
DESKTOP = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
# What a look at a document says when another one takes its place at that moment.
GONE = r"(?i)detached|no node with given id|does not belong to the document|execution context|navigation"
TRANSIENT = (NoSuchElementException, StaleElementReferenceException)

# Runs in every document before its own scripts.
SPY = """
    if (/cot_/.test(document.referrer)) console.error('a token in document.referrer');
"""


class Browser:
    """One Chromium with a profile of its own."""

    looked_at = set()

    def __init__(self, service, size=PHONE):
        options = webdriver.ChromeOptions()
        options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        for argument in [
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en-GB",
            "--disable-background-networking", "--disable-component-update", "--no-first-run",
            # Nothing outside this machine has an address.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
        ]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.page_load_strategy = "eager"
        self.service = service
        self.hosts = {
            f"localhost:{service.port}", urllib.parse.urlsplit(service.provider_url).netloc,
            urllib.parse.urlsplit(webapp.ORIGIN).netloc,
        }
        self.expected = []
        # Whether this test ends on the callback's own page, whose address came with the token.
        self.ends_at_the_callback = False
        self.schemes = []
        self.requests = []
        self.driver = webdriver.Chrome(
            options, webdriver.ChromeService(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")))
        self.watched = set()
        self.watch()
        self.resize(size)

    def watch(self):
        """Puts the spy into the current tab."""
        if self.driver.current_window_handle in self.watched:
            return
        self.watched.add(self.driver.current_window_handle)
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SPY})

    def resize(self, size):
        self.size = size
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def quit(self):
        self.driver.quit()

    # What is on the screen.

    def until(self, what, seconds=10, why=""):
        def attempt(_):
            try:
                return what()
            except WebDriverException as error:
                if isinstance(error, TRANSIENT) or re.search(GONE, error.msg or ""):
                    return None
                raise
        return WebDriverWait(self.driver, seconds, 0.05).until(attempt, why)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    @property
    def shown(self):
        """The name of the screen, once nothing is going on; None before."""
        return self.js("""
            const screen = document.querySelector('[data-screen], [data-route]');
            if (!screen || document.querySelector('[aria-busy=true]')) return null;
            return screen.dataset.screen ?? screen.dataset.route;
        """)

    def screen(self, name, seconds=10):
        """Waits for a screen, and looks at it."""
        try:
            self.until(lambda: self.shown == name, seconds)
        except WebDriverException as error:
            raise AssertionError(f"{name} did not come; there is {self.shown}:\n{self.text}") from error
        return self

    @property
    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def sees(self, text, seconds=10):
        try:
            self.until(lambda: text in self.text, seconds)
        except WebDriverException as error:
            raise AssertionError(f"“{text}” did not come:\n{self.text}") from error
        return self

    def find(self, css):
        return self.until(lambda: self.driver.find_element(By.CSS_SELECTOR, css), why=f"{css} is not there")

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def button(self, name):
        """A button that can be pressed, by its accessible name."""
        def found():
            for each in self.driver.find_elements(By.CSS_SELECTOR, "button, summary, a"):
                if each.accessible_name == name and each.is_displayed() and each.is_enabled():
                    return each
            return None
        return self.until(found, why=f"there is no button “{name}”")

    def has_button(self, name):
        return any(each.accessible_name == name and each.is_displayed() for each in self.all("button"))

    def press(self, name):
        self.button(name).click()
        return self

    def tap(self, css, text):
        """Clicks the element whose title, or whole text, is this."""
        def found():
            for each in self.all(css):
                titles = each.find_elements(By.CSS_SELECTOR, ".title")
                if each.is_displayed() and (titles[0] if titles else each).text.strip() == text:
                    return each
            return None
        self.until(found, why=f"there is no {css} “{text}”").click()
        return self

    def double_click(self, name):
        ActionChains(self.driver).double_click(self.button(name)).perform()
        return self

    def labelled(self, label):
        def found():
            for each in self.driver.find_elements(By.CSS_SELECTOR, "input, select"):
                if each.accessible_name == label and each.is_displayed():
                    return each
            return None
        return self.until(found, why=f"there is no field “{label}”")

    def fill(self, **fields):
        """Types into inputs, by name."""
        for name, value in fields.items():
            element = self.find(f"[name={name}]")
            if element.tag_name == "select" or element.get_attribute("type") in ("time", "date"):
                self.js(
                    """
                    arguments[0].value = arguments[1];
                    for (const kind of ['input', 'change']) {
                        arguments[0].dispatchEvent(new Event(kind, {bubbles: true}));
                    }
                """,
                    element,
                    value,
                )
            else:
                element.clear()
                element.send_keys(value)
        return self

    def renewed(self, do):
        """Does something that puts up a new screen or document, and waits until it is there."""
        heading = self.find("h1")
        do()
        def gone():
            try:
                heading.is_enabled()
            except WebDriverException as error:
                return isinstance(error, TRANSIENT) or re.search(GONE, error.msg or "")
            return False
        self.until(gone, why="the screen stayed")
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

    def back(self):
        self.driver.back()
        return self

    def reload(self):
        self.driver.refresh()
        return self

    @property
    def history(self):
        return self.js("return history.length")

    # What must hold everywhere.

    def look(self, name):
        """Takes screenshots at both sizes and lets axe-core judge light and dark; once for each name."""
        if name in Browser.looked_at:
            return self
        Browser.looked_at.add(name)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        size = self.size
        for kind, each in (("desktop", DESKTOP), ("phone", PHONE)):
            self.resize(each)
            self.capture(f"{name}-{kind}")
            assert self.js("return document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
        self.judge(name, "light")
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
        self.capture(f"{name}-phone-dark")
        self.judge(name, "dark")
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        self.resize(size)
        return self

    def capture(self, name):
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": {
            "x": 0, "y": 0, "scale": 1, "width": self.size["width"],
            "height": self.js("return Math.max(innerHeight, document.documentElement.scrollHeight)"),
        }})
        (SCREENSHOTS / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))

    def faults(self):
        """What axe-core finds serious or critical on this screen."""
        self.js(AXE)
        found = self.driver.execute_async_script(
            "axe.run(document, {resultTypes: ['violations']})"
            ".then(arguments[0], (error) => arguments[0](String(error)))"
        )
        assert isinstance(found, dict), found
        assert len(found["passes"]) > 5, "axe-core looked at nothing"
        return [
            f"{each['id']} ({each['impact']}): {each['help']} {[node['html'][:200] for node in each['nodes']]}"
            for each in found["violations"] if each["impact"] in ("serious", "critical")]

    def judge(self, name, scheme):
        faults = self.faults()
        assert not faults, f"{name}, {scheme}: {faults}"

    def expect(self, pattern):
        """A line of the console that this test provokes."""
        self.expected.append(pattern)
        return self

    def collect(self):
        """Requests of all tabs since the last time."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] in ("Network.requestWillBeSent", "Network.requestWillBeSentExtraInfo"):
                self.requests.append(message)
        return self.requests

    def addresses_with_tokens(self):
        """Entries of this tab's history that are the page's and hold a token."""
        entries = self.driver.execute_cdp_cmd("Page.getNavigationHistory", {})["entries"]
        found = [entry["url"] for entry in entries
                 if entry["url"].startswith(self.service.url) and "cot_" in entry["url"]]
        callback = f"{self.service.url}/v1/connect/callback?"
        return [url for url in found if not (self.ends_at_the_callback and url.startswith(callback))]

    def complaints(self):
        """Everything that must not have happened, whatever the test was about."""
        found = []
        for entry in self.driver.get_log("browser"):
            if entry["level"] in ("SEVERE", "WARNING") and not any(
                    re.search(pattern, entry["message"]) for pattern in self.expected):
                found.append(f"console: {entry['source']}: {entry['message']}")
        found += [f"a token in the history of the page: {url}" for url in self.addresses_with_tokens()]
        seen = 0
        for message in self.collect():
            parameters = message["params"]
            request = parameters.get("request")
            if not request:
                # As it was on the wire.
                headers = {name.lower(): value for name, value in parameters["headers"].items()}
                referrer = urllib.parse.urlsplit(headers.get("referer", ""))
                if "cot_" in referrer.query and headers.get("host") != referrer.netloc:
                    found.append(f"a token in Referer, at {headers.get('host')}: {referrer.geturl()}")
                continue
            url = urllib.parse.urlsplit(request["url"])
            if url.scheme in ("http", "https", "ws", "wss"):
                seen += 1
                if url.netloc not in self.hosts:
                    found.append(f"another host: {url.geturl()}")
            elif url.scheme not in ("data", "blob", "about", *self.schemes):
                found.append(f"another scheme: {url.geturl()}")
            if request.get("mixedContentType", "none") != "none":
                found.append(f"mixed content: {url.geturl()}")
        if not seen:
            found.append("the log of requests is empty, so it proves nothing")
        return found
