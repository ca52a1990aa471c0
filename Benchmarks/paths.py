"""What is not relayed, beside the same service in Go: mints, reads of locations, and probes."""

import dataclasses
import statistics
import time

import measure
import peers
import service
from measure import TOLERATED, load

OURS = "connect-bff"
HEADING = "## Mints, reads and probes"
# More than are read within the five seconds for which connect-bff keeps a status, so that each is asked of Flatpeak.
STATUSES = 30_000


@dataclasses.dataclass
class Path:
    """Requests of `number` users, by a service key or with JWTs; `requests` names what makes them."""

    name: str
    title: str
    requests: str
    number: int
    authentication: str = "service"

    @property
    def peers(self):
        """The first is ours, and its figures are put beside those of the others."""
        return [OURS, "go", "go-cache"] if self.authentication == "jwt" else [OURS, "go"]


PATHS = [
    Path("mint", "mint", "mint_requests", service.TOKENS),
    Path("read", "own locations, service key", "read_requests", service.TOKENS),
    Path("read-jwt", "own locations, JWT (RS256)", "read_requests", service.SUBJECTS, "jwt"),
    Path("status", "status of an own location, asked of Flatpeak", "status_requests", STATUSES),
    Path("livez", "livez", "livez_requests", 1),
]


class Services:
    """The services of all paths, each on its own port, and a file of requests for each path."""

    def __init__(self, bench):
        self._bench = bench
        self._running, self._files = {}, {}

    def start(self, name, authentication, environment=None):
        bench = self._bench
        if name == OURS:
            return bench.service(authentication=authentication, environment=environment)
        return bench.kept(service.GoService(
            bench.work, bench.stub.port, authentication, caches=name == "go-cache"))

    def running(self, name, path):
        key = name, path.authentication
        if key not in self._running:
            self._running[key] = self.start(*key)
        return self._running[key]

    def file(self, path, peer):
        key = path.name, peer.port
        if key not in self._files:
            self._files[key] = self._bench.work / f"{path.name}-{peer.port}.requests"
            measure.write_requests(self._files[key], getattr(peer, path.requests)(path.number))
        return self._files[key]

    def stop(self):
        for peer in self._running.values():
            peer.process.stop()


def rounds(services, number, seconds):
    """`number` loads of each path and service, in turn: loads by path and name."""
    results = {}
    for path in PATHS:
        for name in path.peers:
            peer = services.running(name, path)
            load(peer, services.file(path, peer), seconds=1, tolerated=TOLERATED)
    for turn in range(number):
        for path in PATHS:
            first = turn % len(path.peers)
            for name in path.peers[first:] + path.peers[:first]:
                peer = services.running(name, path)
                result = load(peer, services.file(path, peer), seconds=seconds, tolerated=TOLERATED)
                results.setdefault(path.name, {}).setdefault(name, []).append(result)
                print(f"round {turn + 1} {path.name:9} {name:12} {measure.summary(result)}", flush=True)
    return results


def counts(bench, services):
    """System calls of a request by path and name, and heap calls of ours."""
    counted = {}
    for path in PATHS:
        for name in path.peers:
            peer = services.running(name, path)
            calls = measure.system_calls(peer, services.file(path, peer))
            counted[path.name, name] = sum(calls.values()), None
            print(f"{path.name} {name}: {sum(calls.values()):.2f} system calls a request ("
                  + ", ".join(f"{call} {count:.2f}" for call, count in calls.items()) + ")", flush=True)
    heap = measure.HeapCount(bench.heap_library(), bench.work)
    preloaded = {
        authentication: services.start(OURS, authentication, heap.environment)
        for authentication in ("service", "jwt")}
    for path in PATHS:
        peer = preloaded[path.authentication]
        file = services.file(path, peer)
        load(peer, file, seconds=1, tolerated=TOLERATED)
        heap_calls = heap.per_request(peer, file)
        counted[path.name, OURS] = counted[path.name, OURS][0], heap_calls
        print(f"{path.name}: {heap_calls:.0f} heap calls a request", flush=True)
    for peer in preloaded.values():
        peer.process.stop()
    return counted


def profiles(services):
    """Where the CPU time of each path goes: shares by part, by path."""
    shares = {}
    for path in PATHS:
        peer = services.running(OURS, path)
        shares[path.name] = measure.profile(peer, services.file(path, peer))[0]
    return shares


def ratios(results, path, peer):
    """Of CPU time to that of the peer, one for each round."""
    return [mine.cpu_per_100k / other.cpu_per_100k for mine, other in zip(results[path][OURS], results[path][peer])]


def with_range(values, digits=2):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def table(results, counted, shares):
    lines = [
        "| request | service | requests/s | CPU us a request | CPU of connect-bff to it: median (range) | p50 / p99 ms "
        "| not answered | system calls | heap calls |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for path in PATHS:
        for name, loads in results[path.name].items():
            system_calls, heap_calls = counted.get((path.name, name), (None, None))
            cells = [
                path.title, f"**{name}**" if name == OURS else name,
                f"{statistics.median(each.rate for each in loads):.0f}",
                with_range([each.cpu_per_100k * 10 for each in loads], 0),
                "" if name == OURS else with_range(ratios(results, path.name, name)),
                f"{statistics.median(each.p50 for each in loads):.2f} / "
                f"{statistics.median(each.p99 for each in loads):.2f}",
                str(sum(each.unanswered for each in loads)),
                "-" if system_calls is None else f"{system_calls:.2f}",
                "-" if heap_calls is None else f"{heap_calls:.0f}"]
            lines.append(f"| {' | '.join(cells)} |")
    if shares:
        parts = sorted(
            {part for each in shares.values() for part in each},
            key=lambda part: -sum(each.get(part, 0) for each in shares.values()))
        lines += ["", f"| where connect-bff's CPU time goes, per cent | {' | '.join(shares)} |"]
        lines.append("|---" * (len(shares) + 1) + "|")
        lines += [
            f"| {part} | {' | '.join(f'{each.get(part, 0):.1f}' for each in shares.values())} |" for part in parts]
    return lines


def run(bench, number, seconds, is_quick=False):
    """What came of the rounds, and the lines of the tables."""
    services = Services(bench)
    results = rounds(services, number, seconds)
    counted = {} if is_quick else counts(bench, services)
    shares = {} if is_quick else profiles(services)
    services.stop()
    return results, table(results, counted, shares)


def section(lines, number, seconds):
    return f"""{time.strftime("%Y-%m-%d")}, {number} rounds of {seconds} s each, 64 connections. The peer is
`peers/service-go`, with the same routes, store and log, built by {peers.version("go")}; `go-cache` keeps
bearers that it verified. A ratio is of two loads of one round.

{chr(10).join(lines)}
"""


def closing_parts(results):
    """Name and figure: those that the last line begins with, and those that it ends with."""
    def figure(path, peer="go"):
        return f"{path}/{peer}", statistics.median(ratios(results, path, peer))

    return [figure(path) for path in ("mint", "read", "read-jwt", "livez")], [
        figure("read-jwt", "go-cache"), figure("status")]
