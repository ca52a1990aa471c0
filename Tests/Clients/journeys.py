"""What every library does alike: each function is a journey of one user, from the first tap to its end."""

import datetime
import re
import time

from world import LONDON, Customer

SESSIONS = "/v1/connect/sessions"
PAGE = {"app": "page"}
MINT = f"POST {SESSIONS}$"


def opened(journey, call):
    """The customer who opened the page of a `connect`."""
    launch_url = call.launch_url()
    journey.secrets.append(launch_url.partition("#ticket=")[2])
    customer = Customer(journey.world, launch_url)
    journey.secrets.append(customer.token)
    return customer


def has_connected(journey, **body):
    """A user with a tariff; the session."""
    call = journey.client.connect(**PAGE, **body)
    call.returned(opened(journey, call).connects())
    return is_connected(call.result())


def is_connected(session):
    assert session["state"] == "connected" and session["confirmed"] is True and session["location_id"], session
    assert session["price_available"] is True and session["ended_at"], session
    return session


def keys(journey, what=MINT):
    return [request.headers.get("idempotency-key") for request in journey.proxy.seen(what)]


def time_of(**offset):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    return (now + datetime.timedelta(**offset)).isoformat().replace("+00:00", "Z")


# Connecting.

def connect(journey):
    """Mint, page, confirmation, session; then the tariff and its prices."""
    session = has_connected(journey, postal_address=LONDON)
    client, proxy, location = journey.client, journey.proxy, session["location_id"]
    assert client.do("readSession", id=session["id"]) == session
    assert [each["id"] for each in client.do("listLocations")["data"]] == [location]
    tariffs = client.do("listTariffs", location_id=location, limit=10)["data"]
    assert [each["location_id"] for each in tariffs] == [location] and tariffs[0]["schedule"], tariffs
    prices = client.do("readPrices", id=location, start_time=time_of(), end_time=time_of(hours=6))
    assert prices["currency_code"] == "GBP" and {each["price"]["value"] for each in prices["data"]} == {0.2345}, prices
    # One mint and one confirmation; the rest are reads.
    done = [request for request in proxy.requests if request.status < 300]
    assert [request.method for request in done if request.method != "GET"] == ["POST", "POST"], done
    assert re.fullmatch(r"[!#-~]{1,128}", keys(journey)[0]), keys(journey)
    assert all(request.headers["authorization"].startswith("Bearer ey") for request in proxy.requests)


def close_half_way_and_come_back(journey):
    call = journey.client.connect(**PAGE, postal_address=LONDON)
    customer = opened(journey, call)
    call.returned(customer.closes("provider_select") if customer.gives_address() else None)
    left = call.result()
    assert left["state"] == "abandoned" and "location_id" not in {k for k, v in left.items() if v is not None}, left
    # In the same tab the customer goes on; the app, which follows, is the first to know.
    follow = journey.client.start("followSession", id=left["id"])
    assert follow.event()["state"] == "abandoned"
    link = customer.connects()
    assert follow.until(lambda each: each["state"] == "connected")["confirmed"] is False
    code = re.search(r"code=([\w-]+)", link)[1]
    journey.secrets.append(code)
    is_connected(journey.client.do("confirmSession", {"code": code}, id=left["id"]))
    is_connected(follow.until(lambda each: each["confirmed"]))
    assert follow.result() is None
    # The next tap is another session.
    assert has_connected(journey)["id"] != left["id"]
    assert len(set(keys(journey))) == 2, keys(journey)


def close_the_sheet(journey):
    """The app gets no return URL, and reads how it stands. Whatever it asked for, it is the service's page."""
    call = journey.client.connect(app="web", postal_address=LONDON)
    opened(journey, call).gives_address()
    call.returned(None)
    assert call.result()["state"] == "active"
    assert not journey.proxy.seen(".*/confirm")


def pending_then_connected(journey):
    call = journey.client.connect(**PAGE, postal_address=LONDON)
    customer = opened(journey, call)
    call.returned(customer.logs_in("pending-maria"))
    session = call.result()
    assert session["state"] == "pending" and session["confirmed"] is True, session
    follow = journey.client.start("followSession", id=session["id"])
    assert follow.event()["state"] == "pending"
    journey.world.control("/pending/finish", {"connect_token": customer.token})
    is_connected(follow.event())
    assert follow.result() is None


def failed(journey):
    call = journey.client.connect(**PAGE, postal_address=LONDON)
    call.returned(opened(journey, call).logs_in("fail-maria"))
    session = call.result()
    assert session["state"] == "failed", session
    follow = journey.client.start("followSession", id=session["id"])
    assert follow.event()["state"] == "failed" and follow.result() is None


def link_of_another_session(journey):
    """Any app can open a deep link: a code for another session is not sent."""
    call = journey.client.connect(**PAGE, postal_address=LONDON)
    opened(journey, call).gives_address()
    call.returned(f"myapp://tariff/done?session=cs_{'0' * 24}&status=connected&code={'A' * 22}")
    assert call.result()["state"] == "active"
    assert not journey.proxy.seen(".*/confirm")


def confirmed_by_another_code(journey):
    """As by a newer visit of the page: the session is read."""
    call = journey.client.connect(**PAGE, postal_address=LONDON)
    customer = opened(journey, call)
    link = customer.connects()
    code = re.search(r"code=([\w-]+)", customer.is_back())[1]
    session = journey.client.do("confirmSession", {"code": code}, id=customer.ticket.partition(".")[0])
    call.returned(link)
    assert call.result() == is_connected(session)
    assert [each.status for each in journey.proxy.seen(f"POST {SESSIONS}/.*/confirm")] == [200, 409]


def double_tap(journey):
    """One mint, one page, and the same end for both; another request is another attempt."""
    first = journey.client.connect(**PAGE, postal_address=LONDON)
    customer = opened(journey, first)
    second = journey.client.connect(**PAGE, postal_address=LONDON)
    # Answered after the second tap was taken.
    journey.client.do("listLocations")
    first.returned(customer.connects())
    assert is_connected(first.result()) == second.result()
    assert len(keys(journey)) == 1, keys(journey)
    # Another request does not get the session of the first, and who leaves takes nobody along.
    calls = [journey.client.connect(**PAGE, language=language) for language in ("de", "fr", "fr")]
    for call in calls[:2]:
        opened(journey, call)
    assert len(set(keys(journey))) == 3, keys(journey)
    journey.client.do("listLocations")
    calls[1].abort()
    calls[1].fails("cancelled", patience=3)
    calls[1].returned(None)
    assert calls[2].result()["state"] == "created"
    calls[0].returned(None)
    assert calls[0].result()["state"] == "created"
    assert len(keys(journey)) == 3, keys(journey)


def cancel(journey):
    client, proxy = journey.client, journey.proxy
    call = client.connect(**PAGE, postal_address=LONDON)
    opened(journey, call)
    call.abort()
    call.fails("cancelled", patience=3)
    proxy.hold("GET /v1/locations$")
    held = client.start("listLocations")
    while not proxy.seen("GET /v1/locations$"):
        time.sleep(0.01)
    held.abort()
    held.fails("cancelled", patience=3)
    assert proxy.seen("GET /v1/locations$")[0].is_over.wait(5), "the connection is still open"
    session = client.do("mintSession", {"app": "page"})
    follow = client.start("followSession", id=session["id"])
    assert follow.event()["state"] == "created"
    follow.abort()
    follow.fails("cancelled", patience=3)
    # While it waits for another attempt, too.
    proxy.answer("GET /v1/locations$", 503, "overloaded", times=3, Retry_After=15)
    waiting = client.start("listLocations")
    while len(proxy.seen("GET /v1/locations$")) < 2:
        time.sleep(0.01)
    waiting.abort()
    waiting.fails("cancelled", patience=3)
    proxy.reset()
    # The client goes on.
    has_connected(journey)


# What goes wrong.

def expired_bearer(journey):
    """In the middle: the app's bearer has expired, and is asked for once more."""
    client, proxy, identity = journey.client, journey.proxy, journey.world.identity
    call = client.connect(**PAGE, postal_address=LONDON)
    link = opened(journey, call).connects()
    client.has_bearer(identity.bearer(journey.user, life=-3600))
    proxy.on_status = {401: lambda: client.has_bearer(journey.bearer)}
    call.returned(link)
    session = is_connected(call.result())
    assert [request.status for request in proxy.seen(f"POST {SESSIONS}/.*/confirm")] == [401, 200]
    # A stream asks as well.
    client.has_bearer(identity.bearer(journey.user, life=-3600))
    follow = client.start("followSession", id=session["id"])
    is_connected(follow.event())
    # Signed out: twice is enough.
    proxy.reset()
    client.has_bearer(identity.bearer(journey.user, life=-3600))
    error = client.start("listLocations").fails("unauthenticated", 401)
    assert re.fullmatch(r"req_[0-9a-f]{24}", error.request_id), error
    assert [request.status for request in proxy.requests] == [401, 401]


def service_restart(journey):
    """While the customer is at the page, and while the app follows."""
    client, world = journey.client, journey.world
    call = client.connect(**PAGE, postal_address=LONDON)
    customer = opened(journey, call)
    session = world.control("/sessions", method="GET")["data"][-1]
    assert session["connect_token"] == customer.token
    customer.gives_address()
    world.restart()
    call.returned(customer.logs_in("pending-maria"))
    session = call.result()
    assert session["state"] == "pending", session
    follow = client.start("followSession", id=session["id"])
    assert follow.event()["state"] == "pending"
    world.restart()
    world.control("/pending/finish", {"connect_token": customer.token})
    is_connected(follow.until(lambda each: each["state"] != "pending"))
    assert follow.result() is None
    streams = journey.proxy.seen(f"GET {SESSIONS}/.*/events")
    assert len(streams) > 1 and streams[-1].headers["last-event-id"], streams


def too_many_requests(journey):
    """`Retry-After` is kept to where a repetition is safe, and passed on where it is not."""
    client, proxy = journey.client, journey.proxy
    proxy.answer("GET /v1/locations$", 429, "rate_limited", Retry_After=1)
    began = time.monotonic()
    assert client.do("listLocations")["data"] == []
    assert 1 <= time.monotonic() - began < 10
    proxy.answer(MINT, 429, "rate_limited", Retry_After=1)
    location = has_connected(journey)["location_id"]
    assert len(keys(journey)) == 2 and len(set(keys(journey))) == 1, keys(journey)
    # Three times in all.
    proxy.answer("GET /v1/locations$", 503, "overloaded", times=4, Retry_After=0)
    proxy.requests.clear()
    client.start("listLocations").fails("overloaded", 503)
    assert len(proxy.requests) == 3, proxy.requests
    proxy.faults.clear()
    # Too long to wait for.
    proxy.requests.clear()
    proxy.answer("GET /v1/locations$", 429, "rate_limited", Retry_After=3600)
    client.start("listLocations").fails("rate_limited", 429, patience=5)
    # Without Retry-After there is no reason to try again.
    proxy.answer("GET /v1/locations$", 502, "upstream_failed")
    client.start("listLocations").fails("upstream_failed", 502, patience=5)
    assert len(proxy.requests) == 2, proxy.requests
    # A write without a key is sent once.
    proxy.requests.clear()
    proxy.answer("DELETE /v1/locations/", 429, "rate_limited", Retry_After=1)
    client.start("forgetLocation", id=location).fails("rate_limited", 429)
    proxy.lose("DELETE /v1/locations/")
    client.start("forgetLocation", id=location).fails("network_error", 0)
    assert len(proxy.requests) == 2, proxy.requests
    assert client.do("listLocations")["data"] == [], "the answer was lost, and not the request"


def offline_and_back(journey):
    client, proxy = journey.client, journey.proxy
    # The mint's answer is lost: the same key, so the same session.
    proxy.lose(MINT)
    call = client.connect(**PAGE, postal_address=LONDON)
    customer = opened(journey, call)
    assert len(keys(journey)) == 2 and len(set(keys(journey))) == 1, keys(journey)
    # So is the confirmation's.
    proxy.lose(f"POST {SESSIONS}/.*/confirm")
    call.returned(customer.logs_in("pending-maria"))
    session = call.result()
    assert session["state"] == "pending" and session["confirmed"] is True, session
    # A tunnel.
    follow = client.start("followSession", id=session["id"])
    assert follow.event()["state"] == "pending"
    proxy.go_offline()
    client.start("listLocations").fails("network_error", 0)
    journey.world.control("/pending/finish", {"connect_token": customer.token})
    proxy.go_online()
    is_connected(follow.until(lambda each: each["state"] != "pending"))
    assert follow.result() is None
    assert client.do("listLocations")["data"]


def torn_stream(journey):
    """In the middle of an event: what is not whole is nothing."""
    client, proxy = journey.client, journey.proxy
    session = has_connected(journey)
    events = f"GET {SESSIONS}/.*/events"
    proxy.tear(events, after=90)
    proxy.answer(events, 503, "overloaded", Retry_After=0)
    proxy.page(events, 502)
    follow = client.start("followSession", id=session["id"])
    is_connected(follow.event())
    assert follow.result() is None
    assert len(proxy.seen(events)) == 4, proxy.seen(events)
    # An answer that is not whole is none either.
    proxy.tear("GET /v1/locations$", after=20)
    assert client.do("listLocations")["data"]
    # Somebody else's session does not come.
    client.start("followSession", id=f"cs_{'0' * 24}").fails("not_found", 404)


def captive_portal(journey):
    """In place of a stream its page, or the way there, is temporary. It gets no request, and so no bearer."""
    client, proxy = journey.client, journey.proxy
    session = has_connected(journey)
    events = f"GET {SESSIONS}/.*/events"
    proxy.page(events, 200)
    proxy.redirect(events)
    began = time.monotonic()
    follow = client.start("followSession", id=session["id"])
    is_connected(follow.event())
    assert follow.result() is None
    # The least that the two pauses may be: 0.5 s and 1 s, each shortened at random by up to a quarter.
    assert time.monotonic() - began >= 1.1, "without a pause"
    assert len(proxy.seen(events)) == 3, proxy.seen(events)
    events = "GET /v1/locations/.*/events"
    proxy.page(events, 200)
    proxy.redirect(events)
    follow = client.start("followLocation", id=session["location_id"])
    while not (proxy.seen(events) and proxy.seen(events)[-1].status == 200 and not proxy.faults):
        time.sleep(0.01)
    follow.abort()
    follow.fails("cancelled")
    # Other requests fail, and at once.
    proxy.requests.clear()
    proxy.page("GET /v1/locations$", 200)
    client.start("listLocations").fails("invalid_answer", 200)
    proxy.redirect("GET /v1/locations$")
    client.start("listLocations").fails("invalid_answer", 302)
    proxy.redirect(MINT)
    client.start("mintSession", PAGE).fails("invalid_answer", 302)
    assert len(proxy.requests) == 3, proxy.requests


def bad_bearer(journey):
    """What cannot stand in a header is not sent, and no error has it."""
    client, proxy = journey.client, journey.proxy
    for text in ("SECRET\ntoken", "SECRET token", "SECRET\u20ac", "SECRET\x7f"):
        client.has_bearer(text)
        client.start("listLocations").fails("unauthenticated", 0)
        client.start("followSession", id=f"cs_{'0' * 24}").fails("unauthenticated", 0)
    assert not proxy.requests, proxy.requests
    journey.secrets.append("SECRET")


# What may be added.

def unknown_things(journey):
    """Fields, states, codes and values of a later release: nothing breaks."""
    client, proxy = journey.client, journey.proxy

    def grown(request, value):
        if isinstance(value, list):
            return [grown(request, each) for each in value]
        if isinstance(value, dict):
            return {name: grown(request, each) for name, each in value.items()} | {
                "added_text": "x", "added_object": {"a": [1, None]}, "added_null": None}
        return value

    proxy.edit = grown
    location = has_connected(journey)["location_id"]
    whole_surface(journey, location)
    follow = client.start("followSession", id=client.do("mintSession", PAGE)["id"])
    assert follow.event()["state"] == "created"
    follow.abort()
    follow.fails("cancelled")

    def later(request, value):
        value = dict(value)
        for name, text in {
                "state": "hibernating", "reason": "too_cold", "direction": "SIDEWAYS", "type": "BARTER"}.items():
            if name in value:
                value[name] = text
        for each in value.get("data", []) if isinstance(value.get("data"), list) else []:
            each["action_required"] = "pray"
        return value

    proxy.edit = later
    minted = client.do("mintSession", PAGE)
    session = client.do("readSession", id=minted["id"])
    assert (session["state"], session["direction"], session["type"]) == ("hibernating", "SIDEWAYS", "BARTER"), session
    assert [each["action_required"] for each in client.do("listLocations")["data"]] == ["pray"]
    # A state that it does not know does not end a stream.
    call = client.connect(**PAGE)
    customer = opened(journey, call)
    follow = client.start("followSession", id=customer.ticket.partition(".")[0])
    assert follow.event()["state"] == "hibernating"
    proxy.edit = None
    call.returned(customer.connects())
    is_connected(call.result())
    is_connected(follow.until(lambda each: each["state"] == "connected" and each["confirmed"]))
    assert follow.result() is None
    proxy.answer("GET /v1/locations$", 418, "teapot_required")
    error = client.start("listLocations").fails("teapot_required", 418)
    assert error.request_id == "req_" + "0" * 24
    proxy.page("GET /v1/locations$", 502)
    client.start("listLocations").fails("invalid_answer", 502)


def connect_token(journey):
    """A mint for a page of one's own gives it to the app, and to nothing else."""
    client, proxy = journey.client, journey.proxy
    minted = client.do("mintSession", {"app": "web"})
    token = minted["connect_token"]
    assert token.startswith("cot_") and token in minted["launch_url"]
    # The app has it, so this line does.
    client.said = client.said.replace(token, "")
    journey.secrets.append(token)
    proxy.edit = lambda request, value: {**value, "state": 7, "launch_url": [token]}
    error = client.start("mintSession", {"app": "web"}).fails("invalid_answer", 201)
    assert error.request_id, error


# The rest of the contract.

def everything(journey):
    whole_surface(journey, has_connected(journey)["location_id"])


def whole_surface(journey, location):
    """Each operation for apps, once, with what a real service answers."""
    do, start = journey.client.do, journey.client.start
    here = {"id": location}
    window = {"start_time": time_of(), "end_time": time_of(hours=8)}
    home = do("readLocation", **here)
    assert home["timezone"] == "Europe/London" and home["postal_address"]["city"] == "London", home
    assert home["tariff_status"]["commodity_import"].strip() == "CONNECTED", home
    status = do("readLocationStatus", **here)
    assert status["tariff_status"]["commodity_import"]["status"].strip() == "CONNECTED", status
    cheap = do("scheduleByDuration", **here, **window, segment="LOW", duration=60)
    assert cheap["data"][0]["price"]["average"] == 0.2345, cheap
    below = do("scheduleByLimit", **here, **window, segment="LOW", absolute=0.5)
    assert below["duration"] > 60, below

    follow = start("followLocation", **here)
    device = do("createDevice", {"reference_id": "charger", "type": "EV_CHARGER"}, **here)
    assert [each["id"] for each in do("listDevices", **here)["data"]] == [device["id"]]
    plan = do("scheduleByAmount", {
        "max_power": {"units": "KW", "value": 14},
        "data": [{"device_id": device["id"], "end_time": time_of(hours=6), "energy": {"units": "KWH", "value": 5.3},
                  "max_power": {"units": "KW", "value": 7}}]}, **here)
    assert plan["data"][0]["schedule"] and plan["cost"]["value"] > 1, plan
    record = {
        "units": "KWH", "value": 2, "start_time": time_of(hours=-2), "end_time": time_of(hours=-1),
        "session_reference_id": "charge-1", "record_reference_id": "r-1"}
    batch = do("putMeterIntervals", [record], **here)
    assert batch["records_accepted"] == 1 and batch["failed_records"] == [], batch
    do("putMeterReadings", {"units": "KWH", "data": [{"time": int(time.time()), "value": 10412.5}]}, **here)
    end = time.monotonic() + 15
    while do("readMeterBatch", **here, batch=batch["id"]).get("records_processed") != 1:
        assert time.monotonic() < end, "the batch is not processed"
        time.sleep(0.3)
    assert follow.event()["event"] == "location.updated"
    follow.abort()
    follow.fails("cancelled")
    cost = do("readSessionCosts", **here, ref="charge-1")
    assert abs(cost["data"][0]["cost"]["value"] - 0.469) < 0.001, cost
    assert do("readCosts", **here, start_time=time_of(hours=-3), end_time=time_of(), aggregation="DAY")["data"], "costs"
    assert abs(do("simulateCost", record, **here)["data"]["cost"]["value"] - 0.469) < 0.001
    assert do("deleteDevice", **here, device=device["id"]) is None
    start("deleteDevice", **here, device=device["id"]).fails("not_found", 404)
    assert do("listDevices", **here)["data"] == []
    writes = keys(journey, r"(PUT|POST) /v1/locations/.*/(meters/|devices$)")
    assert all(writes) and len(set(writes)) == 3, writes


JOURNEYS = [
    connect, close_half_way_and_come_back, close_the_sheet, pending_then_connected, failed, link_of_another_session,
    confirmed_by_another_code, double_tap, cancel, expired_bearer, bad_bearer, too_many_requests, offline_and_back,
    torn_stream, captive_portal, unknown_things, connect_token, everything, service_restart,
]
