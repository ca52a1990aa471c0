"""A real `connect-bff serve` before a real sandbox, on free ports, for as long as a `with` lasts."""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid

BIN = pathlib.Path(os.environ["CONNECT_BFF_BIN"])
# The credentials of Tests/EndToEnd/Canary.swift: what is kept of a run is searched for them (S1).
ACCOUNT, KEY = "acc_kanarienvogel3", "sk_test_kanarienvogel3"
CANARY = os.environ.get("BFF_TEST_CANARY")


def keep(kind, data):
    if CANARY and data:
        (pathlib.Path(CANARY) / f"{kind}-{uuid.uuid4()}").write_bytes(data)


def free_port():
    """Below those that the kernel gives to clients."""
    while True:
        port = random.randrange(12_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def ask(method, url, body=None, headers=()):
    """Status and text of an answer, whatever it is."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **dict(headers)}, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        body = answer.read()
    # The sandbox's answers name no request, and may hold any text.
    if "x-request-id" in answer.headers:
        keep("answer", bytes(answer.headers) + body)
    return answer.status, body.decode()


class Service:
    def __init__(self, faults=(), **settings):
        """`faults` are Flatpeak's from the beginning."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bff-operations-"))
        self.programs = []
        sandbox = self._start("flatpeak-sandbox", ["--port", "0", "--account", ACCOUNT, "--key", KEY], {}, "Provider")
        address = lambda label: re.search(rf"{label} +(http://\S+)", self.log(sandbox))[1]
        self.control = address("Control")
        made = subprocess.run(
            [BIN / "connect-bff", "key", "new", "backend"], capture_output=True, text=True, check=True
        )
        words = made.stdout.split()
        self.service_key = next(word for word in words if word.startswith("sbk_"))
        line = next(line for line in made.stdout.splitlines() if line.strip().startswith("backend "))
        self.write("keys", line.strip())
        self.write("api-key", KEY)
        port, admin = free_port(), free_port()
        self.url, self.admin = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "FLATPEAK_ACCOUNT_ID": ACCOUNT,
            "FLATPEAK_API_KEY_FILE": str(self.folder / "api-key"),
            "FLATPEAK_API_URL": address("API"),
            "FLATPEAK_CONNECT_URL": address("Connect"),
            "BFF_LISTEN": f"127.0.0.1:{port}",
            "BFF_ADMIN_LISTEN": f"127.0.0.1:{admin}",
            "BFF_DRAIN": "0s",
            "BFF_PUBLIC_URL": f"http://localhost:{port}",
            "BFF_CONNECT_APPS": "web=http://localhost:7070",
            "BFF_AUTH": "service",
            "BFF_SERVICE_KEYS_FILE": str(self.folder / "keys"),
            "BFF_DATABASE_URL": f"sqlite:{self.folder}/state/connect-bff.sqlite",
            "BFF_LIMIT_MINT": "off",
            "BFF_LIMIT_RELAY": "off",
            "BFF_LIMIT_ADDRESS": "off",
            "BFF_LOG_FORMAT": "json",
            **{name: text for name, text in settings.items() if text is not None},
        }
        for name in [name for name, text in settings.items() if text is None]:
            self.environment.pop(name, None)
        for fault in faults:
            self.fault(**fault)
        self.start(has_keys=not faults)
        self.until(lambda: ask("GET", f"{self.url}/readyz")[0] != 503 or "mode" in self.log(self.process))

    def start(self, has_keys=True):
        self.process = self._start("connect-bff", ["serve"], self.environment, '"listening"')
        # It reads Flatpeak's signing keys first of all, but not before it listens.
        self.until(lambda: not has_keys or "webhook_keys_age_seconds +Inf" not in self.metrics())

    def restart(self):
        self.process.terminate()
        assert self.process.wait(25) == 0
        keep("log", self.log().encode())
        self.start()

    def write(self, name, text):
        file = self.folder / name
        file.write_text(text + "\n")
        file.chmod(0o600)

    def _start(self, name, arguments, environment, until):
        log = open(self.folder / f"{name}.log", "wb")
        process = subprocess.Popen([BIN / name, *arguments], env=environment or None, stdout=log, stderr=log)
        log.close()
        process.log = self.folder / f"{name}.log"
        self.programs.append(process)
        self.until(lambda: until in self.log(process) or process.poll() is not None)
        if until not in self.log(process):
            raise RuntimeError(f"{name} did not start:\n{self.log(process)}")
        return process

    def log(self, process=None):
        return (process or self.process).log.read_text()

    def until(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"it did not happen within {seconds} s:\n{self.log(self.programs[-1])[-2000:]}")
            time.sleep(0.02)

    # What users do.

    def user(self, name="alice"):
        return [("authorization", f"Bearer {self.service_key}"), ("connect-subject", name)]

    def mint(self, user="alice", **body):
        body = body or {"postal_address": {"city": "London", "country_code": "GB"}}
        return ask("POST", f"{self.url}/v1/connect/sessions", body, self.user(user))

    def token(self, user="alice"):
        return json.loads(self.mint(user)[1])["connect_token"]

    def relay(self, token, route="session_start", **more):
        return ask("POST", f"{self.url}/", {"connect_token": token, "route": route, **more})

    def connect(self, user="alice"):
        """A location with a tariff, connected from end to end."""
        minted = json.loads(self.mint(user)[1])
        token = minted["connect_token"]
        for route, more in [
            ("session_start", {}),
            ("provider_select", {"action": "PROVIDER_MISSING"}),
            ("provider_name_capture", {"data": {"provider": {"name": "My Power"}}}),
            ("tariff_structure_select", {"data": {"options": ["FIXED"]}}),
            ("rate_fixed_capture", {"data": {"cost": 0.2345}}),
            ("tariff_summary", {"action": "CLOSE"}),
        ]:
            self.relay(token, route, **more)
        ask("GET", f"{self.url}/v1/connect/callback?fp_cot={token}")
        session = ask("GET", f"{self.url}/v1/connect/sessions/{minted['id']}", headers=self.user(user))[1]
        return json.loads(session)["location_id"]

    def fault(self, **fault):
        self.sandbox("/faults", **fault)

    def sandbox(self, path, **body):
        status, said = ask("POST", self.control + path, body)
        assert status == 200, said
        return json.loads(said)

    # What Flatpeak does.

    def takes_deliveries(self, **how):
        self.sandbox("/webhooks", url=f"{self.url}/v1/webhooks/flatpeak", **how)

    def event(self, type="customer.update", **more):
        """Something happened, and was delivered or refused."""
        self.sandbox("/events", type=type, **more)
        deliveries = lambda: json.loads(ask("GET", f"{self.control}/webhooks/deliveries")[1])["data"]
        self.until(lambda: all(delivery["attempts"] for delivery in deliveries()))

    def metrics(self):
        status, page = ask("GET", f"{self.admin}/metrics")
        assert status == 200, page
        return page

    # Its end.

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.programs:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.programs:
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        keep("log", self.log().encode())
        for file in self.folder.glob("state/*.sqlite*"):
            if file.suffix != ".key":
                keep("database", file.read_bytes())
        shutil.rmtree(self.folder, ignore_errors=True)
