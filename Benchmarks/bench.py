"""Measures connect-bff beside what else could relay: `scripts/bench` says how it is called.

Figures of different rounds are not comparable on a machine that others use too, so whatever is compared ran in the
same round, and the ratio is the result.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import instructions
import measure
import nodes
import paths
import peers
import service
import webhooks
from measure import HERE, HeapCount, load, replace_section, settled
from paths import with_range
from service import Service

OURS = "connect-bff"
# Of a relayed call. The writes of the log, one for some hundred calls, are no change of thread.
MOST_SYSTEM_CALLS, MOST_HEAP_CALLS, MOST_HOPS = 4.4, 5, 0.05


class Bench:
    """A stub upstream, and everything that is started before it; all of it ends with the `with` block."""

    def __init__(self, program, stack):
        self.program = program
        self._stack = stack
        self.work = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self.stub = self.kept(peers.Stub(self.work))

    def kept(self, peer):
        self._stack.callback(peer.process.stop)
        return peer

    def service(self, **options):
        running = Service(self.program, self.work, self.stub.port, **options)
        return self.kept(running).wait_for()

    def peer(self, name, environment=None):
        if name == OURS:
            return self.service(environment=environment)
        return self.kept(peers.start(name, self.work, self.stub.port, environment))

    def heap_library(self):
        """What counts heap calls when it is preloaded."""
        library = self.work / "heapcount.so"
        if not library.exists():
            subprocess.run(
                ["gcc", "-O2", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, HERE / "heapcount.c"], check=True)
        return library

    def anonymous_requests(self):
        """Relay calls of tokens that no service minted."""
        path = self.work / "anonymous.requests"
        tokens = [f"cot_{number:032x}" for number in range(service.TOKENS)]
        measure.write_requests(path, [service.relay_request(token, "localhost") for token in tokens])
        peers.write_tokens(self.work, tokens)
        return path


# MARK: - The relay, side by side


@dataclasses.dataclass
class Rounds:
    """What came of the rounds, by proxy, and the proxies themselves."""

    running: dict
    requests: pathlib.Path
    results: dict
    # KiB
    memory: dict
    threads: dict
    # CPU time in microseconds
    first_call: float | None


def rounds(bench, names, number, seconds):
    """`number` loads of every proxy, in turn; each round begins with another one."""
    # Ours comes first: its tokens are those that others know.
    running = {OURS: bench.peer(OURS)} if OURS in names else {}
    requests = running[OURS].relay_requests(bench.work) if OURS in names else bench.anonymous_requests()
    running |= {name: bench.peer(name) for name in names if name != OURS}
    settling = {name: settled(peer, requests) for name, peer in running.items()}
    if OURS in names:
        lines = running[OURS].log_lines()
    results = {name: [] for name in names}
    for turn in range(number):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            result = load(running[name], requests, seconds=seconds, answer=peers.ANSWER_BYTES)
            results[name].append(result)
            say(f"round {turn + 1} {name:12} {measure.summary(result)}")
    if OURS in names:
        wait_for_log_lines(running[OURS], lines + sum(result.requests for result in results[OURS]))
    memory = {name: peer.process.resident() for name, peer in running.items()}
    threads = {name: peer.process.threads() for name, peer in running.items()}
    first_call = None
    if OURS in names:
        # Beside what every call costs: a session that is relayed for the first time is written to the store.
        extra = settling[OURS].cpu - settling[OURS].requests * median(map(cpu, results[OURS])) / 100_000
        first_call = max(0, extra) / min(service.TOKENS, settling[OURS].requests) * 1e6
        say(f"the first call of a session costs {first_call:.0f} us of CPU time more")
    return Rounds(running, requests, results, memory, threads, first_call)


def wait_for_log_lines(running, expected):
    """The policy was on: a line for each call is in the log, once what is buffered is written."""
    for _ in range(50):
        if running.log_lines() >= expected:
            return
        time.sleep(0.1)
    raise RuntimeError(f"{running.log_lines()} log lines, but {expected} calls")


def ratios(results, name, reference, figure):
    """One for each round."""
    return [figure(mine) / figure(other) for mine, other in zip(results[name], results[reference])]


def cpu(result):
    return result.cpu_per_100k


def rate(result):
    return result.rate


def median(values):
    return statistics.median(values)


# MARK: - Counts per call


def counts(bench, name):
    """System calls by name, and heap calls where they can be counted."""
    heap = HeapCount(bench.heap_library(), bench.work) if name in peers.HEAP_COUNTED else None
    requests = bench.anonymous_requests()
    peer = bench.peer(name, heap.environment if heap else None)
    if name == OURS:
        requests = peer.relay_requests(bench.work)
    settled(peer, requests)
    heap_calls = heap.per_request(peer, requests) if heap else None
    system_calls = measure.system_calls(peer, requests)
    peer.process.stop()
    say(f"{name}: {sum(system_calls.values()):.2f} system calls a call ("
        + ", ".join(f"{call} {count:.2f}" for call, count in system_calls.items()) + ")"
        + (f", {heap_calls:.1f} heap calls" if heap else ""))
    return system_calls, heap_calls


def profile(bench, lines=0):
    """The shares of the parts; prints so many `lines` of what perf says as well."""
    peer = bench.service()
    requests = peer.relay_requests(bench.work)
    settled(peer, requests)
    shares, report = measure.profile(peer, requests)
    peer.process.stop()
    for name, share in shares.items():
        say(f"{share:5.1f} % {name}")
    for line in report[:lines]:
        say("  ".join(line))
    return shares


# MARK: - What else takes time and memory


def at_connections(running, requests, levels, turns, seconds):
    """Loads with other numbers of connections, nginx and ours in turn: all loads by number and name."""
    table = {}
    for connections in levels:
        for name in ["nginx", OURS] * turns:
            result = load(running[name], requests, connections=connections, seconds=seconds, tolerated=1)
            table.setdefault((connections, name), []).append(result)
            say(f"{connections} connections {name:12} {measure.summary(result)}")
    return table


def slow_ratios(at, connections, name):
    """Of p99 to that of nginx, one for each turn."""
    return [mine.p99 / other.p99 for mine, other in zip(at[connections, name], at[connections, "nginx"])]


def idle_connections(bench, name, number):
    """KiB of resident memory for each connection that made one call and then idles, and how many were held."""
    peer = bench.peer(name)
    requests = [service.relay_request(token, peer.host) for token in peer.mint(100)] if name == OURS else [
        service.relay_request(f"cot_{turn:032x}", "localhost") for turn in range(100)]

    def call(connection, turn):
        connection.sendall(requests[turn % len(requests)])
        head = connection.recv(65536)
        while b"\r\n\r\n" not in head or len(head.partition(b"\r\n\r\n")[2]) < peers.ANSWER_BYTES:
            more = connection.recv(65536)
            if not more:
                return False
            head += more
        return head.startswith(b"HTTP/1.1 200 ")

    before = peer.process.resident()
    connections = []
    try:
        for turn in range(number):
            connection = socket.create_connection(("127.0.0.1", peer.port), 10)
            connections.append(connection)
            if not call(connection, turn):
                raise RuntimeError(f"{name} refused connection {turn}")
        time.sleep(1)
        grown = peer.process.resident() - before
        # Every twentieth is asked again.
        held = sum(call(connection, turn) for turn, connection in enumerate(connections[::20])) * 20
    finally:
        for connection in connections:
            connection.close()
        peer.process.stop()
    say(f"{held} idle connections at {name}: {grown / number:.1f} KiB each")
    return grown / number, held


def start_up(bench, times=10):
    """Milliseconds from the start to the first answer, and KiB resident two seconds after a start from the disk."""
    program = bench.work / "shipped"
    # As the image has it.
    subprocess.run(["strip", "-o", program, bench.program], check=True)
    took = []
    for _ in range(times):
        with started(program, bench) as running:
            # What the service key took to make is not part of it.
            took.append((time.monotonic() - running.started) * 1000)
    forget_pages(program)
    with started(program, bench) as running:
        time.sleep(2)
        resident = running.process.resident()
    say(f"start to first answer {median(took):.0f} ms, {resident / 1024:.1f} MiB resident when idle")
    return median(took), resident


@contextlib.contextmanager
def started(program, bench):
    """The service from its first answer on, for a while."""
    running = Service(program, bench.work, bench.stub.port)
    try:
        yield running.wait_for("/livez")
    finally:
        running.process.stop()


def forget_pages(file):
    """Has `file` read from the disk again: of one that was just written, more is mapped than anybody asks for."""
    opened = os.open(file, os.O_RDONLY)
    os.fsync(opened)
    os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(opened)


def envelope_scan(bench):
    """Nanoseconds for a body of the relay, and MB/s."""
    program = bench.work / "envelope"
    compile_all = ["swiftc", "-swift-version", "6", "-package-name", "connect-bff", "-O", "-wmo", "-I", bench.work,
                   "-enable-upcoming-feature", "InternalImportsByDefault"]
    modules = ["Core", "Wire"]
    for module in modules:
        sources = sorted((HERE.parent / "Sources" / module).rglob("*.swift"))
        subprocess.run(
            [*compile_all, "-parse-as-library", "-module-name", module, "-emit-module", "-emit-module-path",
             bench.work / f"{module}.swiftmodule", "-c", "-o", bench.work / f"{module}.o", *sources], check=True)
    subprocess.run(
        [*compile_all, "-o", program, HERE / "envelope" / "main.swift",
         *(bench.work / f"{module}.o" for module in modules)], check=True)
    body = bench.work / "body.json"
    body.write_bytes(service.relay_body(f"cot_{0:032x}"))
    output = subprocess.run(
        ["taskset", "-c", str(measure.PROXY_CPU), program, body], check=True, capture_output=True, text=True).stdout
    nanoseconds = float(output)
    say(f"envelope scan: {nanoseconds:.0f} ns for {service.BODY_BYTES} bytes,"
        f" {service.BODY_BYTES / nanoseconds * 1000:.0f} MB/s")
    return nanoseconds


# MARK: - Telling


def say(text):
    print(text, flush=True)


def relay_table(done, counted):
    results = done.results
    lines = [
        "| proxy | requests/s | CPU s per 100 000 | to nginx, log off: median (range) | to nginx with log "
        "| to nginx with Lua | p50 / p99 ms | MiB | threads | system calls | heap calls |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, loads in results.items():
        system_calls, heap_calls = counted.get(name, (None, None))
        lines.append(
            "| "
            + " | ".join(
                [
                    f"**{name}**" if name == OURS else name,
                    f"{median(map(rate, loads)):.0f}",
                    with_range(list(map(cpu, loads))),
                    with_range(ratios(results, name, "nginx", cpu)),
                    with_range(ratios(results, name, "nginx-log", cpu)),
                    with_range(ratios(results, name, "nginx-lua", cpu)),
                    f"{median(each.p50 for each in loads):.2f} / {median(each.p99 for each in loads):.2f}",
                    f"{done.memory[name] / 1024:.0f}",
                    str(done.threads[name]),
                    "-" if system_calls is None else f"{sum(system_calls.values()):.2f}",
                    "-" if heap_calls is None else f"{heap_calls:.1f}",
                ]
            )
            + " |"
        )
    return lines


def closing_lines(results, path_results, at, idle):
    """What is given out last."""
    parts = [
        (f"cpu/{short}", ratios(results, OURS, name, cpu))
        for short, name in (("nginx", "nginx"), ("nginx-log", "nginx-log"))
    ] + [(f"rps/{name}", ratios(results, OURS, name, rate)) for name in ("go", "caddy")]
    relay = "relay: " + " ".join(
        f"{name} {median(values):.2f}" if name.startswith("cpu") else f"{name} {median(values):.1f}"
        for name, values in parts)
    against_go, more = paths.closing_parts(path_results)
    figures = [
        *against_go, ("relay/nginx-lua", median(ratios(results, OURS, "nginx-lua", cpu))), ("idle-kib", idle),
        ("p99-1000/nginx", median(slow_ratios(at, 1000, OURS))), *more]
    return [relay, "service: " + " ".join(
        f"{name} {value:.1f}" if name == "idle-kib" else f"{name} {value:.2f}" for name, value in figures)]


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under five minutes; writes no file")
    parser.add_argument("--counts", action="store_true", help=(
        f"count alone, and fail above {MOST_SYSTEM_CALLS} system calls or {MOST_HEAP_CALLS} heap calls a relayed call"))
    parser.add_argument("--debug", action="store_true", help="with --counts: the program is a debug build")
    parser.add_argument("--profile", action="store_true", help="where the CPU time of a relayed call goes, and no more")
    parser.add_argument(
        "--instructions", action="store_true",
        help="instructions in user space of each kind of request; their file and their table are replaced")
    parser.add_argument("--check", action="store_true", help=(
        f"with --instructions: fail when one is not within {instructions.TOLERANCE * 100:.0f} %% of the file"))
    parser.add_argument("--profiles", type=pathlib.Path, help="with --instructions: a folder to write profiles to")
    parser.add_argument(
        "--paths", action="store_true",
        help="mints, reads and probes beside the service in Go, and no more; their table in the file is replaced")
    parser.add_argument(
        "--nodes",
        action="store_true",
        help="several nodes on PostgreSQL, and no more; its table in the file is replaced",
    )
    parser.add_argument("--peers", help="these alone, as in nginx,connect-bff; nothing but the rounds is run")
    parser.add_argument("--rounds", type=int, help="6, or 2 with --quick")
    parser.add_argument("--seconds", type=int, default=3, help="of each load (3)")
    return parser.parse_args()


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Ten thousand connections at both ends.
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    os.sched_setaffinity(0, {measure.LOAD_CPU})
    with contextlib.ExitStack() as stack:
        bench = Bench(os.environ["CONNECT_BFF"], stack)
        if options.counts:
            sys.exit(check_counts(bench, options.debug))
        if options.instructions:
            sys.exit(count_instructions(bench, options))
        if options.profile:
            profile(bench, lines=40)
            return
        if options.paths:
            number = options.rounds or 6
            lines = paths.run(bench, number, options.seconds)[1]
            say("\n".join(["", *lines]))
            replace_section(paths.HEADING, paths.section(lines, number, options.seconds))
            return
        if options.nodes:
            write_nodes(nodes.run(bench, options.seconds), options.seconds)
            return
        names = options.peers.split(",") if options.peers else [
            "nginx", OURS, "nginx-log", "nginx-lua", "haproxy", "go", "caddy", "node"]
        number = options.rounds or (2 if options.quick else 6)
        done = rounds(bench, names, number, options.seconds)
        if not options.peers:
            report(bench, options, done)


def report(bench, options, done):
    """The rest of the measurements, and the tables."""
    results = done.results
    counted = {name: counts(bench, name) for name in ([OURS] if options.quick else results)}
    seconds = 1 if options.quick else options.seconds
    levels = [8, 1000] if options.quick else [1, 8, 64, 256, 1000]
    at = at_connections(done.running, done.requests, levels, 3 if options.quick else 6, seconds)
    for peer in done.running.values():
        peer.process.stop()
    path_rounds = options.rounds or (2 if options.quick else 6)
    path_results, path_lines = paths.run(bench, path_rounds, seconds, options.quick)
    nanoseconds = envelope_scan(bench)
    verified = webhooks.verifications(bench.work)
    say(f"{verified:.0f} signatures verified a second by one CPU")
    delivery_seconds = 5 if options.quick else 60
    median_delivery, slow_delivery = webhooks.deliveries(bench.program, bench.work, delivery_seconds)
    say(f"{webhooks.RATE} deliveries a second: p50 {median_delivery:.1f} p99 {slow_delivery:.1f} ms")
    milliseconds, resident = start_up(bench)
    idle = {name: idle_connections(bench, name, 1_000 if options.quick else 10_000) for name in (OURS, "nginx")}

    shares = {} if options.quick else profile(bench)

    lines = relay_table(done, counted)
    if shares:
        lines += ["", "| where connect-bff's CPU time goes | per cent |", "|---|---|"]
        lines += [f"| {name} | {share:.1f} |" for name, share in shares.items()]
    lines += [
        "",
        "| connections | proxy | requests/s | CPU s per 100 000 | p50 / p99 ms | p99 to nginx: median (range) "
        "| not answered |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {connections} | {name} | {median(map(rate, each)):.0f} | {median(map(cpu, each)):.2f} |"
        f" {median(load.p50 for load in each):.3f} / {median(load.p99 for load in each):.2f} |"
        f" {with_range(slow_ratios(at, connections, name))} |"
        f" {sum(load.unanswered for load in each)} |" for (connections, name), each in at.items()]
    lines += ["", "| connect-bff alone | |", "|---|---|"]
    lines += [
        f"| envelope scan, {service.BODY_BYTES} bytes | {nanoseconds:.0f} ns,"
        f" {service.BODY_BYTES / nanoseconds * 1000:.0f} MB/s |",
        f"| PS256 signatures that one CPU verifies | {verified:.0f} a second |",
        f"| webhooks, {webhooks.RATE} a second for {delivery_seconds} s, until they are on the disk |"
        f" p50 {median_delivery:.1f} ms, p99 {slow_delivery:.1f} ms |",
        f"| the first call of a session, beside what each call costs | {done.first_call:.0f} us of CPU time |",
        f"| start to first answer | {milliseconds:.0f} ms, median of 10 |",
        f"| resident when idle | {resident / 1024:.1f} MiB |"]
    lines += [
        f"| idle connections held by {name} | {held}, {each:.1f} KiB each, the kernel's share not counted |"
        for name, (each, held) in idle.items()]
    closing = closing_lines(results, path_results, at, idle[OURS][0])
    say("\n".join(["", *lines, "", *path_lines, ""]))
    if not options.quick:
        several = nodes.run(bench, seconds)
        figures = instructions.run(bench)
        write_results([*lines, "", "```text", *closing, "```"], results, options)
        replace_section(paths.HEADING, paths.section(path_lines, path_rounds, seconds))
        write_nodes(several, seconds)
        instructions.write(figures)
    say("\n".join(closing))


def write_results(lines, results, options):
    versions = ", ".join(peers.version(name) for name in peers.VERSIONS)
    commit = subprocess.run(
        ["git", "-C", HERE, "log", "-1", "--format=%h of %cs"], capture_output=True, text=True).stdout.strip()
    text = f"""# Results

Written by `scripts/bench`; [README.md](README.md) says what the columns are and what they do not say.

- {time.strftime("%Y-%m-%d")}, checkout at {commit}
- {measure.machine()}
- {versions}
- {len(results[OURS])} rounds of {options.seconds} s, 64 connections, {service.BODY_BYTES}-byte calls, \
{peers.ANSWER_BYTES}-byte answers, {service.TOKENS} tokens

{chr(10).join(lines)}
"""
    (HERE / "RESULTS.md").write_text(text)


def write_nodes(lines, seconds):
    text = f"""{time.strftime("%Y-%m-%d")}. All nodes share one CPU, and PostgreSQL shares the other one with the load
and the stub: the sum says little, the cost of a call is what grows or does not. One round of {seconds} s each, 64
connections in all. Sessions that are relayed were minted on the first node. What livez takes is not the store: it is
wrk and the sharing of CPUs.

{chr(10).join(lines)}
"""
    replace_section("## Several nodes on one PostgreSQL", text)


def count_instructions(bench, options):
    """Writes the figures, or checks those of ours."""
    figures = instructions.run(bench, options.profiles, options.check)
    if not options.check:
        instructions.write(figures)
        return 0
    failed, number = instructions.check(figures), len(figures[OURS])
    say("\n".join([*failed, f"instructions: {number - len(failed)} passed, {len(failed)} failed"]))
    if failed:
        say("if this is meant, scripts/bench --instructions writes the new figures")
    return 1 if failed else 0


def check_counts(bench, is_debug):
    """Whether a relayed call keeps to its counts; those of the heap are kept by a release build alone."""
    if is_debug:
        service.TOKENS = 500
    system_calls, heap_calls = counts(bench, OURS)
    # A call that goes to another thread and back waits for a lock, or wakes an event loop by a write of its own.
    writes = sum(count for call, count in system_calls.items() if call.startswith(("write", "send")))
    hops = max(0, writes - 2) + system_calls.get("futex", 0)
    checks = [
        ("system calls", sum(system_calls.values()), MOST_SYSTEM_CALLS), ("changes of thread", hops, MOST_HOPS),
        *([] if is_debug else [("heap calls", heap_calls, MOST_HEAP_CALLS)])]
    failed = [f"{name}: {count:.2f}, and may be {most}" for name, count, most in checks if count > most]
    say("\n".join([*failed, f"counts: {len(checks) - len(failed)} passed, {len(failed)} failed"]))
    return 1 if failed else 0


if __name__ == "__main__":
    main()
