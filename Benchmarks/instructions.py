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
import service

FIGURES = measure.HERE / "instructions.json"
OURS = "connect-bff"
# A figure may differ from the one in the file by so much.
TOLERANCE = 0.03
STRETCHES = 5
HEADING = "## Instructions of a request"


class Callgrind:
    """A program under callgrind, as `measure.Process` and its like start it with `prefix`."""

    def __init__(self, work, name):
        self._name, self._work = name, work
        self._output = work / f"{name}.callgrind"
        self._pipes = work / f"{name}.vgdb"
        self._count = 0
        self.prefix = [
            "valgrind", "--tool=callgrind", f"--vgdb-prefix={self._pipes}", f"--callgrind-out-file={self._output}"]

    def read(self, process):
        """The instructions since the last call, and the profile of them."""
        subprocess.run(
            ["vgdb", f"--vgdb-prefix={self._pipes}", f"--pid={process.pid}", "dump"], check=True, capture_output=True,
            timeout=120)
        self._count += 1
        profile = self._output.with_name(f"{self._output.name}.{self._count}")
        return int(re.search(r"^(?:totals|summary): (\d+)", profile.read_text(), re.M)[1]), profile


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


# How often a session is relayed does not matter to it, but each mint is a new row in the store.
PATHS = [Path("livez", 300), Path("read", 150), Path("read-jwt", 150), Path("mint", 150), Path("relay", 600)]
SESSIONS = 100


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


def ours(bench, paths):
    """Counts each path of ours: name and figures, and the profile."""
    # Valgrind cannot read what Swift's compiler writes for a debugger, but needs the symbols for a profile.
    program = bench.work / "connect-bff-symbols"
    subprocess.run(["strip", "--strip-debug", "-o", program, bench.program], check=True)
    for authentication, names in (("service", ["livez", "read", "mint", "relay"]), ("jwt", ["read-jwt"])):
        wanted = [path for path in paths if path.name in names]
        if not wanted:
            continue
        callgrind = Callgrind(bench.work, f"connect-bff-{authentication}")
        peer = bench.kept(service.Service(
            bench.program, bench.work, bench.stub.port, authentication=authentication,
            command=[*callgrind.prefix, program])).wait_for()
        make = {
            "livez": lambda peer=peer: itertools.cycle([peer.user_request("GET", "/livez")]),
            "read": lambda peer=peer: itertools.cycle(peer.read_requests(service.SUBJECTS)),
            "read-jwt": lambda peer=peer: itertools.cycle(peer.read_requests(service.SUBJECTS)),
            "mint": lambda peer=peer: itertools.cycle(peer.mint_requests(service.TOKENS)),
            "relay": lambda peer=peer: itertools.cycle([
                service.relay_request(token, peer.host) for token in peer.mint(SESSIONS)]),
        }
        for path in wanted:
            yield path, *count(peer, callgrind, path, make[path.name]())
        peer.process.stop()


def summary(profile, requests, lines=150):
    """What callgrind says of a stretch: functions by what they and all that they call take, then by themselves."""
    parts = []
    for title, inclusive in (("with all that they call", "yes"), ("by themselves", "no")):
        said = subprocess.run(
            ["callgrind_annotate", f"--inclusive={inclusive}", "--threshold=100", "--auto=no", profile],
            check=True, capture_output=True, text=True, timeout=300).stdout
        found = re.findall(r"^ *([\d,]+) \( *([\d.]+)%\) +(.*)$", said, re.M)
        functions = [each for each in found if each[2] != "PROGRAM TOTALS"][:lines]
        parts += [f"Instructions of a request in functions {title}", ""]
        for count, share, place in functions:
            name = place.removeprefix("???:").partition(" [")[0]
            parts.append(f"{int(count.replace(',', '')) / requests:10.0f} {share:>6} %  {name}")
        parts.append("")
    return subprocess.run(
        ["swift", "demangle", "--simplified"], check=True, capture_output=True, text=True, input="\n".join(parts),
        timeout=60).stdout


def run(bench, profiles=None):
    """Figures by path: the median of its stretches; writes a profile of each to the folder `profiles`."""
    figures = {}
    for path, stretches, profile in ours(bench, PATHS):
        figures[path.name] = round(statistics.median(stretches))
        spread = (max(stretches) - min(stretches)) / figures[path.name]
        print(f"{path.name:10} {figures[path.name]:9} instructions, range of the stretches {spread:.1%}", flush=True)
        if profiles:
            (profiles / f"profile-{path.name}.txt").write_text(summary(profile, path.requests))
    return figures


def check(figures):
    """What differs from the file by more than may be; a figure that fell is recorded, or it guards nothing."""
    kept = json.loads(FIGURES.read_text())[OURS]
    return [
        f"{name}: {figures[name]} instructions, and {expected} are in {FIGURES.name}"
        for name, expected in kept.items() if abs(figures[name] / expected - 1) > TOLERANCE]


def write(figures):
    """Replaces the file, and the part of RESULTS.md."""
    FIGURES.write_text(json.dumps({OURS: figures}, indent=2) + "\n")
    lines = ["| path | instructions in user space |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in figures.items()]
    replace_section(HEADING, f"""{time.strftime("%Y-%m-%d")}, {measure.machine()}. Counted by Valgrind's callgrind; see
[README.md](README.md).

{chr(10).join(lines)}
""")


def replace_section(heading, text):
    """Puts a section of RESULTS.md in the place of the one with its heading, or at the end."""
    file = measure.HERE / "RESULTS.md"
    before, _, after = file.read_text().partition(f"{heading}\n")
    _, next_heading, rest = after.partition("\n## ")
    file.write_text(f"{before.rstrip()}\n\n{heading}\n\n{text}" + (next_heading + rest if next_heading else ""))
