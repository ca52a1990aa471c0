"""What must be true of every page, whatever a test is about."""

import base64
import json
import os
import pathlib
import re
import urllib.parse

import webapp

ROOT = pathlib.Path(__file__).parent.parent.parent
SCREENSHOTS = ROOT / ".build/screenshots"
# Of those that look at a screen in several processes, the first one does it.
CLAIMS = SCREENSHOTS / ".looked-at"
AXE = pathlib.Path(os.environ.get("AXE") or next(ROOT.glob(
    ".build/python/axe/lib/python3*/site-packages/axe_playwright_python/axe.min.js"), "axe.min.js"))
CUT_OFF = (pathlib.Path(__file__).parent / "cut_off.js").read_text()
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
DESKTOP = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Where a page could leave a token, as the document sees it. Not in `sessionStorage`, where the page keeps it.
PLACES = """
    const read = (name) => { try { return JSON.stringify({...window[name]}); } catch { return ''; } };
    const places = {
        location: location.href, title: document.title, referrer: document.referrer, cookie: document.cookie,
        name: window.name, localStorage: read('localStorage'), history: JSON.stringify(history.state),
        document: document.documentElement.outerHTML,
    };
    return Object.entries(places).filter(([, text]) => /cot_/.test(text ?? '')).map(([name]) => name);
"""


def claim(name):
    """Whether nobody has looked at this screen yet, in this run of the tests."""
    CLAIMS.mkdir(parents=True, exist_ok=True)
    try:
        (CLAIMS / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Checks:
    """Needs `driver`, `service`, `js`, `wait_js`, `cdp`, `resize` and `size` of a Chromium."""

    def begin_checks(self):
        self.hosts = {
            f"localhost:{self.service.port}", urllib.parse.urlsplit(self.service.provider_url).netloc,
            urllib.parse.urlsplit(webapp.ORIGIN).netloc,
        }
        # The page greets each origin that may have opened it, and the browser says which ones have not.
        self.expected = [r"Failed to execute 'postMessage' on 'DOMWindow': The target origin provided"]
        # Whether the address of the callback, which comes with the token, is seen: of a page, or of a call that fails.
        self.ends_at_the_callback = False
        self.schemes = []
        self.requests = []

    # Pictures and accessibility.

    def look(self, name):
        """Takes screenshots at both sizes and lets axe judge light and dark; once for each name."""
        if not claim(name):
            return self
        size = self.size
        for kind, each in (("desktop", DESKTOP), ("phone", PHONE)):
            self.resize(each)
            self.capture(f"{name}-{kind}")
            assert self.js("return document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
        self.judge(name, "light")
        self.scheme("dark")
        self.capture(f"{name}-phone-dark")
        self.judge(name, "dark")
        self.scheme(None)
        self.resize(size)
        return self

    def scheme(self, scheme):
        """Light, dark, or what the browser was started with."""
        features = [{"name": "prefers-color-scheme", "value": scheme}] if scheme else []
        self.cdp("Emulation.setEmulatedMedia", features=features)
        return self

    def capture(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        # Of the tab's document, whatever frame is looked at.
        height = max(self.size["height"], self.cdp("Page.getLayoutMetrics")["cssContentSize"]["height"])
        picture = self.cdp("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "scale": 1, "width": self.size["width"], "height": height})
        (SCREENSHOTS / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))

    def faults(self):
        """What axe finds on this screen: WCAG 2.2 at AA, and what is good practice besides."""
        if not self.js("return typeof axe === 'object'"):
            self.js(AXE.read_text())
        found = self.wait_js("""
            const [tags, done] = arguments;
            axe.run(document, {
                runOnly: {type: 'tag', values: tags}, rules: {'target-size': {enabled: true}},
                resultTypes: ['violations'], preload: false,
            }).then(done, (error) => done(String(error)));
        """, RULES)
        assert isinstance(found, dict), found
        assert len(found["passes"]) > 5, "axe looked at nothing"
        version = [int(part) for part in found["testEngine"]["version"].split(".")[:2]]
        assert version >= [4, 12], f"axe {version} has no rules for WCAG 2.2"
        return [
            f"{each['id']} ({each['impact']}): {each['help']} {[node['html'][:200] for node in each['nodes']]}"
            for each in found["violations"]]

    def judge(self, name, scheme):
        faults = self.faults()
        assert not faults, f"{name}, {scheme}: {faults}"

    def cut_off(self):
        """Text of this document that is cut off, outside of the viewport, or over other text."""
        return self.js(CUT_OFF)

    # Secrets.

    def places_with_tokens(self):
        """Where this document shows or keeps a token, its tab's own memory left out."""
        return self.js(PLACES)

    def addresses_with_tokens(self):
        """Entries of this tab's history that are the page's and hold a token."""
        entries = self.cdp("Page.getNavigationHistory")["entries"]
        found = [entry["url"] for entry in entries
                 if entry["url"].startswith(self.service.url) and "cot_" in entry["url"]]
        callback = f"{self.service.url}/v1/connect/callback?"
        return [url for url in found if not (self.ends_at_the_callback and url.startswith(callback))]

    # The console and the network.

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

    def complaints(self):
        """Everything that must not have happened, whatever the test was about."""
        found = []
        for entry in self.driver.get_log("browser"):
            callback = f"{self.service.url}/v1/connect/callback?"
            if "cot_" in entry["message"] and not (
                    self.ends_at_the_callback and entry["message"].startswith(callback)):
                found.append(f"a token in the console: {entry['message']}")
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
