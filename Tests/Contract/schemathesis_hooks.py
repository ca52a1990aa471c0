"""Gives schemathesis what it cannot make up: a minted token, a session, a location that the caller owns.

Adds a check of ownership, and counts how every operation was answered. `scripts/check-contract` sets CONNECT_BFF_URL
and CONNECT_BFF_COUNTS.
"""

import atexit
import base64
import collections
import datetime
import json
import os
import urllib.error
import urllib.request
import uuid

import schemathesis
from schemathesis.engine.run import PhaseName

URL = os.environ["CONNECT_BFF_URL"]

# What `connect-bff dev` is set up with; the document cannot know it.
APPS = ["page", "web", "ios"]
RETURN_URLS = ["myapp://tariff/done"]
OWNED = [
    "readSession",
    "followSession",
    "readLocation",
    "readLocationStatus",
    "readPrices",
    "listTariffs",
    "scheduleByDuration",
    "scheduleByLimit",
    "readCosts",
    "readSessionCosts",
    "readMeterBatch",
    "listDevices",
]

# Operations about a location in the path, of which the owner's are asked for with what Flatpeak takes.
ENERGY = [
    "scheduleByDuration",
    "scheduleByLimit",
    "scheduleByAmount",
    "readCosts",
    "readSessionCosts",
    "simulateCost",
]

# What sends meter records, and creates and deletes devices.
WRITES = ["putMeterIntervals", "putMeterReadings", "createDevice", "deleteDevice"]

# Files of the hosted page, one of each kind.
ASSETS = ["style.css", "page.js", "icon.svg"]

# What the sandbox of `connect-bff dev` lets in; nothing that clients read may hold it.
CREDENTIALS = ["acc_5a4db0c5000000000000ac01", "sk_test_sandbox"]

# The user who makes all calls.
HEADERS = {"Content-Type": "application/json", "X-Dev-Subject": "alice"}


def call(path, body=None, subject="alice", method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        URL + path, data=data, headers={**HEADERS, "X-Dev-Subject": subject}, method=method
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def mint(subject="alice", app="web"):
    request = {"app": app, "postal_address": {"city": "London", "country_code": "GB"}}
    return call("/v1/connect/sessions", request, subject)


def relay(token, route, **rest):
    return call("/", {"connect_token": token, "route": route, **rest})


def connect(subject="alice"):
    """Walks one session to its end."""
    session = mint(subject)
    walk(session["connect_token"])
    return session["connect_token"], call(f"/v1/connect/sessions/{session['id']}", subject=subject)


def walk(token):
    """Types a tariff and closes the last page."""
    relay(token, "session_start")
    relay(token, "provider_select", action="PROVIDER_MISSING")
    relay(token, "provider_name_capture", data={"provider": {"name": "My Power"}})
    relay(token, "tariff_structure_select", data={"options": ["FIXED"]})
    relay(token, "rate_fixed_capture", data={"cost": 0.2345})
    relay(token, "tariff_summary", action="CLOSE")


def moment(**delta):
    zone = datetime.timezone(datetime.timedelta(hours=turns["readPrices"] % 3))
    return (datetime.datetime.now(zone) + datetime.timedelta(**delta)).isoformat()


class Seed:
    """Two sessions that were walked to their ends, and one that stays open."""

    def __init__(self):
        self.ended_token, ended = connect()
        self.session, self.location = ended["id"], ended["location_id"]
        home = f"/v1/locations/{self.location}"
        reading = {"units": "WH", "data": [{"time": 1, "value": 1}]}
        self.batch = call(f"{home}/meters/cumulative", reading, method="PUT")["id"]
        self.device_to_delete = call(f"{home}/devices", {})["id"]
        self.tariff = call(f"/v1/tariffs/elements?location_id={self.location}")["data"][0]["id"]
        self.device = call(f"/v1/locations/{self.location}/devices", {})["id"]
        self.reference = "charge-17"
        record = {
            "units": "WH",
            "value": 5300,
            "start_time": moment(hours=-3),
            "end_time": moment(hours=-2),
            "session_reference_id": self.reference,
        }
        call(f"/v1/locations/{self.location}/meters/interval", [record], method="PUT")
        self.open_token = mint()["connect_token"]
        # One document has exchanged it, and may do so again.
        self.ticket, self.tab = mint(app="page")["launch_url"].partition("#ticket=")[2], "AAECAwQFBgcICQoLDA0ODw"
        # The same code again gives the same answer.
        page = mint(app="page")
        token = call("/v1/connect/tickets", {"ticket": page["launch_url"].partition("#ticket=")[2], "tab": self.tab})[
            "connect_token"]
        walk(token)
        self.confirmed = page["id"]
        self.code = call("/v1/connect/callback", {"connect_token": token, "tab": self.tab})["code"]
        confirmed = call(f"/v1/connect/sessions/{self.confirmed}/confirm", {"code": self.code})
        self.second_location = confirmed["location_id"]
        provider = relay(self.open_token, "session_start")["data"]["providers"][0]
        self.logo = provider["logo_url"].rpartition("/")[2].removesuffix(".png")
        # Forgetting is done by a user of its own, so that the others keep the location that they read.
        self.location_to_forget = connect("carol")[1]["location_id"]


turns = collections.Counter()
seed = Seed()
counts = collections.defaultdict(collections.Counter)


@schemathesis.deserializer("text/html", "text/css", "text/javascript", "text/plain", "image/svg+xml")
def read_page(context, response):
    return response.text


@schemathesis.deserializer("image/png", "image/jpeg", "image/webp")
def read_picture(context, response):
    return response.content.decode("latin-1")


@schemathesis.hook
def before_load_schema(context, raw_schema):
    fields = raw_schema["components"]["schemas"]["MintRequest"]["properties"]
    fields["app"]["enum"] = APPS
    fields["return_url"]["enum"] = RETURN_URLS


@schemathesis.hook
def before_call(context, case, kwargs):
    # A redirect is the callback's answer; where it leads is not part of the contract.
    kwargs["allow_redirects"] = False
    operation = case.operation.definition.raw["operationId"]
    if case.meta.generation.mode.is_negative:
        return
    if case.meta.phase.name is not PhaseName.STATEFUL_TESTING:
        # Every third call stays as it was made up: well formed, and of something that does not exist.
        turns[operation] += 1
        if turns[operation] % 3:
            use_seed(case, operation, turns[operation])
    keep_possible(case, operation)


def keep_possible(case, operation):
    """What a schema cannot say."""
    # A link may lead to the other location; all that is possible is said of one.
    for place, name in ((case.path_parameters, "id"), (case.query, "location_id")):
        if place and place.get(name) == seed.second_location:
            place[name] = seed.location
    if operation == "listTariffs":
        if "starting_after" in case.query:
            case.query.pop("ending_before", None)
        if case.query["location_id"] == seed.location:
            # Flatpeak refuses a cursor that is not in the list.
            for cursor in {"starting_after", "ending_before"} & set(case.query):
                case.query |= {cursor: seed.tariff, "direction": "IMPORT", "type": "COMMODITY"}
    if operation == "readPrices":
        # The period begins before it ends, and Flatpeak has prices for it.
        if case.path_parameters["id"] == seed.location:
            case.query |= {"end_time": moment(days=1), "direction": "IMPORT"}
            if "start_time" in case.query:
                case.query["start_time"] = moment(days=-1)
        else:
            case.query.pop("start_time", None)
    if operation in ENERGY and case.path_parameters["id"] == seed.location:
        keep_energy_possible(case, operation)
    if operation == "followSession" and str(case.path_parameters["id"]).startswith("cs_"):
        # A session that is open would be followed until it ends.
        case.path_parameters["id"] = seed.session
    if operation == "mintSession":
        # The links of a mint lead on with the connect token, which the hosted page's answer does not have.
        if case.meta.phase.name is PhaseName.STATEFUL_TESTING:
            case.body["app"] = "web"
        # Only a service key may vouch for a customer.
        case.body.pop("confirm", None)
        # A key is for one body.
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = str(uuid.uuid4())
        # A beta that is off for most accounts.
        if case.body.get("direction") == "LOCAL":
            case.body["direction"] = "IMPORT"
        # Flatpeak does not have this pair.
        if case.body.get("direction") == "EXPORT" and case.body.get("type") == "NON_COMMODITY":
            del case.body["type"]
    if operation in WRITES and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if operation in ("putMeterIntervals", "putMeterReadings"):
        # The location is that of the path, no device is made up, and a name has no control characters.
        records = case.body if operation == "putMeterIntervals" else [case.body, *case.body["data"]]
        for record in records:
            for name in ("location_id", "device_id", "record_reference_id"):
                record.pop(name, None)
    if operation == "forgetLocation":
        case.headers["X-Dev-Subject"] = "carol"


def keep_energy_possible(case, operation):
    """What Flatpeak has for the location: prices of its import, between yesterday and tomorrow."""
    window = {"start_time": moment(days=-1), "end_time": moment(days=1)}
    if operation.startswith("schedule") and operation != "scheduleByAmount":
        case.query |= window | {"direction": "IMPORT"}
        if operation == "scheduleByDuration":
            case.query["duration"] = turns[operation] % 600 + 1
        else:
            # One of the two prices.
            price = "absolute" if "absolute" in case.query else "relative"
            case.query |= {price: 0.5}
            case.query.pop({"absolute": "relative", "relative": "absolute"}[price], None)
    if operation == "scheduleByAmount":
        transfer = {"device_id": seed.device, "end_time": moment(days=1), "energy": {"units": "KWH", "value": 5.3}}
        case.body = {"max_power": {"units": "KW", "value": 14}, "data": [transfer]}
    if operation == "readCosts":
        case.query |= window | {"direction": "IMPORT"}
        case.query.pop("device_id", None)
    if operation == "readSessionCosts":
        case.query |= {"direction": "IMPORT"}
    if operation == "simulateCost":
        case.body |= window | {"value": 5300, "tariff_direction": "IMPORT"}
        for name in ("location_id", "device_id", "session_reference_id", "record_reference_id"):
            case.body.pop(name, None)


def use_seed(case, operation, turn):
    if operation in ("readSession", "followSession"):
        case.path_parameters["id"] = seed.session
    elif operation == "readMeterBatch":
        case.path_parameters |= {"id": seed.location, "batch": seed.batch}
    elif operation == "deleteDevice":
        case.path_parameters |= {"id": seed.location, "device": seed.device_to_delete}
    elif operation == "createDevice" and turn < 100:
        # A location has a hundred at most.
        case.path_parameters["id"] = seed.location
    elif operation in ("listDevices", "putMeterIntervals", "putMeterReadings"):
        case.path_parameters["id"] = seed.location
    elif operation in ("readLocation", "readLocationStatus", "readPrices", *ENERGY):
        case.path_parameters["id"] = seed.location
        if operation == "readSessionCosts":
            case.path_parameters["ref"] = seed.reference
    elif operation == "listTariffs":
        case.query["location_id"] = seed.location
    elif operation == "readLogo":
        case.path_parameters["digest"] = seed.logo
    elif operation == "connectAsset":
        case.path_parameters["name"] = ASSETS[turn % len(ASSETS)]
    elif operation == "forgetLocation":
        case.path_parameters["id"] = seed.location_to_forget
    elif operation == "callback":
        case.query["fp_cot"] = seed.ended_token if turn % 2 else seed.open_token
    elif operation in ("relay", "relayUnderV1"):
        case.body["connect_token"] = seed.ended_token if turn % 7 == 0 else seed.open_token
        if turn % 2:
            case.body["route"] = "session_start"
    elif operation == "exchangeTicket" and "ticket" in case.body:
        case.body |= {"ticket": seed.ticket, "tab": seed.tab}
    elif operation == "exchangeTicket":
        case.body["connect_token"] = seed.open_token
    elif operation == "endSession":
        case.body["connect_token"] = seed.ended_token if turn % 2 else seed.open_token
    elif operation == "confirmSession":
        case.path_parameters["id"] = seed.confirmed
        case.body = {"code": seed.code}
    elif operation == "mintSession" and "location_id" in case.body:
        case.body["location_id"] = seed.location


@schemathesis.check
def no_credential(context, response, case):
    """No answer holds an account id, a key, or the two as a Basic pair."""
    pair = base64.b64encode(":".join(CREDENTIALS).encode()).decode()
    text = response.content.decode("utf-8", "replace") + str(dict(response.headers))
    for credential in [*CREDENTIALS, pair]:
        assert credential not in text, "a credential is in the answer"


@schemathesis.check
def owned_by_one(context, response, case):
    """What one user reads, another user learns nothing about."""
    is_owned = case.operation.definition.raw["operationId"] in OWNED
    if is_owned and response.request.method == "GET" and response.status_code == 200:
        try:
            request = urllib.request.Request(response.request.url, headers={"X-Dev-Subject": "bob"})
            status = urllib.request.urlopen(request, timeout=10).status
        except urllib.error.HTTPError as error:
            status = error.code
        assert status == 404, f"another user gets {status}"


@schemathesis.hook
def after_call(context, case, response):
    # `connect-bff dev` has a demo app at `/`, which is not part of the contract.
    if case.operation.path == "/" and "allow" in response.headers:
        methods = response.headers["allow"][0].split(", ")
        response.headers["allow"] = [", ".join(method for method in methods if method not in ("GET", "HEAD"))]
    # Not the calls with a method that the operation does not have.
    if response.request.method == case.operation.method.upper():
        counts[case.operation.label][response.status_code] += 1


@atexit.register
def write_counts():
    with open(os.environ["CONNECT_BFF_COUNTS"], "w") as file:
        json.dump(counts, file)
