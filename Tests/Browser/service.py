"""A `connect-bff dev` on free ports, and the controls of its sandbox."""

import json
import os
import pathlib
import re
import socket
import subprocess
import urllib.request

ROOT = pathlib.Path(__file__).parent.parent.parent
PROGRAM = os.environ.get("CONNECT_BFF", str(ROOT / ".build/debug/connect-bff"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    def __init__(self):
        for _ in range(5):
            said = self._start()
            if "Ctrl-C stops." in said:
                break
            self.stop()
            # Somebody may take a free port before the service does.
            if "already in use" not in said:
                raise RuntimeError(f"{PROGRAM} did not start:\n{said}")
        self.control_url = re.search(r"controls (http://[^,\s]+)", said)[1]
        self.provider_url = re.search(r"provider login (http://\S+)", said)[1]

    def _start(self):
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.process = subprocess.Popen(
            [PROGRAM, "dev", "--port", str(self.port), "--sandbox-port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = ""
        for line in self.process.stdout:
            said += line
            if "Ctrl-C stops." in line:
                break
        return said

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

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
