#!/usr/bin/env python3
"""The backend of an app that opens the hosted Connect page. It needs Python 3.9 and nothing else.

    CONNECT_BFF_URL   the address of connect-bff, as browsers reach it (http://localhost:8080)
    CONNECT_BFF_KEY   a service key of it, from `connect-bff key new NAME`
    PORT              where this app is, on localhost (8000)

connect-bff runs with BFF_AUTH=service, BFF_SERVICE_KEYS_FILE=…, and BFF_ALLOWED_ORIGINS and BFF_RETURN_URLS with the
address of this app.
"""

import http.server
import json
import os
import pathlib
import re
import urllib.error
import urllib.request

SERVICE = os.environ.get("CONNECT_BFF_URL", "http://localhost:8080")
KEY = os.environ["CONNECT_BFF_KEY"]
PORT = int(os.environ.get("PORT", "8000"))
ORIGIN = f"http://localhost:{PORT}"

FILES = {"/": ("index.html", "text/html"), "/app.js": ("app.js", "text/javascript")}
POLICY = (
    f"default-src 'none'; script-src 'self' {SERVICE}; frame-src {SERVICE}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


def signed_in_user(headers):
    """Who asks. An app of yours reads its own session cookie here; this one has one user."""
    return "alice"


def ask(method, path, user, body=None, headers=()):
    """Status and body of a call to connect-bff. The key stays here: no browser ever sees it."""
    request = urllib.request.Request(SERVICE + path, method=method, headers={
        "Authorization": f"Bearer {KEY}", "Connect-Subject": user, "Content-Type": "application/json", **dict(headers)})
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 502, b"{}"


class Backend(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        session = re.fullmatch(r"/connect-sessions/([\w-]+)", path)
        if session:
            self.answer(*ask("GET", f"/v1/connect/sessions/{session[1]}", signed_in_user(self.headers)))
        elif path in FILES:
            name, kind = FILES[path]
            text = (pathlib.Path(__file__).parent / name).read_text()
            self.answer(200, text.replace("https://api.example.com", SERVICE).encode(), kind)
        else:
            self.answer(404, b"{}")

    def do_POST(self):
        # Only pages of this app may mint and confirm for its user.
        confirmed = re.fullmatch(r"/connect-sessions/([\w-]+)/confirm", self.path)
        if (self.path != "/connect-sessions" and not confirmed) or self.headers["Origin"] != ORIGIN:
            self.answer(403, b"{}")
            return
        if confirmed:
            self.confirm(confirmed[1])
            return
        tap = self.headers["Idempotency-Key"]
        status, body = ask(
            "POST", "/v1/connect/sessions", signed_in_user(self.headers), {"return_url": f"{ORIGIN}/"},
            {"Idempotency-Key": tap} if tap else {})
        self.answer(status, body)

    def confirm(self, session):
        """Says with a one-time code that the customer of a session is the signed-in user."""
        body = self.rfile.read(min(int(self.headers["Content-Length"] or 0), 1000))
        code = re.search(rb'"code": ?"([\w-]{22})"', body)
        if not code:
            self.answer(400, b"{}")
            return
        self.answer(*ask(
            "POST", f"/v1/connect/sessions/{session}/confirm", signed_in_user(self.headers),
            {"code": code[1].decode()}))

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Writes no line for a request, whose query is of no use in a log."""


if __name__ == "__main__":
    with http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Backend) as server:
        print(f"open {ORIGIN}", flush=True)
        server.serve_forever()
