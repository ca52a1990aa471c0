"""Debian's Firefox, driven by Marionette, the protocol that geckodriver speaks to it as well.

Everything has a time limit: the start, each command, each load of a page. A Firefox that does not answer is killed.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile

from checks import PLACES, SCREENSHOTS, claim
from driving import Driving
from marionette_driver import errors
from marionette_driver.marionette import Marionette

PREFERENCES = {
    # All names are this machine's, on which nothing but the tests' own programs listens.
    "network.dns.forceResolve": "127.0.0.1",
    "network.proxy.type": 0,
    "intl.accept_languages": "en-GB, en",
    # Third parties have storage of their own for each site, as customers have it by default.
    "network.cookie.cookieBehavior": 5,
    # A popup needs a click; the driver's default lets all open.
    "dom.disable_open_during_load": True,
    "browser.link.open_newwindow.restriction": 0,
}


def firefox(**preferences):
    """A headless Firefox with a new profile; `close` ends it and removes what it wrote."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="firefox-"))
    driver = None
    try:
        driver = Marionette(
            # A free port, and the kind of program, which is otherwise guessed from files beside it.
            port=0, app="fxdesktop", bin=os.environ.get("FIREFOX", "/usr/lib/firefox-esr/firefox-esr"),
            headless=True, startup_timeout=60, socket_timeout=45, workspace=str(folder),
            gecko_log=str(folder / "gecko.log"), prefs={**PREFERENCES, **preferences})
        driver.start_session({
            "pageLoadStrategy": "eager", "timeouts": {"implicit": 0, "pageLoad": 20_000, "script": 20_000}})
    except Exception:
        log = folder / "gecko.log"
        print(log.read_text(errors="replace")[-4000:] if log.exists() else "Firefox wrote no log")
        close(driver, folder)
        raise
    # How long a Firefox that has lost its connection may take to end, before it is killed.
    driver.shutdown_timeout = 10
    driver.folder = folder
    return driver


def close(driver, folder=None):
    if driver:
        # Killed: an orderly end takes longer, and nothing of the profile is kept.
        with contextlib.suppress(Exception):
            driver.quit(in_app=False)
        driver.cleanup_ran = True
    shutil.rmtree(folder or driver.folder, ignore_errors=True)


class Firefox(Driving):
    """A new window of a Firefox, which takes the place of those that are open there."""

    error = errors.MarionetteException
    transient = (
        errors.NoSuchElementException, errors.StaleElementException, errors.NoSuchWindowException,
        errors.NoSuchFrameException, errors.DetachedShadowRootException)

    def __init__(self, driver, service):
        self.driver = driver
        self.service = service
        old = list(driver.window_handles)
        new = driver.open(type="tab", focus=True)["handle"]
        for handle in old:
            driver.switch_to_window(handle)
            driver.close()
        driver.switch_to_window(new)

    def name_of(self, element):
        return element.computed_label

    def js(self, script, *arguments):
        # Without a sandbox of its own a script sees the variables of the page.
        return self.driver.execute_script(script, script_args=arguments, sandbox=None, new_sandbox=False)

    def wait_js(self, script, *arguments):
        return self.driver.execute_async_script(script, script_args=arguments, sandbox=None, new_sandbox=False)

    def switch_to_frame(self, frame):
        self.driver.switch_to_frame(frame)

    def switch_to_top(self):
        self.driver.switch_to_frame()

    def open(self, url):
        self.driver.navigate(url)
        return self

    def back(self):
        self.driver.go_back()
        return self

    def reload(self):
        self.driver.refresh()
        return self

    @property
    def tab(self):
        return self.driver.current_window_handle

    @property
    def url(self):
        # None while a document goes.
        return self.js("return location.href") or ""

    def switch(self, handle):
        self.driver.switch_to_window(handle)
        return self

    @contextlib.contextmanager
    def other_window(self, opens):
        before = self.tab
        known = set(self.driver.window_handles)
        opens()
        new = self.until(lambda: set(self.driver.window_handles) - known, why="no window was opened")
        self.switch(new.pop())
        try:
            yield
        finally:
            self.switch(before)

    def places_with_tokens(self):
        return self.js(PLACES)

    def look(self, name):
        """A picture; Chromium judges the same screen."""
        if claim(f"firefox-{name}"):
            self.capture(f"firefox-{name}")
        return self

    def capture(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        # Of the browser's own window, because a frame of another site is none that a picture can be taken in.
        with self.driver.using_context("chrome"):
            (SCREENSHOTS / f"{name}.png").write_bytes(self.driver.screenshot(format="binary", full=False))
