"""Several nodes on one PostgreSQL, and what each engine takes: on two CPUs it is the cost of a call that counts."""

import base64
import concurrent.futures
import glob
import os
import pathlib
import pwd
import subprocess
import time

import measure
import service
from measure import load, settled

STATE_KEY = base64.b64encode(bytes(range(32))).decode()
NODES = [1, 2, 4]


class Postgres:
    """Debian's PostgreSQL as it comes, its files synced, beside the load."""

    def __init__(self, work):
        binaries = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
        self._binaries, self._folder, self.port = binaries, work / "postgres", measure.free_port()
        self._folder.mkdir()
        self._user = {}
        if os.getuid() == 0:
            # PostgreSQL refuses to run as root.
            account = pwd.getpwnam("postgres")
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            for folder in [work, *work.parents][:2]:
                folder.chmod(folder.stat().st_mode | 0o011)
            self._user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        subprocess.run(
            [binaries / "initdb", "-D", self._folder / "data", "-A", "trust", "-U", "bff", "-E", "UTF8"],
            check=True, capture_output=True, cwd="/", **self._user)
        self.process = measure.Process(
            "postgres",
            [binaries / "postgres", "-D", self._folder / "data", "-k", self._folder, "-p", self.port,
             "-c", "listen_addresses=127.0.0.1"],
            measure.LOAD_CPU, work / "postgres.log", cwd="/", **self._user)
        measure.wait_for_port(self.port, self.process)
        while self._psql("SELECT 1").returncode:
            time.sleep(0.05)

    def _psql(self, sql):
        return subprocess.run(
            [
                self._binaries / "psql",
                "-h",
                self._folder,
                "-p",
                str(self.port),
                "-U",
                "bff",
                "-d",
                "postgres",
                "-qc",
                sql,
            ],
            capture_output=True,
            cwd="/",
        )

    def new_database(self, name):
        self._psql(f"CREATE DATABASE {name}").check_returncode()
        return {"BFF_DATABASE_URL": f"postgres://bff@127.0.0.1:{self.port}/{name}", "BFF_STATE_KEY": STATE_KEY}


def together(nodes, files, seconds, connections):
    """A load on each node at once: calls a second of all, and CPU seconds of all for 100 000 calls."""
    with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
        loads = list(pool.map(
            lambda node, file: load(node, file, connections=connections // len(nodes), seconds=seconds), nodes, files))
    requests = sum(each.requests for each in loads)
    return requests / seconds, sum(each.cpu for each in loads) / requests * 100_000, loads


def run(bench, seconds):
    """The lines of two tables."""
    postgres = bench.kept(Postgres(bench.work))
    lines = [
        "| nodes | mints/s | CPU s per 100 000 mints, nodes + PostgreSQL "
        "| relays/s | CPU s per 100 000 relays | PostgreSQL's |",
        "|---|---|---|---|---|---|",
    ]
    for count in NODES:
        database = postgres.new_database(f"nodes{count}")
        nodes = [bench.service(environment=database) for _ in range(count)]
        files = []
        for node in nodes:
            files.append(bench.work / f"mint-{node.port}.requests")
            measure.write_requests(files[-1], [
                node.user_request("POST", "/v1/connect/sessions", f"user-{user}", b"{}") for user in range(1000)])
        for node, file in zip(nodes, files):
            settled(node, file)
        before = postgres.process.cpu_seconds()
        rate, cpu, loads = together(nodes, files, seconds, 64)
        mints = sum(each.requests for each in loads)
        database_cpu = (postgres.process.cpu_seconds() - before) / mints * 100_000

        # Minted on the first, relayed on all.
        tokens = nodes[0].mint(2000)
        files = []
        for node in nodes:
            files.append(bench.work / f"relay-{node.port}.requests")
            measure.write_requests(files[-1], [service.relay_request(token, node.host) for token in tokens])
        for node, file in zip(nodes, files):
            settled(node, file)
        before = postgres.process.cpu_seconds()
        relay_rate, relay_cpu, loads = together(nodes, files, seconds, 64)
        relays = sum(each.requests for each in loads)
        relay_database_cpu = (postgres.process.cpu_seconds() - before) / relays * 100_000
        lines.append(
            f"| {count} | {rate:.0f} | {cpu:.1f} + {database_cpu:.1f} | {relay_rate:.0f} | {relay_cpu:.2f} |"
            f" {relay_database_cpu:.2f} |")
        print(lines[-1], flush=True)
        for node in nodes:
            node.process.stop()

    lines += [
        "", "| engine, one call at a time | read: own locations, p50 / p99 ms | write: mint, p50 / p99 ms | livez |",
        "|---|---|---|---|"]
    for engine, environment in (("SQLite", {}), ("PostgreSQL", postgres.new_database("latency"))):
        node = bench.service(environment=environment)
        cells = []
        for method, path, body in (
                ("GET", "/v1/locations", b""), ("POST", "/v1/connect/sessions", b"{}"), ("GET", "/livez", b"")):
            file = bench.work / "latency.requests"
            measure.write_requests(file, [
                node.user_request(method, path, f"user-{user}", body) for user in range(1000)])
            load(node, file, connections=1, seconds=1)
            one = load(node, file, connections=1, seconds=seconds)
            cells.append(f"{one.p50:.2f} / {one.p99:.2f}")
        lines.append(f"| {engine} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
        node.process.stop()
    return lines
