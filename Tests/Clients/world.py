"""The service with its sandbox, the identity provider that signs users in, and the customer at the hosted page."""

import base64
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Browser"))

from proxy import Proxy
from service import Hosted, free_ports

RETURN_URL = "myapp://tariff/done"
LONDON = {"address_line1": "1 Strand", "city": "London", "post_code": "WC2N 5EH", "country_code": "GB"}
TAB = "A" * 22


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class IdentityProvider:
    """Signs bearers; `openssl` has the key."""

    def __init__(self, folder):
        self.key = pathlib.Path(folder, "identity.pem")
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        modulus = subprocess.run(
            ["openssl", "rsa", "-in", self.key, "-modulus", "-noout"], check=True, capture_output=True, text=True)
        n = encoded(bytes.fromhex(modulus.stdout.strip().partition("=")[2]))
        self.keys = {"keys": [{"kty": "RSA", "kid": "k", "use": "sig", "alg": "RS256", "e": "AQAB", "n": n}]}

    def bearer(self, user, life=3600):
        """`life` in seconds; well below 0 it has expired."""
        head = encoded(json.dumps({"alg": "RS256", "kid": "k", "typ": "JWT"}).encode())
        claims = {"iss": "https://id.example", "aud": "connect", "sub": user, "exp": int(time.time()) + life}
        signed = f"{head}.{encoded(json.dumps(claims).encode())}"
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", self.key], check=True, capture_output=True, input=signed.encode())
        return f"{signed}.{encoded(signature.stdout)}"


class SignedIn(Hosted):
    """`connect-bff serve` whose users have bearers."""

    def __init__(self, origins=(), **settings):
        self.identity = None
        super().__init__(origins, **{
            "BFF_AUTH": "jwt,service", "BFF_JWT_ISSUER": "https://id.example", "BFF_JWT_AUDIENCE": "connect",
            "BFF_CONFIRM": "code", "BFF_USER_METERS": "on", "BFF_CONNECT_APPS": "web=http://localhost:7070",
            **settings})
        self.control("/webhooks", {"url": f"http://127.0.0.1:{self.port}/v1/webhooks/flatpeak"})

    def _start(self):
        if not self.identity:
            self.identity = IdentityProvider(self.state)
            keys = pathlib.Path(self.state, "identity-keys.json")
            keys.write_text(json.dumps(self.identity.keys))
            self.environment["BFF_JWT_JWKS_FILE"] = str(keys)
        super()._start()


class World(SignedIn):
    """A service with bearers, behind a proxy that fails on demand."""

    def __init__(self):
        port = free_ports(1)
        super().__init__(BFF_PUBLIC_URL=f"http://localhost:{port}", BFF_RETURN_URLS=RETURN_URL)
        self.proxy = Proxy(self.port, port)

    def stop(self):
        self.proxy.stop()
        super().stop()


class Customer:
    """Somebody at the hosted page, in one tab, who does what its scripts do. `launch_url` is opened once."""

    def __init__(self, world, launch_url):
        self.world = world
        page, _, ticket = launch_url.partition("#ticket=")
        assert page.split("?")[0] == f"{world.proxy.url}/connect" and ticket, f"no launch URL of the page: {page}"
        self.ticket = ticket
        self.token = self._post("/v1/connect/tickets", ticket=ticket, tab=TAB)["connect_token"]

    def _post(self, path, **body):
        for attempt in range(4):
            status, headers, text = self.world.fetch(path, "POST", body)
            # On a machine that is busy, the store takes too long.
            if status != 503 or attempt == 3:
                break
            time.sleep(int(headers["retry-after"]))
        assert status == 200, f"{path}: {status} {text}"
        return json.loads(text)

    def step(self, route, **more):
        answer = self._post("/v1/connect", connect_token=self.token, route=route, **more)
        assert answer.get("object") != "error", answer
        return answer

    def gives_address(self):
        page = self.step("session_start")
        if page["route"] == "postal_address_capture":
            page = self.step("postal_address_capture", data={"postal_address": LONDON})
        return page

    def connects(self, cost=0.2345):
        """All of it, with a provider that is not listed; returns where the browser goes then."""
        self.gives_address()
        self.step("provider_select", action="PROVIDER_MISSING")
        self.step("provider_name_capture", data={"provider": {"name": "My Power"}})
        self.step("tariff_structure_select", data={"options": ["FIXED"]})
        self.step("rate_fixed_capture", data={"cost": cost})
        return self.closes("tariff_summary")

    def logs_in(self, name):
        """At a provider; what becomes of it is in the name (docs/sandbox.md)."""
        providers = self.gives_address()["data"]["providers"]
        chosen = next(each["id"] for each in providers if each["display_name"] == "Brackenfield Energy")
        page = self.step("provider_select", data={"provider": {"id": chosen}})
        host = page["data"]["redirect_url"].partition("?")[0].rstrip("/")
        form = {"fp_cot": self.token, "username": name, "password": "x", "decision": "agree"}

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *arguments):
                return None

        try:
            urllib.request.build_opener(Stay).open(
                f"{host}/consent", urllib.parse.urlencode(form).encode(), timeout=20).close()
        except urllib.error.HTTPError as error:
            assert error.code == 303, error
            error.close()
        return self.closes(self.step("session_start")["route"])

    def closes(self, route=None):
        """Presses the close button; returns the return URL with which the browser leaves."""
        self.step(route or self.gives_address()["route"], action="CLOSE")
        return self.is_back()

    def is_back(self):
        ended = self._post("/v1/connect/callback", connect_token=self.token, tab=TAB)
        assert re.fullmatch(r"cs_\w+", ended["session"]), ended
        query = {name: ended[name] for name in ("session", "status", "code") if name in ended}
        assert ended.get("return_url", "").startswith(RETURN_URL), ended
        assert dict(urllib.parse.parse_qsl(ended["return_url"].partition("?")[2])) == query, ended
        return ended["return_url"]
