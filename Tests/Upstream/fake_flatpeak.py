"""A fake Flatpeak, API and Connect host, that answers some users correctly and others with mutated answers.

Who gets which follows from the request: a mint carries the user in `postal_address.city`, a claim and a relayed call
carry a token that a mint gave, a read names a location. `good` and `bad` stand in all of them.
"""

import asyncio
import collections
import json
import random
import re
import socket
import struct
import time

import mutations

BEARER = "fuzzbearer"
ACCOUNT = "acc_fuzz7e57"
# So long a bad user's token is asked about with mutated answers; afterwards its session ends correctly, so that what is
# polled in the background does not pile up.
TOKEN_LIFE = 15
RATES = {"mint": 0.7, "claim": 0.75, "event": 0.9}


def user_of(text):
    """`good-3` or `bad-1-2` in a text."""
    found = re.search(r"(good|bad)-\d+(-\d+)?", text)
    return found[0] if found else None


def location_of(user):
    return "loc_" + user.replace("-", "x")


def time_text(seconds_from_now=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_from_now))


def event_of(name, type, data):
    return {"id": name, "object": "event", "type": type, "data": data, "time_created": time_text()}


class FakeFlatpeak:
    def __init__(
        self, seed, key, *, without=(), only=(), replay=None, is_hostile_to_all=False, has_strays=False, sabotage=None
    ):
        """Starts out correct, until `is_calm` is false.

        `is_hostile_to_all`: login, events and keys are mutated in every way, not only in those that good users must not
        notice.
        `has_strays`: answers of the API may leave bytes behind on their connection, which the next call on it, another
        user's perhaps, has to suffer. The relay's connections are the service's own and suffer none.
        """
        self.seed = seed
        self.key = key
        self.without, self.only = tuple(without), tuple(only)
        self.replay = replay
        self.is_hostile_to_all = is_hostile_to_all
        self.sabotage = sabotage
        self.has_strays = has_strays or is_hostile_to_all
        self.is_calm = True
        self.is_limiting = False
        self.bearer_life = 3600 if is_hostile_to_all else 30
        self.events = collections.OrderedDict()
        self.walk = "list"
        self.counts = collections.Counter()
        self.mutated = collections.Counter()
        self.complaints = collections.Counter()
        self.recent = collections.deque(maxlen=25)
        self._tokens = {}
        self._bad_logins = 0
        self._bearers = set()
        self._servers = []
        self._open = set()

    async def start(self):
        for host in ("api", "connect"):
            server = await asyncio.start_server(
                lambda reader, writer, host=host: self._connection(reader, writer, host), "127.0.0.1", 0, limit=1 << 20)
            self._servers.append(server)
            setattr(self, f"{host}_url", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    def stop(self):
        for server in self._servers:
            server.close()
        for writer in list(self._open):
            writer.close()

    # Connections.

    async def _connection(self, reader, writer, host):
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                lines = (line.partition(":") for line in head[1:] if line)
                fields = {name.lower(): value.strip() for name, _, value in lines}
                if "transfer-encoding" in fields:
                    self.complaints["a chunked request"] += 1
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                answer = self._answer(host, method, target, fields, body)
                if not await self._perform(answer, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _perform(self, answer, writer):
        """Whether the connection goes on."""
        for step in answer.steps:
            if step[0] == "write":
                writer.write(step[1])
                await writer.drain()
            elif step[0] == "sleep":
                for _ in range(max(1, int(step[1] * 4))):
                    await asyncio.sleep(min(0.25, step[1]))
                    if writer.is_closing() or writer.transport.get_extra_info("socket") is None:
                        return False
            elif step[0] == "reset":
                raw = writer.transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
            else:
                return False
        return answer.goes_on

    # Answers.

    def _answer(self, host, method, target, fields, body):
        path, _, query = target.partition("?")
        if host == "connect":
            return self._user_answer("relay", *self._relay(body))
        if path == "/login":
            return self._login()
        if path == "/jwks.json":
            return self._jwks()
        bearer = fields.get("authorization", "").removeprefix("Bearer ")
        if bearer not in self._bearers and not self.is_hostile_to_all:
            self.complaints[f"a bearer that no login gave on {path}"] += 1
            return mutations.plain({"message": "Bad credentials"}, 403)
        if path == "/events":
            return self._event_list(query)
        if path.startswith("/events/"):
            name = path.removeprefix("/events/")
            return self._user_answer("event", "bad", self.events.get(name) or event_of(name, "customer.update", {}))
        if path == "/connect/token" and method == "POST":
            return self._user_answer("mint", *self._mint(body))
        if path == "/connect/token":
            return self._user_answer("claim", *self._claim(query))
        if path.startswith("/tariffs"):
            location = re.search(r"location_id=([^&]*)", query)
            return self._user_answer("tariffs", *self._tariffs(location[1] if location else ""))
        if found := re.fullmatch(r"/locations/([^/]*)/status", path):
            return self._user_answer("status", *self._status(found[1]))
        if found := re.fullmatch(r"/prices/([^/]*)", path):
            return self._user_answer("prices", *self._prices(found[1], body))
        self.complaints[f"{method} {path}"] += 1
        return mutations.plain({"message": "Not Found"}, 404)

    def _user_answer(self, operation, whose, document):
        self.counts[operation] += 1
        if whose != "bad":
            if self.sabotage == "errors" and not self.is_calm and self.counts[operation] % 20 == 0:
                return mutations.plain({"message": "no"}, 500)
            return mutations.plain(document)
        if self.is_calm:
            return mutations.plain(document)
        return self._mutated(operation, document, RATES.get(operation, 0.9))

    def _mutated(self, operation, document, rate, **how):
        self.mutated[operation] += 1
        number = self.mutated[operation]
        if self.replay is not None:
            numbers = self.replay.get(operation)
            if not numbers:
                return mutations.plain(document)
            number = numbers[number % len(numbers)]
        rng = random.Random(f"{self.seed}/{operation}/{number}")
        if rng.random() > rate and self.replay is None:
            return mutations.plain(document)
        if self.is_limiting:
            how["statuses"] = [429]
        without = self.without if self.has_strays or operation == "relay" else (*self.without, "stray")
        answer = mutations.odd_answer(rng, document, without=without, only=self.only, **how)
        self.recent.append((time.time(), f"{operation}:{number}", answer.label, answer))
        return answer

    def recent_text(self):
        now = time.time()
        return "\n".join(
            f"  {now - at:6.2f} s ago  {which:14} {label}\n      {answer.preview()}"
            for at, which, label, answer in self.recent)

    # Operations that all users share.

    def _login(self):
        self.counts["login"] += 1
        token = f"{BEARER}{len(self._bearers)}"
        document = {"object": "bearer_token", "bearer_token": token, "expires_in": self.bearer_life, "live_mode": False}
        if self.is_hostile_to_all:
            self._bearers.add(token)
            return mutations.plain(document) if self.is_calm else self._mutated("login", document, 0.6)
        # A renewal may fail twice, which leaves the bearer in hand good until the third succeeds; not while the service
        # is rate-limited, which makes renewals late.
        is_named = not self.only and (self.replay is None or "login" in self.replay)
        if is_named and not self.is_calm and not self.is_limiting and self._bad_logins < 2:
            self._bad_logins += 1
            return self._mutated("login", document, 1, may_be_valid=False, longest=1)
        self._bad_logins = 0
        self._bearers.add(token)
        return mutations.plain(document)

    def _jwks(self):
        self.counts["jwks"] += 1
        document = {"keys": [self.key.jwk]}
        if self.is_calm or (self.replay is not None and "jwks" not in self.replay):
            return mutations.plain(document)
        if self.is_hostile_to_all:
            return self._mutated("jwks", document, 0.6)
        # Keys beside the good one, or no readable set at all, leave the good one in use.
        if self.counts["jwks"] % 2:
            return self._mutated("jwks", document, 1, may_be_valid=False, longest=3)
        rng = random.Random(f"{self.seed}/keys/{self.counts['jwks']}")
        odd = [
            mutations.Raw(mutations.mutated_document(rng, self.key.jwk | {"kid": f"wsk_odd{number}"})[0])
            for number in range(5)]
        odd = [one for one in odd if self.key.key_id.encode() not in one.data and _is_strict(one.data)]
        return mutations.plain(mutations.encoded(mutations.loosened({"keys": odd + [self.key.jwk]})))

    def _event_list(self, query):
        self.counts["events"] += 1
        cursor = re.search(r"starting_after=([^&]*)", query)
        events = list(reversed(self.events.values()))[:100]
        document = {"object": "list", "url": "/events", "has_more": False, "data": events}
        if self.is_calm or self.walk == "list":
            return mutations.plain(document)
        number = self.counts["events"]
        one = lambda: event_of(f"evt_walk{number}", "customer.update", {})
        if self.walk == "refused cursor":
            document.update(has_more=True, data=[one()])
            return mutations.plain({"message": "no"}, 400) if cursor else mutations.plain(document)
        if self.walk == "unknown cursor":
            document.update(has_more=True, data=[one()])
            return mutations.plain({"message": "Not Found"}, 404) if cursor else mutations.plain(document)
        if self.walk == "same page":
            document.update(has_more=True, data=[{**one(), "id": "evt_walk_same"}])
        if self.walk == "empty page":
            document.update(has_more=True, data=[])
        if self.walk == "no end":
            document.update(has_more=True, data=[one()])
        if self.walk == "no ids":
            document.update(has_more=True, data=[{"object": "event"}] * 100)
        if self.walk == "mutated":
            if not events:
                document["data"] = [one()]
            document["has_more"] = number % 3 == 0
            return self._mutated("events", document, 0.9)
        return mutations.plain(document)

    # Operations of one user each: whose it is, and the correct document.

    def _mint(self, body):
        user = user_of(body.decode("latin-1")) or "bad-0-0"
        whose = user.partition("-")[0]
        if whose == "bad" and b'"plain"' in body:
            # A bad user who gets a token for sure, so that there is one to relay and to claim with.
            whose = "plain"
        token = f"cot_{user[0]}{len(self._tokens):023d}"
        self._tokens[token] = (user, time.monotonic())
        return whose, {"connect_token": token, "expires_in": 86400, "live_mode": False}

    def _claim(self, query):
        token = query.partition("connect_token=")[2]
        user, since = self._tokens.get(token, ("bad-0-0", 0))
        location = location_of(user)
        whose = user.partition("-")[0]
        if whose == "bad" and time.monotonic() - since > TOKEN_LIFE:
            whose = "retired"
        if self.sabotage == "mixed" and whose == "good" and not self.is_calm:
            location = "loc_badx0x0"
        return whose, {
            "id": token,
            "object": "connect_token",
            "live_mode": False,
            "location_id": location,
            "location_reference_id": "",
            "price_available": True,
            "time_created": time_text(),
            "time_expiry": time_text(86400),
            "customer_id": "cus_fuzz",
            "complete_action": "SAVE",
            "account_id": ACCOUNT,
        }

    def _status(self, location):
        slot = {
            "status": "CONNECTED", "connection_type": "DIRECT",
            "provider": {"id": "prv_fuzz", "display_name": "Power", "logo_url": ""},
            "tariff": {"id": "trf_fuzz", "display_name": "Power", "structure_type": "FIXED", "contract_end_date": None}}
        return _whose(location), {
            "id": location, "object": "location_status", "live_mode": False, "time_created": time_text(),
            "account_id": ACCOUNT,
            "tariff_status": {
                "commodity_import": slot, "commodity_export": {"status": "NOT_CONNECTED"},
                "non_commodity_import": {"status": "NOT_CONNECTED"},
                "non_commodity_export": {"status": "NOT_SUPPORTED"}, "local": {"status": "NOT_SUPPORTED"}}}

    def _tariffs(self, location):
        return _whose(location), {
            "object": "list",
            "url": "/tariffs",
            "has_more": False,
            "data": [
                {
                    "id": "trf_fuzz",
                    "object": "tariff",
                    "location_id": location,
                    "live_mode": False,
                    "status": "CONNECTED",
                    "direction": "IMPORT",
                    "timezone": "Europe/London",
                    "display_name": "Power",
                    "contract_start_date": None,
                    "contract_end_date": None,
                    "schedule": [
                        {
                            "months": ["All"],
                            "days_and_hours": [
                                {
                                    "days": ["All"],
                                    "hours": [
                                        {
                                            "valid_from": "00:00:00",
                                            "valid_to": "00:00:00",
                                            "rate": [{"fixed": 0.2345, "to_kwh": None}],
                                        }
                                    ],
                                }
                            ],
                        }
                    ],
                    "time_created": time_text(),
                    "account_id": ACCOUNT,
                }
            ],
        }

    def _prices(self, location, body):
        return _whose(location), {
            "id": "prs_fuzz", "object": "price", "live_mode": False, "location_id": location,
            "location_timezone": "Europe/London", "currency_code": "GBP", "tariff_direction": "IMPORT",
            "last_updated": time_text(), "next_update": time_text(600),
            "request": {"start_time": time_text(), "end_time": time_text(3600), "tariff_direction": "IMPORT"},
            "data": [{
                "valid_from": time_text(), "valid_to": time_text(3600), "price": {"value": 0.2345, "confidence": 1}}],
            "time_created": time_text(), "account_id": ACCOUNT}

    def _relay(self, body):
        try:
            token = json.loads(body)["connect_token"]
        except (ValueError, KeyError, TypeError, RecursionError):
            token = ""
        whose = {"cot_g": "good", "cot_b": "bad"}.get(str(token)[:5], "bad")
        return whose, {
            "connect_token": token, "route": "provider_select", "direction": "IMPORT", "type": "COMMODITY",
            "live_mode": False, "actions": ["BACK"], "data": {"providers": [], "redirect_url": "http://localhost/x"}}


def _whose(location):
    return "good" if location.startswith("loc_goodx") else "bad"


def _is_strict(data):
    try:
        json.loads(data)
        return True
    except (ValueError, RecursionError):
        return False
