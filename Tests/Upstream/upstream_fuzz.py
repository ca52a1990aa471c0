"""Fuzzes everything that Flatpeak sends, against the whole service; `scripts/check-upstream` starts this.

Two services run. The first has good users, with correct upstream answers, and a bad one, whose upstream answers are
mutated; logins, lists of events and key sets, which all users share, are mutated only in ways that good users must not
notice. The second has no good users and is restarted every few seconds, so that logins, events and key sets can be
mutated in every way. Webhook deliveries have valid signatures over mutated bodies.

Checked throughout (S39, I1, I2, I3, I12, I15): no process ends by itself, /livez answers within a second, no answer is
an `internal_error`, good users' calls succeed with their own data, their 99th percentile stays bounded, their events
reach the backend, resident memory stays bounded, no header or account id of upstream reaches a client, no token is in
the log, and SIGTERM ends with 0.

A failure names the last mutated answers as OPERATION:NUMBER; `--seed S --replay OPERATION:NUMBER` makes them again.
"""

import argparse
import asyncio
import collections
import contextlib
import http.client
import json
import math
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import fake_flatpeak
import mutations
from fake_flatpeak import FakeFlatpeak, event_of, location_of, time_text
from signing import SigningKey

PROGRAM = pathlib.Path(os.environ["CONNECT_BFF"])
ACCOUNT, API_KEY = "acc_fuzz7e57", "sk_test_fuzz7e57"
# One bad user with few locations: a service may well take many that fail at once for an outage (I2).
EVENTS_SECRET = "whsec_" + "QUFB" * 10 + "QUE="
GOOD_USERS, BAD_USERS, BAD_LOCATIONS = 6, 1, 2
MEMORY_LIMIT = 512 << 20
P99_LIMIT = 1.0
LIVEZ_LIMIT = 1.0
CALL_LIMIT = 25
CRASHES = ("Swift runtime failure", "Fatal error", "Program crashed", "Precondition failed", "AddressSanitizer")
# A document of 50 000 digits is compared, too.
sys.set_int_max_str_digits(0)


class Verdict:
    """What went wrong, each kind with its number and its first examples."""

    def __init__(self):
        self.started = time.monotonic()
        self.failures = collections.OrderedDict()
        # Set when going on makes no sense.
        self.is_over = False

    def fail(self, kind, detail=""):
        entry = self.failures.setdefault(kind, [0, []])
        entry[0] += 1
        if len(entry[1]) < 5:
            entry[1].append(f"at {time.monotonic() - self.started:.1f} s: {detail}")
            if len(entry[1]) == 1:
                print(f"FAIL {kind}: {detail[:300]}", flush=True)

    def report(self):
        for kind, (count, details) in self.failures.items():
            print(f"FAIL {kind}, {count} times")
            for detail in details:
                print(f"     {detail[:700]}")


def free_port():
    """Below those that the kernel gives to clients."""
    while True:
        port = random.SystemRandom().randrange(12_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Service:
    """A `connect-bff serve` before a fake Flatpeak."""

    def __init__(self, name, fake, verdict, events_url=None):
        self.name = name
        self.verdict = verdict
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"bff-fuzz-{name}-"))
        made = subprocess.run([PROGRAM, "key", "new", "backend"], capture_output=True, text=True, check=True).stdout
        self.service_key = re.search(r"sbk_\w+", made)[0]
        keys = self.folder / "keys"
        keys.write_text(re.search(r"backend \w+ \w+", made)[0] + "\n")
        keys.chmod(0o600)
        self.port, self.admin_port = free_port(), free_port()
        self.environment = {
            "PATH": os.environ["PATH"], "FLATPEAK_ACCOUNT_ID": ACCOUNT, "FLATPEAK_API_KEY": API_KEY,
            "FLATPEAK_API_URL": fake.api_url, "FLATPEAK_CONNECT_URL": fake.connect_url,
            "BFF_LISTEN": f"127.0.0.1:{self.port}", "BFF_ADMIN_LISTEN": f"127.0.0.1:{self.admin_port}",
            "BFF_DRAIN": "0s", "BFF_PUBLIC_URL": f"http://localhost:{self.port}",
            "BFF_CONNECT_APPS": "web=http://localhost:7070",
            "BFF_AUTH": "service", "BFF_SERVICE_KEYS_FILE": str(keys),
            "BFF_DATABASE_URL": f"sqlite:{self.folder}/state/connect-bff.sqlite", "BFF_LIMIT_MINT": "100000/m",
            "BFF_LIMIT_RELAY": "100000/m", "BFF_LIMIT_ADDRESS": "1000000/m", "BFF_LOG_FORMAT": "json",
            **({"BFF_EVENTS_URL": events_url, "BFF_EVENTS_SECRET": EVENTS_SECRET} if events_url else {})}
        self.log_file = self.folder / "log"
        self.process = None
        # Until then a probe that fails is no failure.
        self.is_up = False
        self.peak_memory = 0
        self.livez_longest = 0.0

    async def start(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve"], env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                self.is_up = True
                return
            await asyncio.sleep(0.05)
        self.verdict.fail("a service did not start", f"{self.name}, status {self.process.poll()}")
        self.verdict.is_over = True

    async def stop(self):
        """Ends it with SIGTERM, which must give 0."""
        self.is_up = False
        if self.process.poll() is None:
            self.process.terminate()
        end = time.monotonic() + 35
        while self.process.poll() is None and time.monotonic() < end:
            await asyncio.sleep(0.02)
        status = self.process.poll()
        if status is None:
            self.verdict.fail("SIGTERM did not end a service within 35 s", self.name)
            self.process.kill()
            self.process.wait()
        elif status != 0 and not self.is_crashing():
            self.verdict.fail("a service did not end with 0", f"{self.name}: {status}")
            self.verdict.is_over = True

    def log_lines(self, count=30):
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        usual = ('"message":"minted"', '"message":"session state changed"')
        lines = [line[:500] for line in lines if not any(message in line for message in usual)]
        crash = next((index for index, line in enumerate(lines) if any(word in line for word in CRASHES)), None)
        return lines[-count:] if crash is None else lines[max(0, crash - 5):crash + count]

    def is_crashing(self):
        """Whether it writes its backtrace, during which it still runs and answers nothing."""
        with open(self.log_file, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 20_000))
            tail = log.read().decode(errors="replace")
        return any(word in tail for word in CRASHES)

    def check_log(self):
        text = self.log_file.read_text(errors="replace")
        for word in CRASHES:
            if word in text:
                self.verdict.fail("a crash in the log", f"{self.name}: {word}")
        for secret in (fake_flatpeak.BEARER, API_KEY, self.service_key, "cot_g0", "cot_b0"):
            if secret in text:
                line = next(line for line in text.splitlines() if secret in line)
                self.verdict.fail("a secret in the log", f"{self.name}: {line[:400]}")


class Watch(threading.Thread):
    """Watches the processes and asks /livez on its own thread: a busy test must not look like a busy service."""

    def __init__(self, services, verdict, memory_limit):
        super().__init__(daemon=True)
        self.services = services
        self.verdict = verdict
        self.memory_limit = memory_limit
        self.ends = threading.Event()

    def run(self):
        while not self.ends.wait(0.25):
            for service in self.services:
                if service.process and service.is_up:
                    self._look(service)

    def _look(self, service):
        if service.process.poll() is not None:
            if service.is_up:
                self.verdict.fail("a service ended by itself", f"{service.name}: {service.process.poll()}")
                self.verdict.is_over = True
            return
        if service.is_crashing():
            self.verdict.is_over = True
            with contextlib.suppress(subprocess.TimeoutExpired):
                service.process.wait(20)
            if service.process.poll() not in (None, 0):
                self.verdict.fail("a service ended by itself", f"{service.name}: {service.process.poll()}")
            service.is_up = False
            return
        with contextlib.suppress(OSError, TypeError):
            status = pathlib.Path(f"/proc/{service.process.pid}/status").read_text()
            memory = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10
            service.peak_memory = max(service.peak_memory, memory)
            if memory > self.memory_limit:
                self.verdict.fail("a service takes too much memory", f"{service.name}: {memory >> 20} MiB")
        for path in ("/livez", "/readyz"):
            began = time.monotonic()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
                connection.request("GET", path)
                status = connection.getresponse().status
                connection.close()
            except (OSError, http.client.HTTPException) as error:
                status = repr(error)
            took = time.monotonic() - began
            if not service.is_up or service.process.poll() is not None or service.is_crashing():
                return
            # The second service's first login is mutated, so it need not be ready.
            if status != 200 and (path == "/livez" or service.name == "first"):
                self.verdict.fail(f"{path} fails", f"{service.name}: {status}")
            if took > LIVEZ_LIMIT:
                self.verdict.fail(f"{path} is slow", f"{service.name}: {took:.2f} s")
            if path == "/livez":
                service.livez_longest = max(service.livez_longest, took)


class NoAnswer(Exception):
    pass


class Client:
    """One keep-alive connection."""

    def __init__(self, port):
        self._port = port
        self._reader = self._writer = None

    async def request(self, method, target, headers=(), body=None):
        """Status, fields and body of the answer."""
        headers = dict(headers)
        if body is not None:
            headers.setdefault("content-type", "application/json")
            headers["content-length"] = str(len(body))
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: localhost",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        head = "\r\n".join(lines) + "\r\n\r\n"
        try:
            return await asyncio.wait_for(self._exchange(method, head.encode() + (body or b"")), CALL_LIMIT)
        except (OSError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError, ValueError, IndexError) as error:
            self.close()
            raise NoAnswer(f"{method} {target.partition('?')[0]}: {error!r}") from None

    async def _exchange(self, method, request):
        if self._writer is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        self._writer.write(request)
        while True:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(head[0].split(" ")[1])
            fields = collections.defaultdict(list)
            for line in head[1:]:
                if line:
                    name, _, value = line.partition(":")
                    fields[name.lower()].append(value.strip())
            if status >= 200:
                break
        body = b""
        if method == "HEAD" or status in (204, 304):
            pass
        elif "chunked" in fields.get("transfer-encoding", []):
            while size := int(await self._reader.readline(), 16):
                body += await self._reader.readexactly(size)
                await self._reader.readexactly(2)
            await self._reader.readexactly(2)
        else:
            body = await self._reader.readexactly(int(fields["content-length"][0]))
        if "close" in fields.get("connection", []):
            self.close()
        return status, fields, body

    def close(self):
        if self._writer:
            self._writer.close()
        self._reader = self._writer = None


def strict_json(body):
    """The value of a strict JSON document and all its member names; raises ValueError.

    A document too deep for Python has the value None.
    """
    names = set()

    def members(pairs):
        names.update(name for name, _ in pairs)
        return dict(pairs)

    def refuse(text):
        raise ValueError(f"{text} is not JSON")

    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=members, parse_constant=refuse), names
    except RecursionError:
        return None, {"account_id"} if b'"account_id"' in body else set()


class Traffic:
    """What good and bad users do."""

    def __init__(self, service, fake, verdict, key, seed, without=()):
        self.service, self.fake, self.verdict, self.key = service, fake, verdict, key
        self.rng = random.Random(f"{seed}/traffic")
        self.seed = seed
        self.without = without
        self.latencies = {}
        self.phase = "setup"
        self.good_calls = self.bad_calls = self.good_refused = 0
        self.bad_statuses = collections.Counter()
        self.bad_tokens = collections.deque(maxlen=5)
        self.bad_sessions = collections.deque(maxlen=5)
        # No client reads how these ended, so that they can be relayed for long.
        self.relayed_tokens = collections.deque(maxlen=3)
        self.deliveries = 0
        self.recent_deliveries = collections.deque(maxlen=15)
        # Of good users: when the session was seen to be connected.
        self.connected = {}
        self._clients = {}

    def _user(self, name):
        return {"authorization": f"Bearer {self.service.service_key}", "connect-subject": name}

    def _check_any(self, what, status, fields, body, is_relay=False):
        """What holds for every answer to everybody."""
        if b'"internal_error"' in body:
            self.verdict.fail("internal_error", f"{what}: {status} {body[:200]!r}")
        for name in ("x-upstream-mark", "set-cookie", "server", "x-trailer"):
            if name in fields:
                self.verdict.fail("a header of upstream's reached a client", f"{what}: {name}")
        if b"cot_unasked" in body:
            self.verdict.fail("an answer that was not asked for reached a client", f"{what}: {body[:200]!r}")
        if fake_flatpeak.BEARER.encode() in body or API_KEY.encode() in body:
            self.verdict.fail("a credential in an answer", f"{what}: {body[:300]!r}")
        if not is_relay and status == 200 and "json" in fields.get("content-type", [""])[0]:
            try:
                _, names = strict_json(body)
            except ValueError as error:
                self.verdict.fail("an answer that is not strict JSON", f"{what}: {error!r:.100} {body[:300]!r}")
                return
            if "account_id" in names:
                self.verdict.fail("account_id in an answer", f"{what}: {body[:600]!r}")

    # Good users.

    def _no_answer(self, what, error):
        if self.service.is_crashing():
            self.verdict.is_over = True
        if not self.verdict.is_over:
            self.verdict.fail(what, str(error))

    async def good_call(self, what, client, *request, expect, check=None):
        began = time.monotonic()
        try:
            status, fields, body = await client.request(*request)
        except NoAnswer as error:
            self._no_answer(f"a good user's {what} has no answer", error)
            return None
        self.good_calls += 1
        self.latencies.setdefault(self.phase, []).append(time.monotonic() - began)
        self._check_any(f"good {what}", status, fields, body, is_relay=what == "relay")
        if status not in expect:
            # While upstream answers with 429 it may receive no calls.
            if self.phase == "limited" and status == 503 and b'"upstream_limited"' in body:
                self.good_refused += 1
            elif not self.verdict.is_over:
                self.verdict.fail(f"a good user's {what} fails", f"{status} {body[:300]!r}")
            return None
        if check:
            try:
                value = json.loads(body) if body else None
                problem = check(value)
            except (ValueError, KeyError, TypeError, IndexError) as error:
                problem = repr(error)
            if problem:
                self.verdict.fail(f"a good user's {what} has other data", f"{problem}: {body[:400]!r}")
            return value
        return body

    async def good_visit(self, number, pause):
        """A session from its mint to its prices."""
        name = f"good-{number}"
        client = self._clients.setdefault(name, Client(self.service.port))
        user, location = self._user(name), location_of(name)
        differs = lambda found: None if found == location else f"{found} is not {location}"
        may_be_open = lambda value: self.phase == "limited" and value["state"] != "connected"
        body = json.dumps({"postal_address": {"city": name, "country_code": "GB"}}).encode()
        minted = await self.good_call(
            "mint", client, "POST", "/v1/connect/sessions", user, body, expect=[201],
            check=lambda value: None if value["connect_token"].startswith("cot_g") else "not a token of a good user")
        await pause()
        if not minted:
            return
        token = minted["connect_token"]
        body = json.dumps({"connect_token": token, "route": "session_start"}).encode()
        await self.good_call(
            "relay", client, "POST", "/", {}, body, expect=[200],
            check=lambda value: None if value["connect_token"] == token else "another token")
        await pause()
        await self.good_call("callback", client, "GET", f"/v1/connect/callback?fp_cot={token}", expect=[200, 303])
        await pause()
        session = await self.good_call(
            "session read", client, "GET", f"/v1/connect/sessions/{minted['id']}", user, expect=[200],
            check=lambda value: None if may_be_open(value) else differs(value.get("location_id")))
        if session and session.get("state") == "connected" and self.phase != "limited":
            self.connected[minted["id"]] = time.monotonic()
        await pause()
        await self.good_call(
            "status", client, "GET", f"/v1/locations/{location}/status", user, expect=[200],
            check=lambda value: differs(value["id"]))
        await pause()
        end = time_text(self.rng.randrange(3600, 80 * 86400))
        await self.good_call(
            "prices", client, "GET", f"/v1/locations/{location}/prices?end_time={end}", user, expect=[200],
            check=lambda value: differs(value["location_id"]))
        await pause()
        limit = self.rng.randrange(1, 101)
        await self.good_call(
            "tariffs", client, "GET", f"/v1/tariffs/elements?location_id={location}&limit={limit}", user, expect=[200],
            check=lambda value: differs(value["data"][0]["location_id"]))
        await pause()
        if self.rng.random() < 0.3:
            event = self._event("good", "location.update", {"id": location, "object": "location"})
            data = json.dumps(event).encode()
            headers = self.key.headers(data) | {"x-forwarded-for": "198.51.100.1"}
            await self.good_call("delivery", client, "POST", "/v1/webhooks/flatpeak", headers, data, expect=[204])
            await pause()

    async def good_user(self, number, interval, ends):
        async def pause():
            await asyncio.sleep(interval * self.rng.uniform(0.7, 1.3))

        while not ends.is_set():
            await self.good_visit(number, pause)
            await asyncio.sleep(0.01)

    # Bad users.

    def _event(self, whose, type, data):
        self.deliveries += 1
        event = event_of(f"evt_{whose}{self.deliveries:020d}", type, data)
        self.fake.events[event["id"]] = event
        while len(self.fake.events) > 300:
            self.fake.events.popitem(last=False)
        return event

    async def set_up(self):
        """Every user gets their locations while upstream is correct."""

        async def none():
            pass

        for number in range(GOOD_USERS):
            await self.good_visit(number, none)
        for user in range(BAD_USERS):
            client = Client(self.service.port)
            for location in range(BAD_LOCATIONS):
                body = json.dumps({"postal_address": {"city": f"bad-{user}-{location}"}}).encode()
                status, _, answer = await client.request(
                    "POST", "/v1/connect/sessions", self._user(f"bad-{user}"), body
                )
                if status != 201:
                    raise RuntimeError(f"a mint in the setup: {status} {answer!r}")
                token = json.loads(answer)["connect_token"]
                await client.request("GET", f"/v1/connect/callback?fp_cot={token}")
                self.bad_tokens.append(token)
                self.bad_sessions.append((f"bad-{user}", json.loads(answer)["id"]))
            client.close()

    async def bad_call(self, what, *request, is_relay=False):
        client = self._clients.pop(f"bad {what}", None) or Client(self.service.port)
        try:
            status, fields, body = await client.request(*request)
        except NoAnswer as error:
            # A relayed answer that breaks off must break off for the client, too (R29).
            if not is_relay or "Timeout" in str(error):
                self._no_answer(f"a bad user's {what} has no answer", error)
            self.bad_statuses[what, "broke off" if is_relay else "none"] += 1
            return None, b""
        self._clients[f"bad {what}"] = client
        self.bad_calls += 1
        self.bad_statuses[what, status] += 1
        self._check_any(f"bad {what}", status, fields, body, is_relay)
        return status, body

    async def bad_action(self):
        rng = self.rng
        user = rng.randrange(BAD_USERS)
        name = f"bad-{user}"
        location = location_of(f"{name}-{rng.randrange(BAD_LOCATIONS)}")
        what = rng.choices(
            ["mint", "relay", "callback", "session read", "status", "prices", "tariffs", "delivery", "late delivery",
             "stream"],
            [2, 6, 2, 2, 4, 4, 4, 4, 2, 0.2])[0]
        if what == "mint":
            is_plain = rng.random() < 0.4
            address = {"city": f"{name}-{rng.randrange(BAD_LOCATIONS)}", **({"state": "plain"} if is_plain else {})}
            body = json.dumps({"postal_address": address}).encode()
            status, answer = await self.bad_call(what, "POST", "/v1/connect/sessions", self._user(name), body)
            if status == 201 and is_plain and rng.random() < 0.3:
                self.relayed_tokens.append(json.loads(answer)["connect_token"])
            elif status == 201:
                minted = json.loads(answer)
                self.bad_tokens.append(minted["connect_token"])
                self.bad_sessions.append((name, minted["id"]))
        elif what == "relay" and (self.relayed_tokens or self.bad_tokens):
            token = rng.choice(self.relayed_tokens or self.bad_tokens)
            body = json.dumps({"connect_token": token, "route": "session_start"}).encode()
            await self.bad_call(what, "POST", rng.choice(["/", "/v1/connect"]), {}, body, is_relay=True)
        elif what == "callback" and self.bad_tokens:
            await self.bad_call(what, "GET", f"/v1/connect/callback?fp_cot={rng.choice(self.bad_tokens)}")
        elif what in ("session read", "stream") and self.bad_sessions:
            owner, session = rng.choice(self.bad_sessions)
            if what == "session read":
                await self.bad_call(what, "GET", f"/v1/connect/sessions/{session}", self._user(owner))
            else:
                await self._follow(owner, session)
        elif what == "status":
            await self.bad_call(what, "GET", f"/v1/locations/{location}/status", self._user(name))
        elif what == "prices":
            end = time_text(rng.randrange(3600, 80 * 86400))
            await self.bad_call(what, "GET", f"/v1/locations/{location}/prices?end_time={end}", self._user(name))
        elif what == "tariffs":
            query = f"location_id={location}&limit={rng.randrange(1, 101)}"
            await self.bad_call(what, "GET", f"/v1/tariffs/elements?{query}", self._user(name))
        elif what in ("delivery", "late delivery"):
            await self._deliver(what, location)

    async def _follow(self, owner, session):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.service.port)
            fields = "".join(f"{name}: {value}\r\n" for name, value in self._user(owner).items())
            writer.write(
                f"GET /v1/connect/sessions/{session}/events HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode()
            )
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(1 << 16), 1)
                await asyncio.wait_for(reader.readexactly(1 << 16), 4)
            writer.close()

    async def _deliver(self, what, location):
        """A delivery whose signature is valid, over a mutated body."""
        rng = self.rng
        token = rng.choice(self.bad_tokens) if self.bad_tokens else "cot_b0"
        tariff = {"live_mode": False, "location_id": location, "tariff_id": "trf_fuzz", "account_id": ACCOUNT}
        session = {"id": token, "object": "connect_token", "location_id": location, "price_available": True}
        type, data = rng.choice([
            ("tariff.expired", tariff), ("tariff.fetch.failed", tariff), ("connect_session.complete", session),
            ("location.update", {"id": location, "object": "location"}),
            ("customer.update", {"id": "cus_fuzz", "object": "customer"})])
        event = self._event("bad", type, data)
        number = self.deliveries
        replayed = None if self.fake.replay is None else self.fake.replay.get("delivery", [])
        # As long as only some mutations are replayed, a delivery is mutated only if it is among them.
        if replayed:
            number = replayed[number % len(replayed)]
        choice = random.Random(f"{self.seed}/delivery/{number}")
        body, label = json.dumps(event).encode(), "unchanged"
        if what == "delivery" and replayed != []:
            while choice.random() < 0.9:
                body, label = mutations.odd_body(choice, event)
                if not any(word in label for word in self.without):
                    break
                body, label = json.dumps(event).encode(), "unchanged"
        if len(body) > 2 << 20:
            return
        ages = [0, 0, 0, 295, 301, -295, -301] if what == "delivery" else [3600, 3600, 172_000, 173_000]
        age = choice.choice(ages)
        headers = self.key.headers(body, age, key_id="wsk_test_unknown" if choice.random() < 0.02 else None)
        if choice.random() < 0.03:
            headers["flatpeak-timestamp"] = choice.choice(["0", "-1", "999999999999", "9" * 30, "1e9", "0x10", ""])
        headers["x-forwarded-for"] = f"203.0.113.{choice.randrange(250)}"
        self.recent_deliveries.append((time.time(), number, label, body[:400]))
        await self.bad_call(what, "POST", "/v1/webhooks/flatpeak", headers, body)

    async def bad_users(self, interval, ends):
        under_way = set()
        while not ends.is_set():
            if len(under_way) < 60:
                task = asyncio.create_task(self.bad_action())
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(interval * self.rng.uniform(0.5, 1.5))
        for task in under_way:
            task.cancel()
        done = await asyncio.gather(*under_way, return_exceptions=True)
        for error in done:
            if isinstance(error, Exception) and not isinstance(error, asyncio.CancelledError):
                raise error

    def quantiles(self, phase):
        times = sorted(self.latencies.get(phase, [])) or [math.nan]
        at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1000
        return at(0.5), at(0.99), len(times)


class Receiver:
    """The integrator's backend: takes every event, and checks that it is strict JSON."""

    def __init__(self, verdict):
        self.verdict = verdict
        self.sessions = set()
        self.count = 0

    async def start(self):
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 22)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/events"

    async def _connection(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
                body = await reader.readexactly(int(length[1]))
                self.count += 1
                try:
                    event, _ = strict_json(body)
                    if event and event["type"].startswith("session."):
                        self.sessions.add(event["data"]["id"])
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    self.verdict.fail("an event for the backend is not strict JSON", f"{error!r:.200} {body[:400]!r}")
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()


async def restarts(seed, key, verdict, services, without, only, replay, ends):
    """The second service: restarted every few seconds, everything that it asks is answered with mutations."""
    fake = FakeFlatpeak(f"{seed}/second", key, without=without, only=only, replay=replay, is_hostile_to_all=True)
    await fake.start()
    service = Service("second", fake, verdict)
    services.append(service)
    rng = random.Random(f"{seed}/restarts")
    walks = [
        walk for other in ["same page", "empty page", "no ids", "refused cursor", "unknown cursor", "no end"]
        for walk in ("mutated", "mutated", other)]
    # Its first start is correct, so that there is a database, and a bookmark.
    number = 0
    while not ends.is_set() and not verdict.is_over:
        fake.is_calm = number == 0
        fake.walk = "list" if number == 0 else walks[number % len(walks)]
        before = fake.counts["events"]
        await service.start()
        if verdict.is_over:
            break
        traffic = Traffic(service, fake, verdict, key, f"{seed}/second/{number}", without)
        traffic.phase = "limited"
        until = time.monotonic() + 1.3
        while time.monotonic() < until and not verdict.is_over:
            user = f"bad-0-{rng.randrange(BAD_LOCATIONS)}"
            body = json.dumps({"postal_address": {"city": user}}).encode()
            await traffic.bad_call("mint", "POST", "/v1/connect/sessions", traffic._user("bad-0"), body)
            await traffic._deliver(rng.choice(["delivery", "late delivery"]), location_of(user))
            await asyncio.sleep(0.2)
        calls = fake.counts["events"] - before
        if calls > 50 and fake.walk != "no end":
            verdict.fail(
                "the list of events is read in a loop without a pause",
                f"{calls} calls in 1.3 s, upstream answers with: {fake.walk}")
        await service.stop()
        number += 1
    fake.stop()
    return fake, service, number


async def run(options, seconds, sabotage=None):
    """One run; the verdict."""
    verdict = Verdict()
    key = SigningKey(random.Random(f"{options.seed}/key"), "wsk_test_fuzz")
    replay = {}
    for item in filter(None, (options.replay or "").split(",")):
        operation, _, number = item.partition(":")
        replay.setdefault(operation, []).append(int(number))
    without, only = (tuple(filter(None, text.split(","))) for text in (options.without, options.only))
    receiver = Receiver(verdict)
    await receiver.start()
    fake = FakeFlatpeak(
        options.seed, key, without=without, only=only, replay=replay or None, has_strays=options.stray,
        sabotage=sabotage)
    await fake.start()
    service = Service("first", fake, verdict, receiver.url)
    services = [service]
    await service.start()
    watch = Watch(services, verdict, 1 << 20 if sabotage == "memory" else MEMORY_LIMIT)
    traffic = Traffic(service, fake, verdict, key, options.seed, without)
    ends, second_ends = asyncio.Event(), asyncio.Event()
    second = None
    began = time.monotonic()

    def elapsed():
        return time.monotonic() - began

    async def until(moment):
        while elapsed() < moment and not verdict.is_over:
            await asyncio.sleep(0.1)
            if elapsed() - until.printed >= 10:
                until.printed = elapsed()
                p50, p99, _ = traffic.quantiles(traffic.phase)
                print(
                    f"{elapsed():5.0f} s  {traffic.phase}: good {traffic.good_calls}, bad {traffic.bad_calls}, "
                    f"mutated {sum(fake.mutated.values())}, good p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
                    f"memory {service.peak_memory >> 20} MiB, "
                    f"{sum(count for count, _ in verdict.failures.values())} failures",
                    flush=True,
                )

    until.printed = 0
    tasks = []
    try:
        await asyncio.sleep(0.5)
        await traffic.set_up()
        watch.start()
        quiet = max(4, min(30, seconds * 0.15))
        limited = seconds * 0.88
        interval = GOOD_USERS / (options.rate * 0.7)
        tasks = [asyncio.create_task(traffic.good_user(number, interval, ends)) for number in range(GOOD_USERS)]
        traffic.phase = "quiet"
        await until(quiet)
        fake.is_calm = False
        traffic.phase = "hostile"
        bad = asyncio.create_task(traffic.bad_users(1 / (options.rate * 0.3), ends))
        tasks.append(bad)
        if not options.no_restarts:
            second = asyncio.create_task(
                restarts(options.seed, key, verdict, services, without, only, replay or None, second_ends))
        if sabotage == "kill":
            await until(quiet + 2)
            service.process.kill()
        if sabotage == "stop":
            await until(quiet + 2)
            service.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(2)
            service.process.send_signal(signal.SIGCONT)
        if sabotage == "log":
            with open(service.log_file, "a") as log:
                log.write("Fatal error: planted\ncot_g00000\n")
        await until(limited)
        # 429 is about the account, so the service may ask nothing for a while; all else still holds.
        traffic.phase = "limited"
        fake.is_limiting = True
        await until(seconds)
    finally:
        ends.set()
        second_ends.set()
        deadline = time.monotonic() + CALL_LIMIT + 2
        for task in tasks:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(task, max(1, deadline - time.monotonic()))
    second_end = await second if second else None
    late = [
        session for session, at in traffic.connected.items()
        if time.monotonic() - at > 30 and session not in receiver.sessions]
    if sabotage == "events":
        late.append("planted")
    if late:
        verdict.fail(
            "events of good users do not reach the backend within 30 s", f"{len(late)} of {len(traffic.connected)}")
    await service.stop()
    watch.ends.set()
    if watch.is_alive():
        await asyncio.to_thread(watch.join, 25)
    fake.stop()
    for one in services:
        one.check_log()
    for complaint, count in fake.complaints.items():
        verdict.fail("upstream got what it should not", f"{complaint}, {count} times")
    quiet_p50, quiet_p99, quiet_count = traffic.quantiles("quiet")
    p50, p99, count = traffic.quantiles("hostile")
    if sabotage == "slow":
        p99 = 5000
    if p99 > P99_LIMIT * 1000 and (not verdict.is_over or sabotage):
        verdict.fail("good users' 99th percentile is too high", f"{p99:.0f} ms")
    print(f"good users, quiet:   p50 {quiet_p50:.1f} ms, p99 {quiet_p99:.1f} ms, {quiet_count} calls")
    print(
        f"good users, hostile: p50 {p50:.1f} ms, p99 {p99:.1f} ms, {count} calls; "
        f"refused while upstream said 429: {traffic.good_refused}")
    print(
        f"bad user: {traffic.bad_calls} calls; mutated answers: {dict(fake.mutated)}; "
        f"events to the backend: {receiver.count}")
    print(f"memory at most {service.peak_memory >> 20} MiB; /livez at most {service.livez_longest * 1000:.0f} ms")
    if options.verbose:
        statuses = sorted(traffic.bad_statuses.items(), key=str)
        print("statuses:", {f"{what} {status}": count for (what, status), count in statuses})
    if second_end:
        print(f"second service: {second_end[2]} starts; mutated answers: {dict(second_end[0].mutated)}")
    if verdict.failures and not sabotage:
        print(f"\nThe last mutated answers of the first service (seed {options.seed}):\n{fake.recent_text()}")
        print("The last deliveries:")
        for at, number, label, body in traffic.recent_deliveries:
            print(f"  {time.time() - at:6.2f} s ago  {number} {label}: {body!r}")
        if second_end:
            print(f"The last mutated answers of the second service:\n{second_end[0].recent_text()}")
        for one in services:
            print(f"The last lines of the log of the {one.name} service:")
            print("\n".join(f"  {line}" for line in one.log_lines(40)))
    for one in services:
        if options.keep:
            print(f"{one.name}: {one.log_file} kept")
            shutil.copy(one.log_file, f"{options.keep}-{one.name}.log")
        shutil.rmtree(one.folder, ignore_errors=True)
    return verdict


SELF_TESTS = {
    "kill": "a service ended by itself",
    "stop": "/livez is slow",
    "log": "a crash in the log",
    "memory": "a service takes too much memory",
    "errors": "a good user's",
    "mixed": "a good user's session read has other data",
    "events": "events of good users",
    "slow": "good users' 99th percentile",
}


def self_test(options):
    """Each sabotage must be found by the check that it is for; the rest of the run is calm."""
    missed = 0
    # No answer is mutated, so that nothing else fails.
    options.replay, options.no_restarts = "nothing:1", True
    for sabotage, expected in SELF_TESTS.items():
        print(f"-- {sabotage}")
        verdict = asyncio.run(run(options, 12, sabotage))
        if any(kind.startswith(expected) for kind in verdict.failures):
            print(f"found: {expected}")
        else:
            print(f"MISSED: {expected}; found {list(verdict.failures)}")
            missed += 1
    print(f"{len(SELF_TESTS) - missed} passed, {missed} failed")
    return missed


def main():
    parser = argparse.ArgumentParser(prog="check-upstream")
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--long", action="store_true", help="600 seconds")
    parser.add_argument("--seed", default=None)
    parser.add_argument("--rate", type=float, default=80, help="requests a second of all users together")
    parser.add_argument("--replay", help="OPERATION:NUMBER, and more after commas: only these mutations")
    parser.add_argument(
        "--without", default="", help="words; no mutations with one in their label or tags (5xx, 403, slow, framing)")
    parser.add_argument("--only", default="", help="words; only mutations of upstream's answers with one of them")
    parser.add_argument(
        "--stray", action="store_true", help="also answers of the API that leave bytes behind on a shared connection")
    parser.add_argument("--no-restarts", action="store_true", help="without the second service")
    parser.add_argument("--self-test", action="store_true", help="show that each check can fail")
    parser.add_argument("--keep", help="keep the logs under this prefix")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = str(random.SystemRandom().randrange(1_000_000))
    if options.self_test:
        sys.exit(1 if self_test(options) else 0)
    seconds = options.seconds or (600 if options.long else 60)
    print(f"seed {options.seed}, {seconds} s", flush=True)
    verdict = asyncio.run(run(options, seconds))
    if verdict.failures:
        print()
        verdict.report()
        print(f"0 passed, 1 failed (seed {options.seed})")
        sys.exit(1)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
