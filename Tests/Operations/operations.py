"""What operators are given, against the running program; scripts/check-operations starts this.

Every alert is tried by a real service that is in the trouble that the alert names. Its page of metrics is read
before and during the trouble; promtool then plays the rules over ninety minutes in which counters go on as they did in
between, and gauges stay as they were last seen. Exactly the alerts that are named must fire.
"""

import concurrent.futures
import contextlib
import json
import math
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error

from service import KEY, Service, ask

ROOT = pathlib.Path(__file__).parent.parent.parent
ALERTS = ROOT / "deploy/prometheus/alerts.yaml"
MINUTES = 90


# The troubles, each with the alerts that it sets off. One in which the service starts anew gives the page before it.


def nothing(service):
    service.connect()


def stopped(service):
    service.process.terminate()
    service.process.wait(25)


def overfull(service):
    # Of ten users, since one alone has an eighth of the slots.
    tokens = [service.token(f"user-{number}") for number in range(10)]
    service.fault(operation="connect", kind="delay", seconds=4, count=1400)
    host, port = service.url.removeprefix("http://").split(":")
    sockets = []
    # As many as may be under way, and those whose wait times out.
    for number in range(1400):
        body = json.dumps({"connect_token": tokens[number % 10], "route": "session_start"})
        call = (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        client = socket.create_connection((host, int(port)), timeout=5)
        client.sendall(call.encode())
        sockets.append(client)
    service.until(lambda: 'code="overloaded"' in service.metrics())
    for client in sockets:
        client.close()


def refused_key_file(service):
    service.write("api-key", "sk_test_somethingelse")
    service.process.send_signal(signal.SIGHUP)
    service.until(lambda: "connect_bff_credential_reload_failures_total 0" not in service.metrics())


def newer_account(service):
    ask("POST", f"{service.control}/account-version", {"version": "2027-01-01.busbar"})
    service.mint()
    # The service confirms what one user's call was answered by a call of its own.
    service.until(lambda: "connect_bff_api_version_refused 1" in service.metrics())


def resets(service):
    # Of as many users, since one user's failures open nothing.
    tokens = [service.token(f"user-{number}") for number in range(6)]
    service.fault(operation="connect", kind="reset", count=5)
    for token in tokens:
        service.relay(token)


def slow_upstream(service):
    token = service.token()
    service.fault(operation="connect", kind="delay", seconds=6, count=2)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: service.relay(token), range(2)))


def retries(service):
    location = service.connect()
    read = lambda limit: ask(
        "GET", f"{service.url}/v1/tariffs/elements?location_id={location}&limit={limit}", headers=service.user())
    for number in range(1, 99):
        if number % 3 == 0:
            service.fault(operation="tariffs", kind="status", status=500)
        read(number)
        if "connect_bff_retries_left 0" in service.metrics():
            return


def rubbish_in_the_store(service):
    database = service.folder / "state/connect-bff.sqlite"
    (service.folder / "rubbish").write_bytes(b"Z" * (256 << 10))
    os.replace(service.folder / "rubbish", database)
    for _ in range(120):
        service.mint()


def change(service, statement):
    """How many rows of the service's database were changed."""
    with (
        contextlib.closing(sqlite3.connect(service.folder / "state/connect-bff.sqlite", timeout=10)) as database,
        database,
    ):
        return database.execute(statement).rowcount


def damaged_row(service):
    service.connect()
    service.until(lambda: change(service, "UPDATE session SET facts = '{', changes_at = 0") > 0)
    service.until(lambda: 'connect_bff_store_quarantined_total{table="session"} 1' in service.metrics())


def forged_deliveries(service):
    service.takes_deliveries(signature="bad")
    service.event(count=30)


def unsigned_deliveries(service):
    service.takes_deliveries(signature="none")
    service.event(count=30)


def late_deliveries(service):
    service.takes_deliveries()
    service.sandbox("/clock", advance_seconds=-3600)
    service.event(count=3)


def altered_event(service):
    service.takes_deliveries()
    service.event()
    # The sandbox never says two things under one id, so what was said the first time is changed here.
    assert change(service, "UPDATE received SET digest = zeroblob(32)") == 1
    event = json.loads(ask("GET", f"{service.control}/webhooks/deliveries")[1])["data"][0]["event"]
    service.sandbox("/webhooks/resend", event_id=event)
    service.until(lambda: 'received_total{result="altered"} 1' in service.metrics())


def no_deliveries(service):
    service.event()
    service.restart()
    service.until(lambda: "connect_bff_webhook_gaps_total 0" not in service.metrics())
    # Counters began anew.
    return ""


def reads_that_fail(service):
    # One user's failures open nothing.
    locations = [service.connect(f"user-{number}") for number in range(5)]
    service.takes_deliveries()
    service.fault(operation="status", kind="reset", count=1000)
    for location in locations:
        service.sandbox("/tariffs/expire", location_id=location)
    service.until(lambda: 'connect_bff_breaker_open{breaker="reads"} 1' in service.metrics())


def no_receiver(service):
    service.connect()
    service.until(lambda: 'deliveries_total{result="failed"}' in service.metrics())


def events_given_up(service):
    no_receiver(service)

    def is_given_up():
        # As if it had been away for days; again and again, since a try that is under way is written down after it.
        change(service, "UPDATE event SET attempts = 9, due_at = 0 WHERE due_at > 0")
        return re.search("^connect_bff_events_dead [^0]", service.metrics(), re.M)

    service.until(is_given_up, seconds=60)


def no_collector(service):
    for _ in range(10):
        service.mint()
    service.until(lambda: "connect_bff_spans_lost_total 0" not in service.metrics())


def no_cpu(service):
    for _ in range(4):
        service.process.send_signal(signal.SIGSTOP)
        time.sleep(0.6)
        service.process.send_signal(signal.SIGCONT)
        time.sleep(0.3)


def strange_proxy(service):
    for _ in range(10):
        ask("GET", f"{service.url}/v1/locations", headers=[*service.user(), ("x-forwarded-for", "192.0.2.1")])


def few_files(service):
    open_files = int(re.search(r"process_open_fds (\d+)", service.metrics())[1])
    limit = int(open_files / 0.87)
    subprocess.run(["prlimit", f"--pid={service.process.pid}", f"--nofile={limit}:{limit}"], check=True)


NO_RECEIVER = {"BFF_EVENTS_URL": "http://127.0.0.1:9/events", "BFF_EVENTS_SECRET": f"whsec_{'a' * 44}"}

TROUBLES = [
    (nothing, {}, []),
    (stopped, {}, ["ConnectBFFDown"]),
    (nothing_more := lambda service: None, {"FLATPEAK_MODE": "live"},
     ["ConnectBFFNotReady", "ConnectBFFNotLoggedIn", "ConnectBFFLoginFails"]),
    (nothing_more, {"FLATPEAK_API_KEY_FILE": None, "FLATPEAK_API_KEY": "sk_test_wrongwrong"},
     ["ConnectBFFNotLoggedIn", "ConnectBFFLoginFails"]),
    (nothing, {"FLATPEAK_API_KEY_FILE": None, "FLATPEAK_API_KEY": "sk_test_wrongwrong", "FLATPEAK_API_KEY_NEXT": KEY},
     ["ConnectBFFSecondKeyInUse"]),
    (refused_key_file, {}, ["ConnectBFFCredentialReloadFails"]),
    (newer_account, {}, ["ConnectBFFVersionRefused", "ConnectBFFErrors"]),
    (resets, {}, ["ConnectBFFBreakerOpen", "ConnectBFFUpstreamFails", "ConnectBFFErrors"]),
    (slow_upstream, {}, ["ConnectBFFUpstreamSlow"]),
    (retries, {}, ["ConnectBFFRetriesUsedUp", "ConnectBFFUpstreamFails"]),
    (overfull, {}, ["ConnectBFFSheds", "ConnectBFFErrors"]),
    (rubbish_in_the_store, {}, ["ConnectBFFStoreFails", "ConnectBFFStoreBehind"]),
    (damaged_row, {}, ["ConnectBFFStoreQuarantined"]),
    (forged_deliveries, {}, ["ConnectBFFWebhooksRefused"]),
    (unsigned_deliveries, {}, ["ConnectBFFWebhooksRefused"]),
    (nothing_more, {"faults": [{"operation": "jwks", "kind": "status", "status": 404, "count": 1000}]},
     ["ConnectBFFWebhookKeysOld"]),
    (late_deliveries, {}, ["ConnectBFFWebhooksLate"]),
    (no_deliveries, {}, ["ConnectBFFWebhooksMissing"]),
    (reads_that_fail, {}, ["ConnectBFFBreakerOpen", "ConnectBFFUpstreamFails", "ConnectBFFWebhooksWait"]),
    (altered_event, {}, ["ConnectBFFWebhookAltered"]),
    (no_receiver, NO_RECEIVER, ["ConnectBFFEventsStuck"]),
    (events_given_up, NO_RECEIVER, ["ConnectBFFEventsStuck", "ConnectBFFEventsDead"]),
    (no_collector, {"BFF_TRACES_URL": "http://127.0.0.1:9/v1/traces"}, ["ConnectBFFSpansLost"]),
    (no_cpu, {}, ["ConnectBFFLoopsLate"]),
    (strange_proxy, {"BFF_TRUSTED_PROXIES": "10.0.0.0/8"}, ["ConnectBFFProxyNotTrusted"]),
    (few_files, {}, ["ConnectBFFFilesRunOut"]),
]


# From pages of metrics to promtool's own tests.


def read(page):
    """Samples by series, and the kind of each name."""
    kinds, samples = {}, {}
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            kinds[name] = kind
        elif not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            samples[series] = float(value)
    return kinds, samples


def labelled(series):
    name, _, labels = series.partition("{")
    own = 'instance="bff-1",job="connect-bff"'
    return f"{name}{{{labels[:-1]},{own}}}" if labels else f"{name}{{{own}}}"


def played(before, after):
    """The series of ninety minutes, as promtool wants them."""
    up = {"series": 'up{job="connect-bff",instance="bff-1"}', "values": f"{int(after is not None)}x{MINUTES}"}
    if after is None:
        return [up]
    kinds, first = read(before)
    more, last = read(after)
    kinds |= more
    rows = [up]
    for series, value in last.items():
        name = series.partition("{")[0]
        kind = kinds.get(name) or kinds.get(re.sub("_(bucket|sum|count)$", "", name))
        if kind == "gauge":
            values = f"{value}x{MINUTES}" if math.isfinite(value) else " ".join(["Inf"] * (MINUTES + 1))
        else:
            start = first.get(series, 0.0)
            values = f"{start}+{(value - start) / MINUTES}x{MINUTES}"
        rows.append({"series": labelled(series), "values": values})
    return rows


def page(service):
    try:
        return service.metrics()
    except (urllib.error.URLError, OSError):
        return None


def names_of_alerts():
    return re.findall(r"- alert: (\w+)", ALERTS.read_text())


def try_alerts(folder):
    tests = []
    for trouble, settings, expected in TROUBLES:
        with Service(**settings) as service:
            before = service.metrics()
            anew = trouble(service)
            before = before if anew is None else anew
            after = page(service)
            if trouble is nothing and not settings:
                lint(after)
                status(service)
        fire = 'group by (alertname) (ALERTS{alertstate="firing"})'
        tests.append(
            {
                "name": f"{trouble.__name__} {settings.keys() or ''}",
                "interval": "1m",
                "input_series": played(before, after),
                "promql_expr_test": [
                    {
                        "expr": fire,
                        "eval_time": f"{MINUTES - 5}m",
                        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected],
                    }
                ],
            })
    untried = set(names_of_alerts()) - {name for _, _, expected in TROUBLES for name in expected}
    assert not untried, f"no trouble sets off {untried}"
    # JSON is YAML.
    file = folder / "alerts.test.yaml"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}, indent=1))
    subprocess.run(["promtool", "test", "rules", str(file)], check=True)
    print(f"alerts: {len(names_of_alerts())} alerts fire in their troubles and in no other")


def lint(metrics):
    subprocess.run(["promtool", "check", "metrics"], input=metrics, text=True, check=True)
    assert "connect_bff_metric_series_refused_total 0\n" in metrics, "something measures what is not in the list"


def status(service):
    code, text = ask("GET", f"{service.admin}/status")
    said = json.loads(text)
    assert code == 200 and said["ready"] and said["flatpeak"]["logged_in"] and said["store"]["healthy"], text
    assert said["webhooks"]["keys_age_seconds"] < 60 and said["webhooks"]["refused"] == 0, text
    for path in ["/metrics", "/status"]:
        assert ask("GET", service.url + path)[0] == 404, f"{path} is on the public listener"


def names():
    """Every name in rules and dashboard is one that is exported, and every alert has its place in the guide."""
    documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", (ROOT / "docs/metrics.md").read_text(), re.M))
    known = set(documented)
    for name, kind in documented.items():
        if kind == "histogram":
            known |= {f"{name}_{end}" for end in ("bucket", "sum", "count")}
    dashboard = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    for text in [*queries, ALERTS.read_text()]:
        strange = set(re.findall(r"\b(?:connect_bff|process)_\w+", text)) - known
        assert not strange, f"{strange} is not exported, in: {text[:200]}"
    guide = re.findall(r"^\| `(ConnectBFF\w+)` \|", (ROOT / "docs/operate.md").read_text(), re.M)
    assert guide == names_of_alerts(), f"docs/operate.md names {guide}, the rules of {names_of_alerts()}"
    print(f"names: {len(queries)} queries of the dashboard and {len(guide)} alerts are about what is exported")


if __name__ == "__main__":
    names()
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        try_alerts(pathlib.Path(folder))
        print(f"operations: all well after {time.monotonic() - started:.0f} s", file=sys.stderr)
