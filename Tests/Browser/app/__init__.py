"""An integrator's app, on an origin of its own, with a backend that mints and a page that uses `connect.js`."""

import json
import pathlib
import urllib.parse

from website import Page, Website

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class App(Website):
    """`host` decides whether the hosted page in its frame is of the same site or a third party."""

    def __init__(self, host="127.0.0.1"):
        # What the next click on a button opens; each test says what its backend mints.
        self.mint = None
        self.service_url = ""
        # As strict a content policy as an app can have that opens the hosted page, or none.
        self.is_strict = True
        # Every path with its query, as a server's log has it, and the Referer that came with it.
        self.asked = []
        app = self

        class Handler(Page):
            def do_GET(self):
                path = urllib.parse.urlsplit(self.path).path
                app.asked.append((self.path, self.headers.get("Referer", "")))
                if path == "/launch":
                    self.answer(json.dumps({"launchUrl": app.mint()["launch_url"]}), "application/json")
                elif path == "/service.js":
                    self.answer(f"export * from {json.dumps(app.service_url + '/connect.js')};\n", TYPES[".js"])
                elif path in ("/", "/done"):
                    self.answer(self.file("index.html"), TYPES[".html"])
                elif path == "/app.js":
                    self.answer(self.file("app.js"), TYPES[".js"])
                elif path == "/favicon.ico":
                    self.answer("", "image/x-icon")
                else:
                    self.send_error(404)

            def file(self, name):
                return (pathlib.Path(__file__).parent / name).read_text()

            def content_policy(self):
                if not app.is_strict:
                    return ""
                # A path without a slash at its end would allow nothing below it.
                service = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(app.service_url))
                return (
                    f"default-src 'none'; script-src 'self' {service}; frame-src {service}; "
                    "connect-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'")

        super().__init__(Handler, host)
