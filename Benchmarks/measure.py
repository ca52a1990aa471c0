"""Processes on CPUs of their own, and what /proc, wrk and strace tell of them."""

import dataclasses
import json
import os
import pathlib
import platform
import re
import signal
import socket
import struct
import subprocess
import time

HERE = pathlib.Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")

# The share of requests that may fail on a machine that others keep busy; how many did is reported.
TOLERATED = 0.01

CPUS = sorted(os.sched_getaffinity(0))
# What is measured has one CPU to itself; wrk, the stub and this program share another.
PROXY_CPU, LOAD_CPU = (CPUS[0], CPUS[1]) if len(CPUS) > 1 else (CPUS[0], CPUS[0])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def wait_for_port(port, process):
    for _ in range(1000):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            process.check()
            time.sleep(0.01)
    raise RuntimeError(f"{process.name} does not listen")


def machine():
    model = next(
        (line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        "unknown CPU",
    )
    debian = pathlib.Path("/etc/debian_version").read_text().strip()
    return f"{model}, {os.cpu_count()} CPUs, Linux {platform.release()}, Debian {debian}"


class Process:
    """A running program, its children included."""

    def __init__(self, name, command, cpu, log, **options):
        self.name = name
        self.log = pathlib.Path(log)
        with open(log, "ab") as output:
            self._popen = subprocess.Popen(
                ["taskset", "-c", str(cpu), *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)

    @property
    def pid(self):
        return self._popen.pid

    def check(self):
        if self._popen.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self._popen.returncode}:\n{self.log.read_text()[-2000:]}")

    def stop(self):
        if self._popen.poll() is None:
            self._popen.terminate()
        try:
            self._popen.wait(30)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def pids(self):
        found = [self._popen.pid]
        for pid in found:
            for task in os.listdir(f"/proc/{pid}/task"):
                found += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        return found

    def cpu_seconds(self):
        """User and system time of every thread."""
        ticks = 0
        for pid in self.pids():
            # The name, which comes before, may hold spaces.
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def _status(self, field):
        return sum(
            int(re.search(rf"^{field}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])
            for pid in self.pids())

    def resident(self):
        """KiB."""
        return self._status("VmRSS")

    def threads(self):
        return self._status("Threads")


@dataclasses.dataclass
class Load:
    """What wrk saw; p50 and p99 in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    bytes: int
    # Answers from 400 on, and connections that failed.
    refused: int
    broken: int
    cpu: float = 0.0

    @property
    def unanswered(self):
        return self.refused + self.broken

    @property
    def rate(self):
        return self.requests / self.seconds

    @property
    def cpu_per_100k(self):
        return self.cpu / self.requests * 100_000


def summary(result):
    refused = f", {result.unanswered} not answered" if result.unanswered else ""
    return (f"{result.rate:8.0f} requests/s {result.cpu_per_100k:6.2f} CPU s/100k"
            f"  p50 {result.p50:.3f} p99 {result.p99:.2f} ms{refused}")


def write_requests(path, requests):
    with open(path, "wb") as file:
        for request in requests:
            file.write(b"%d\n" % len(request) + request)


def load(peer, requests, connections=64, seconds=3, answer=0, tolerated=0.0):
    """Runs wrk against `peer`; CPU time is that of the peer alone.

    It fails when a larger share of the requests than `tolerated` was refused, or when answers are shorter than `answer`
    bytes on average.
    """
    before = peer.process.cpu_seconds()
    output = subprocess.run(
        ["taskset", "-c", str(LOAD_CPU), "wrk", "--threads", "1", "--connections", str(connections), "--duration",
         f"{seconds}s", "--timeout", "10s", "--script", HERE / "requests.lua", f"http://127.0.0.1:{peer.port}/",
         "--", requests],
        check=True, capture_output=True, text=True, timeout=seconds + 30).stdout
    result = Load(**json.loads(output.splitlines()[-1]))
    peer.process.check()
    result.cpu = peer.process.cpu_seconds() - before
    if result.unanswered > result.requests * tolerated or not result.requests:
        raise RuntimeError(f"{peer.name}: {result.refused} refusals, {result.broken} broken connections")
    if result.bytes < result.requests * answer:
        raise RuntimeError(f"{peer.name}: {result.bytes / result.requests:.0f} bytes an answer")
    return result


def settled(peer, requests):
    """Loads `peer` until connections upstream are made, what compiles has compiled, and what is done only once for a
    session is done; returns the load, with all the CPU time that it took in the end.
    """
    before = peer.process.cpu_seconds()
    # Long enough for a call of each session.
    result = load(peer, requests, seconds=4)
    # What goes on behind the answers, such as writing to a store.
    for _ in range(60):
        so_far = peer.process.cpu_seconds()
        time.sleep(1)
        if peer.process.cpu_seconds() - so_far <= 0.015:
            break
    else:
        raise RuntimeError(f"{peer.name} does not come to rest")
    result.cpu = peer.process.cpu_seconds() - before
    return result


def system_calls(peer, requests):
    """System calls per request, by name.

    Two runs are taken apart, so that what opens and closes the connections cancels out.
    """
    short, long = (_traced(peer, requests, seconds) for seconds in (1, 4))
    handled = long[0] - short[0]
    return {
        name: count for name in sorted(long[1])
        if (count := (long[1][name] - short[1].get(name, 0)) / handled) >= 0.005}


def _traced(peer, requests, seconds):
    pids = peer.process.pids()
    attach = [part for pid in pids for part in ("-p", str(pid))]
    tracer = subprocess.Popen(
        ["taskset", "-c", str(LOAD_CPU), "strace", "-f", "-c", "-U", "name,calls", *attach],
        stderr=subprocess.PIPE, text=True)
    try:
        # It says so with a line for each process.
        said = "".join(tracer.stderr.readline() for _ in pids)
        if "attached" not in said:
            raise RuntimeError(f"strace: {said}")
        # What is traced is slow, and may be too late.
        result = load(peer, requests, seconds=seconds, tolerated=1)
    finally:
        tracer.send_signal(signal.SIGINT)
        report = tracer.communicate(timeout=30)[1]
    calls = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", report, re.M) if name != "total"}
    return result.requests, calls


# Which part of the whole a line of perf's report, "LIBRARY [k] SYMBOL", belongs to; the first that fits.
PARTS = {
    "kernel": r"\[k\]",
    "C library": r"^(lib(c|m|pthread|stdc\+\+|gcc_s)\.|ld-linux|\[vdso\])",
    "OpenSSL": r"^lib(crypto|ssl)\.",
    "Foundation": r"^lib_?Foundation|Foundation",
    "BoringSSL, swift-nio-ssl": r"CNIOBoringSSL|\$s6NIOSSL|\b(aes|gcm|ecp|sha\d+|x25519|ChaCha)\w*|bssl",
    "llhttp": r"llhttp",
    "connect-bff": r"\$s(4Core|4Edge|5Relay|7Gateway|8Sessions|5Store|8Flatpeak|4Keys|4Wire|8Webhooks|9Telemetry"
                   r"|10Networking|10Resilience|11connect_bff)\d",
    "swift-nio": r"\$s(7NIOCore|8NIOPosix|8NIOHTTP1|\d+NIO|\d+_NIO)|CNIO",
    "SQLite": r"^libsqlite3|sqlite3",
    "GRDB": r"\$s4GRDB\d",
    "libdispatch": r"^libdispatch|_?dispatch_",
    "Hummingbird and other packages": r"\$s(1[15]Hummingbird|7Logging|9HTTPTypes|\d+Service|15AsyncHTTPClient)",
    "Swift runtime and standard library": r"^libswift|_?swift_|\$sS|\$ss|swift::",
    "generic code, specialised": r"\$s",
}


def profile(peer, requests, seconds=5):
    """Where the CPU time goes: the share of each part in per cent, and perf's report; empty where perf may not look."""
    record = peer.process.log.with_suffix(".perf")
    recorder = subprocess.Popen(
        ["perf", "record", "-q", "-F", "1999", "-e", "cpu-clock", "-o", record,
         "-p", ",".join(map(str, peer.process.pids())), "--", "sleep", str(seconds)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    load(peer, requests, seconds=seconds + 1, tolerated=TOLERATED)
    recorder.wait(60)
    report = subprocess.run(
        ["perf", "report", "-i", record, "--stdio", "--sort", "dso,sym"], capture_output=True, text=True,
        timeout=120).stdout
    lines = re.findall(r"^ +([0-9.]+)% +(\S+) +(.+?) *$", report, re.M)
    return by_part((float(share), f"{library} {symbol}") for share, library, symbol in lines), lines


def by_part(shares):
    """Sums up pairs of a share and of a library with a symbol, by part, the largest first."""
    sums = {}
    for share, place in shares:
        part = next((name for name, pattern in PARTS.items() if re.search(pattern, place)), "other")
        sums[part] = sums.get(part, 0) + share
    return dict(sorted(sums.items(), key=lambda each: -each[1]))


class HeapCount:
    """Heap calls of a program that was started with `environment`."""

    def __init__(self, library, work):
        self._file = pathlib.Path(work) / "heapcount"
        self.environment = {"LD_PRELOAD": str(library), "HEAPCOUNT_FILE": str(self._file)}

    def read(self):
        return struct.unpack("=Q", self._file.read_bytes())[0]

    def per_request(self, peer, requests):
        before = self.read()
        result = load(peer, requests, seconds=3, tolerated=TOLERATED)
        return (self.read() - before) / result.requests


def replace_section(heading, text):
    """Puts a section of RESULTS.md in the place of the one with its heading, or at the end."""
    file = HERE / "RESULTS.md"
    before, _, after = file.read_text().partition(f"{heading}\n")
    _, next_heading, rest = after.partition("\n## ")
    file.write_text(f"{before.rstrip()}\n\n{heading}\n\n{text}" + (next_heading + rest if next_heading else ""))
