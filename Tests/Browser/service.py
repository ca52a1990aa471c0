"""The programs that tests run: a sandbox, and beside it `connect-bff dev` or `connect-bff serve`, on free ports.

The sandbox has a process of its own, so that the service can be restarted or killed alone.
"""

import http.client
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.request

ROOT = pathlib.Path(__file__).parent.parent.parent
PROGRAM = pathlib.Path(os.environ.get("CONNECT_BFF", ROOT / ".build/debug/connect-bff"))
SANDBOX = PROGRAM.parent / "flatpeak-sandbox"


def free_ports(count):
    """So many ports in a row, below those that the kernel gives to clients."""
    while True:
        first = random.randrange(12_000, 32_000)
        probes = [socket.socket() for _ in range(count)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + offset))
            return first
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()


def start(*arguments, until, environment=None):
    """A process, and what it said up to and with the line that holds `until`."""
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=None if environment is None else {"PATH": os.environ["PATH"], **environment})
    said = ""
    for line in process.stdout:
        said += line
        if until in line:
            return process, said
    process.wait()
    raise RuntimeError(f"{arguments[0]} did not start:\n{said}")


def end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


class Sandboxed:
    """What each service of the tests has: a sandbox, and a process that can be replaced."""

    def __init__(self, *options):
        self.state = tempfile.mkdtemp()
        self.sandbox_port = free_ports(4)
        self.sandbox, said = start(SANDBOX, "--port", str(self.sandbox_port), *options, until="Provider")
        self.addresses = dict(re.findall(r"(\w+) +(http://\S+)", said))
        self.control_url = self.addresses["Control"]
        self.provider_url = self.addresses["Provider"]
        self.port = free_ports(2)
        self.url = f"http://localhost:{self.port}"
        self.restarts = 0

    def restart(self):
        """What it knew, it has to find in its database again."""
        end(self.process)
        self._start()
        self.restarts += 1

    def crash(self):
        """Kills it at once; `revive` starts it again."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def revive(self):
        self._start()
        self.restarts += 1

    def stop(self):
        for process in (self.process, self.sandbox):
            if process.poll() is None:
                end(process)
        shutil.rmtree(self.state)

    def _ask(self, url, method, body, headers):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            url, data=data, method=method, headers={"Content-Type": "application/json", **headers})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def fetch(self, path, method="GET", body=None, headers=None):
        """Status, headers in lower case, and body of whatever the service answers; no redirect is followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {
                "Host": f"localhost:{self.port}", **({"Content-Type": "application/json"} if data else {}),
                **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    # What a user's app asks of the service, outside of a browser.

    def get(self, path, user):
        return self._ask(self.url + path, "GET", None, self.credentials(user))

    def mint(self, user, app="web", **request):
        """A session of the reference web app, whose token is in the answer."""
        return self._ask(f"{self.url}/v1/connect/sessions", "POST", {"app": app, **request}, self.credentials(user))

    def mint_page(self, user, **request):
        """A session of the hosted page; `launch_url` holds a ticket, and nothing holds the token."""
        minted = self.mint(user, app="page", **request)
        assert "cot_" not in json.dumps(minted), "the mint for the page answered with a token"
        return minted

    def connect(self, token, route, **step):
        """One step of a Connect session."""
        return self._ask(f"{self.url}/v1/connect", "POST", {"connect_token": token, "route": route, **step}, {})

    def state_of(self, minted, user):
        return self.get(f"/v1/connect/sessions/{minted['id']}", user)["state"]

    def has_connected(self, user, cost=0.2345):
        """A user with one location whose import tariff is FIXED; returns the location."""
        address = {"address_line1": "1 Strand", "city": "London", "post_code": "WC2N 5EH", "country_code": "GB"}
        minted = self.mint(user, postal_address=address)
        token = minted["connect_token"]
        self.connect(token, "session_start")
        self.connect(token, "provider_select", action="PROVIDER_MISSING")
        self.connect(token, "provider_name_capture", data={"provider": {"name": "My Power"}})
        self.connect(token, "tariff_structure_select", data={"options": ["FIXED"]})
        self.connect(token, "rate_fixed_capture", data={"cost": cost})
        self.connect(token, "tariff_summary", action="CLOSE")
        return self.get(f"/v1/connect/sessions/{minted['id']}", user)["location_id"]

    # The sandbox.

    def control(self, path, body=None, method="POST"):
        return self._ask(self.control_url + path, method, body, {})

    def fault(self, kind, operation="connect", **more):
        self.control("/faults", {"operation": operation, "kind": kind, **more})

    def count(self, operation):
        """How often an operation of Flatpeak was asked for."""
        return self.control("/requests/count", method="GET").get(operation, 0)

    @property
    def newest_token(self):
        """The connect token of the session that was minted last, which only the sandbox tells."""
        return self.control("/sessions", method="GET")["data"][-1]["connect_token"]


class Service(Sandboxed):
    """`connect-bff dev`, with its demo app at `/`."""

    def __init__(self, *options):
        super().__init__()
        self.options = options
        self._start()

    def _start(self):
        self.process, _ = start(
            PROGRAM, "dev", "--port", str(self.port), "--admin-port", str(self.port + 1), "--join-sandbox",
            "--sandbox-port", str(self.sandbox_port), "--state", self.state, *self.options, until="Ctrl-C stops.")

    def credentials(self, user):
        return {"X-Dev-Subject": user}


class Hosted(Sandboxed):
    """`connect-bff serve` for the app of an integrator, which lives on another origin and has a service key.

    `settings` are those of the environment; the log is kept, down to the lines of each request.
    """

    def __init__(self, origins=(), **settings):
        super().__init__("--account", "acc_browser", "--key", "sk_test_browser")
        self.log = ""
        made, said = start(PROGRAM, "key", "new", "backend", until="  backend ")
        made.wait()
        made.stdout.close()
        self.key = re.search(r"sbk_\S+", said)[0]
        for name, text in (("keys", re.search(r"backend \S+ \S+", said)[0]), ("api-key", "sk_test_browser")):
            file = pathlib.Path(self.state, name)
            file.touch(0o600)
            file.write_text(text + "\n")
        self.environment = {
            "FLATPEAK_ACCOUNT_ID": "acc_browser", "FLATPEAK_API_KEY_FILE": f"{self.state}/api-key",
            "FLATPEAK_API_URL": self.addresses["API"], "FLATPEAK_CONNECT_URL": self.addresses["Connect"],
            "FLATPEAK_MODE": "test", "BFF_LISTEN": f"127.0.0.1:{self.port}",
            "BFF_ADMIN_LISTEN": f"127.0.0.1:{self.port + 1}", "BFF_DRAIN": "0s", "BFF_PUBLIC_URL": self.url,
            "BFF_AUTH": "service", "BFF_SERVICE_KEYS_FILE": f"{self.state}/keys", "BFF_LOG_LEVEL": "trace",
            "BFF_DATABASE_URL": f"sqlite:{self.state}/state/connect-bff.sqlite",
            "BFF_LIMIT_MINT": "100000/s", "BFF_LIMIT_ADDRESS": "100000/s", "BFF_LIMIT_RELAY": "100000/s",
            **({"BFF_ALLOWED_ORIGINS": ",".join(origins)} if origins else {}), **settings,
        }
        self._start()

    def _start(self):
        self.process, said = start(PROGRAM, "serve", until='"listening"', environment=self.environment)
        self.log += said
        # Read on, or a full pipe would stop it.
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()

    def _read(self, stream):
        try:
            for line in stream:
                self.log += line
        except ValueError:
            # Closed, together with its process.
            pass

    def credentials(self, user):
        return {"Authorization": f"Bearer {self.key}", "Connect-Subject": user}
