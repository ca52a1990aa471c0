"""`connect-bff serve` with its policy on: finite limits, tokens that it minted, a log line for each call."""

import base64
import concurrent.futures
import functools
import hashlib
import http.client
import json
import os
import re
import sqlite3
import subprocess
import time

import measure
import peers

# As many as a busy day has, so that no cache holds them all.
TOKENS = 10_000
BODY_BYTES = 300
# With a JWT each.
SUBJECTS = 100
# High enough not to be reached, and counted all the same.
LIMIT = "1000000/s"
ISSUER, AUDIENCE = "https://id.example", "connect-bff"


def relay_body(token):
    envelope = {
        "connect_token": token, "route": "provider_select", "type": "page",
        "data": {"provider": {"id": "prv_65a1c1f0f0f0f0f0f0f0f0f0", "display_name": "Power Company"}, "note": ""}}
    envelope["data"]["note"] = "x" * (BODY_BYTES - len(json.dumps(envelope)))
    return json.dumps(envelope).encode()


def request(method, path, headers, body=b""):
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def relay_request(token, host):
    """As the web app's browser sends it."""
    return request(
        "POST", "/", {
            "Host": host, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) bench", "Accept": "application/json",
            "Accept-Language": "en-GB,en;q=0.9", "Accept-Encoding": "gzip, deflate, br",
            "Content-Type": "application/json", "Origin": "http://localhost:7070", "Sec-Fetch-Site": "same-site"},
        relay_body(token))


def subject_name(user):
    return f"user-{user}"


def location_name(user):
    return f"loc_{user:024x}"


class UserPeer(peers.Peer):
    """A service that mints, and answers reads of locations; its users call by a service key or with JWTs."""

    def __init__(self, name, port, store, headers, tokens=None):
        """`store` is its SQLite file, `tokens` are JWTs by subject, and `headers` those of every request."""
        super().__init__(name, port)
        self._store, self._headers, self._tokens = store, headers, tokens or {}

    def user_request(self, method, path, subject=None, body=b""):
        headers = {**self._headers, "Content-Type": "application/json"}
        if subject in self._tokens:
            headers["Authorization"] = f"Bearer {self._tokens[subject]}"
        elif subject:
            headers["Connect-Subject"] = subject
        return request(method, path, headers, body)

    def livez_requests(self, _):
        return [self.user_request("GET", "/livez")]

    def mint_requests(self, number):
        """Mints of so many users."""
        return [
            self.user_request("POST", "/v1/connect/sessions", subject_name(user), b"{}") for user in range(number)]

    def read_requests(self, number):
        """Reads of so many users of their own locations."""
        self._give_locations(number)
        return [self.user_request("GET", "/v1/locations", subject_name(user)) for user in range(number)]

    def status_requests(self, number):
        """Reads of the status of so many users' locations, for which Flatpeak is asked."""
        self._give_locations(number)
        return [
            self.user_request("GET", f"/v1/locations/{location_name(user)}/status", subject_name(user))
            for user in range(number)]

    def _give_locations(self, number):
        """Writes a location for each user, as a session would have given it."""
        store = sqlite3.connect(self._store, timeout=10)
        with store:
            store.executemany(
                "INSERT OR IGNORE INTO location (subject, id) VALUES (?, ?)",
                ((subject_name(user), location_name(user)) for user in range(number)))
        store.close()

    def log_lines(self):
        with open(self.process.log, "rb") as log:
            return sum(1 for _ in log)


class Service(UserPeer):
    """A running connect-bff.

    `prefix` is put before its command, such as that of Valgrind.
    """

    def __init__(self, program, work, upstream, authentication="service", environment=None, prefix=()):
        port = measure.free_port()
        self._home = work / f"connect-bff-{port}"
        self._home.mkdir(mode=0o700)
        self.host = f"localhost:{port}"
        settings = {
            "PATH": os.environ["PATH"], "HOME": str(self._home),
            "FLATPEAK_ACCOUNT_ID": "acc_0123456789abcdef01234567", "FLATPEAK_API_KEY": "sk_test_bench0123456789",
            "FLATPEAK_API_URL": f"https://localhost:{upstream}",
            "FLATPEAK_CONNECT_URL": f"https://localhost:{upstream}",
            "FLATPEAK_CA_FILE": str(work / "ca.crt"), "FLATPEAK_MODE": "test", "BFF_LISTEN": f"127.0.0.1:{port}",
            "BFF_ADMIN_LISTEN": f"127.0.0.1:{measure.free_port()}",
            "BFF_PUBLIC_URL": f"http://{self.host}", "BFF_CONNECT_APPS": "web=http://localhost:7070",
            "BFF_AUTH": authentication, "BFF_LIMIT_MINT": LIMIT, "BFF_LIMIT_RELAY": LIMIT, "BFF_LIMIT_ADDRESS": LIMIT,
            **(environment or {})}
        headers, tokens = {"Host": self.host}, {}
        if authentication == "service":
            settings["BFF_SERVICE_KEYS_FILE"], key = self._service_key(program)
            headers["Authorization"] = f"Bearer {key}"
        else:
            settings |= {
                "BFF_JWT_ISSUER": ISSUER, "BFF_JWT_AUDIENCE": AUDIENCE, "BFF_JWT_JWKS_FILE": str(work / "jwks.json")}
            tokens = json_web_tokens(work)
        super().__init__("connect-bff", port, self._home / "state" / "connect-bff.sqlite", headers, tokens)
        self.started = time.monotonic()
        self.process = measure.Process(
            "connect-bff", [*prefix, program, "serve"], measure.PROXY_CPU, self._home / "log", env=settings,
            cwd=self._home)

    def _service_key(self, program):
        said = subprocess.run([program, "key", "new", "bench"], check=True, capture_output=True, text=True).stdout
        file = self._home / "keys"
        file.write_text(re.search(r"^ *(bench \S+ \S+)$", said, re.M)[1] + "\n")
        file.chmod(0o600)
        return str(file), re.search(r"sbk_\S+", said)[0]

    def wait_for(self, path="/readyz"):
        """The first answer of 200, looked for every millisecond."""
        for _ in range(10_000):
            self.process.check()
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    return self
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.001)
        raise RuntimeError(f"connect-bff does not answer {path}")

    def mint(self, number=None):
        """Connect tokens, each of a user of its own."""
        number = number or TOKENS

        def some(first):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            tokens = []
            for user in range(first, number, 4):
                connection.request(
                    "POST", "/v1/connect/sessions", b"{}",
                    {**self._headers, "Content-Type": "application/json", "Connect-Subject": subject_name(user)})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 201:
                    raise RuntimeError(f"a mint was answered {answer.status}: {text[:300]}")
                tokens.append(json.loads(text)["connect_token"])
            return tokens

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return [token for tokens in pool.map(some, range(4)) for token in tokens]

    def relay_requests(self, work):
        """A file of relay calls, a token each."""
        path, tokens = work / f"{self._home.name}.requests", self.mint()
        measure.write_requests(path, [relay_request(token, self.host) for token in tokens])
        peers.write_tokens(work, tokens)
        return path


class GoService(UserPeer):
    """The same service as one writes it in Go; `caches` has it keep verified bearers."""

    KEY = "sbk_" + "5e" * 32

    def __init__(self, work, upstream, authentication="service", caches=False, prefix=()):
        port = measure.free_port()
        store = work / f"go-{port}.sqlite"
        settings = {"PATH": os.environ["PATH"], "GOMAXPROCS": "1"}
        if prefix:
            # The signals of the scheduler confuse callgrind.
            settings["GODEBUG"] = "asyncpreemptoff=1"
        headers, tokens = {"Host": f"localhost:{port}"}, {}
        if authentication == "service":
            settings["SERVICE_KEY_SHA256"] = hashlib.sha256(self.KEY.encode()).hexdigest()
            headers["Authorization"] = f"Bearer {self.KEY}"
        else:
            tokens = json_web_tokens(work)
            settings |= {
                "JWKS": str(work / "jwks.json"), "ISSUER": ISSUER, "AUDIENCE": AUDIENCE,
                "CACHE_BEARERS": str(int(caches))}
        super().__init__("go", port, store, headers, tokens)
        program = peers.go_program(work, "service-go")
        self.process = measure.Process(
            "go", [*prefix, program, f"127.0.0.1:{port}", f"127.0.0.1:{upstream}", work / "ca.crt", store],
            measure.PROXY_CPU, work / f"go-{port}.log", env=settings)
        try:
            measure.wait_for_port(port, self.process)
        except BaseException:
            self.process.stop()
            raise


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@functools.cache
def json_web_tokens(work):
    """Tokens of one hour by subject; their key is made on the way, and published in `jwks.json`."""
    def openssl(*arguments, data=b""):
        return subprocess.run(["openssl", *arguments], cwd=work, check=True, capture_output=True, input=data).stdout

    openssl("genrsa", "-out", "jwt.key", "2048")
    modulus = openssl("rsa", "-in", "jwt.key", "-noout", "-modulus").decode().strip().partition("=")[2]
    key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "bench", "n": _base64url(bytes.fromhex(modulus)),
           "e": "AQAB"}
    (work / "jwks.json").write_text(json.dumps({"keys": [key]}))
    (work / "jwks.json").chmod(0o600)

    def token(subject):
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": int(time.time()) + 3600}
        signed = ".".join(
            _base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "bench"}, claims))
        return signed + "." + _base64url(openssl("dgst", "-sha256", "-sign", "jwt.key", data=signed.encode()))

    return {subject: token(subject) for subject in map(subject_name, range(SUBJECTS))}
