"""User-space instructions of a request, a figure that does not drift as timings on a shared machine do.

Each program runs on one CPU under Valgrind's callgrind. One client sends one request after another over one connection.
The counters are read between stretches of requests, so neither the start nor the connection counts.
"""

import dataclasses
import itertools
import json
import re
import socket
import statistics
import subprocess
import time

import measure
import peers
import service
from callgrind import Callgrind, Profile

FIGURES = measure.HERE / "instructions.json"
OURS = "connect-bff"
# A figure may differ from the one in the file by so much.
TOLERANCE = 0.03
STRETCHES = 5
HEADING = "## Instructions of a request"


class Client:
    """One connection that is kept alive."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), 60)

    def close(self):
        self._socket.close()

    def call(self, request):
        """Sends a request and reads its answer, which must be of the 2xx kind and have a length."""
        self._socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more(answer)
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"an answer of {answer[:300]}")
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        while len(body) < length:
            body += self._more(body)

    def _more(self, so_far):
        data = self._socket.recv(65536)
        if not data:
            raise RuntimeError(f"the connection ended after {so_far[-300:]}")
        return data


@dataclasses.dataclass
class Path:
    """A kind of request: `requests` of them are sent before counting, and so many again in each stretch."""

    name: str
    requests: int

    def __mul__(self, factor):
        return Path(self.name, self.requests * factor)


# How often a session is relayed does not matter to it, but each mint is a new row in the store.
PATHS = [Path("livez", 300), Path("read", 150), Path("read-jwt", 150), Path("mint", 150), Path("relay", 600)]
SESSIONS = 100
PROXIES = ["nginx", "nginx-log", "nginx-lua", "haproxy"]


def count(peer, callgrind, path, requests):
    """Instructions of one request in each stretch, and the profile of the last stretch."""
    client = Client(peer.port)
    try:
        def stretch():
            for _ in range(path.requests):
                client.call(next(requests))

        stretch()
        callgrind.read(peer.process)
        figures = []
        for _ in range(STRETCHES):
            stretch()
            instructions, profile = callgrind.read(peer.process)
            figures.append(instructions / path.requests)
        return figures, profile
    finally:
        client.close()


def ours(bench):
    """Counts each path of ours: name of the program and path, figures, and the profile."""
    # Valgrind cannot read what Swift's compiler writes for a debugger, but needs the symbols for a profile.
    program = bench.work / "connect-bff-symbols"
    subprocess.run(["strip", "--strip-debug", "-o", program, bench.program], check=True)
    for authentication in ("service", "jwt"):
        callgrind = Callgrind(bench.work, f"connect-bff-{authentication}")
        peer = bench.kept(service.Service(
            program, bench.work, bench.stub.port, authentication=authentication, prefix=callgrind.prefix)).wait_for()
        yield from service_paths(OURS, peer, callgrind, authentication)
        if authentication == "service":
            requests = [service.relay_request(token, peer.host) for token in peer.mint(SESSIONS)]
            yield OURS, PATHS[-1], *count(peer, callgrind, PATHS[-1], itertools.cycle(requests))
        peer.process.stop()


def service_paths(name, peer, callgrind, authentication, factor=1):
    """Counts the paths of a service that are not relayed, with `factor` times the requests but for mints."""
    makers = {"read-jwt": (peer.read_requests, service.SUBJECTS)} if authentication == "jwt" else {
        "livez": (peer.livez_requests, 1), "read": (peer.read_requests, service.SUBJECTS),
        "mint": (peer.mint_requests, service.TOKENS)}
    for path in PATHS:
        if path.name in makers:
            make, number = makers[path.name]
            counted = path if path.name == "mint" else path * factor
            yield name, counted, *count(peer, callgrind, counted, itertools.cycle(make(number)))


def others(bench):
    """Counts the same paths of the peers that Valgrind can run."""
    for name, authentication, caches in (
            ("go", "service", False), ("go", "jwt", False), ("go-cache", "jwt", True)):
        callgrind = Callgrind(bench.work, f"{name}-{authentication}")
        peer = bench.kept(service.GoService(
            bench.work, bench.stub.port, authentication, caches, prefix=callgrind.prefix))
        # So many that each stretch has several collections of garbage.
        yield from service_paths(name, peer, callgrind, authentication, factor=10)
        peer.process.stop()
    tokens = [f"cot_{number:032x}" for number in range(SESSIONS)]
    peers.write_tokens(bench.work, tokens)
    for name in PROXIES:
        callgrind = Callgrind(bench.work, name)
        # In one process, which is the one that is counted.
        arguments = ["-g", "master_process off;"] if name.startswith("nginx") else []
        peer = bench.kept(peers.start(
            name, bench.work, bench.stub.port, prefix=callgrind.prefix, arguments=arguments))
        requests = itertools.cycle([service.relay_request(token, "localhost") for token in tokens])
        yield name, PATHS[-1], *count(peer, callgrind, PATHS[-1], requests)
        peer.process.stop()


def run(bench, profiles=None, is_check=False):
    """Figures by program and path: the median of its stretches; writes profiles of ours to the folder `profiles`."""
    figures = {}
    for name, path, stretches, profile in ours(bench) if is_check else itertools.chain(ours(bench), others(bench)):
        figure = round(statistics.median(stretches))
        figures.setdefault(name, {})[path.name] = figure
        spread = (max(stretches) - min(stretches)) / figure
        print(f"{name:12} {path.name:9} {figure:8} instructions, range of the stretches {spread:.1%}", flush=True)
        if profiles and name == OURS:
            (profiles / f"profile-{path.name}.txt").write_text(Profile(profile).summary(path.requests))
    return figures


def check(figures):
    """What differs from the file by more than may be; a figure that fell is recorded, or it guards nothing."""
    kept = json.loads(FIGURES.read_text())[OURS]
    return [
        f"{name}: {figures[OURS][name]} instructions, and {expected} are in {FIGURES.name}"
        for name, expected in kept.items() if abs(figures[OURS][name] / expected - 1) > TOLERANCE]


def write(figures):
    """Replaces the file, and the part of RESULTS.md."""
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    names = [path.name for path in PATHS]
    lines = [f"| instructions of a request | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {program} | {' | '.join(str(counts.get(name, '')) for name in names)} |"
              for program, counts in figures.items()]
    text = f"""{time.strftime("%Y-%m-%d")}, {measure.machine()}. In user space, counted by
Valgrind's callgrind; [README.md](README.md) says how.

{chr(10).join(lines)}
"""
    measure.replace_section(HEADING, text)
