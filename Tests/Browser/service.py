"""A `connect-bff dev` on free ports, beside a sandbox in a process of its own, so that it can be restarted alone."""

import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tempfile
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


def start(*arguments, until):
    """A process, and what it said up to and with the line that holds `until`."""
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = ""
    for line in process.stdout:
        said += line
        if until in line:
            return process, said
    raise RuntimeError(f"{arguments[0]} did not start:\n{said}")


def end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


class Service:
    def __init__(self):
        self.state = tempfile.mkdtemp()
        self.sandbox_port = free_ports(4)
        self.sandbox, said = start(SANDBOX, "--port", str(self.sandbox_port), until="Provider")
        self.control_url = re.search(r"Control +(http://\S+)", said)[1]
        self.provider_url = re.search(r"Provider +(http://\S+)", said)[1]
        self.port = free_ports(2)
        self.url = f"http://localhost:{self.port}"
        self.restarts = 0
        self._start()

    def _start(self):
        self.process, _ = start(
            PROGRAM, "dev", "--port", str(self.port), "--admin-port", str(self.port + 1), "--join-sandbox",
            "--sandbox-port", str(self.sandbox_port), "--state", self.state, until="Ctrl-C stops.")

    def restart(self):
        """What it knew, it has to find in its database again."""
        end(self.process)
        self._start()
        self.restarts += 1

    def stop(self):
        end(self.process)
        end(self.sandbox)
        shutil.rmtree(self.state)

    def _ask(self, url, method, body, headers):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            url, data=data, method=method, headers={"Content-Type": "application/json", **headers})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    # What a user's app asks of the service, outside of a browser.

    def get(self, path, user):
        return self._ask(self.url + path, "GET", None, {"X-Dev-Subject": user})

    def mint(self, user, **request):
        return self._ask(f"{self.url}/v1/connect/sessions", "POST", request, {"X-Dev-Subject": user})

    def connect(self, token, route, **step):
        """One step of a Connect session."""
        return self._ask(self.url, "POST", {"connect_token": token, "route": route, **step}, {})

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
