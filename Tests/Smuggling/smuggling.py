"""Sends every line of corpus.txt to a connect-bff of its own, and judges what came back and what reached upstream.

`scripts/check-smuggling` starts it. Upstream is a stub in here that reads strictly and keeps all it gets, so that it
can see which case a request came from: each run of a case has tokens and names that no other has.

With a reverse proxy in front, status and closing are the proxy's affair. What must hold is that proxy and service see
the same requests: upstream has got as many calls as the client has got answers of success.
"""

import argparse
import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import select
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent
# How long an answer, or the end of a connection, may take.
PATIENCE = 3.0

ROUTES = {
    "/": ("POST", "/"), "/v1/connect": ("POST", "/v1/connect"), "sessions": ("POST", "/v1/connect/sessions"),
    "livez": ("GET", "/livez")}
GROUPS = {
    "lane": ["/", "/v1/connect"], "router": ["sessions"], "livez": ["livez"],
    "post": ["/", "/v1/connect", "sessions"], "all": list(ROUTES)}

# What may travel upstream (S27, S29).
TARGETS = {
    ("POST", "/"), ("POST", "/connect/token"), ("GET", "/login"), ("GET", "/jwks.json"), ("GET", "/events?limit=100")}
# The calls that the service makes itself, whatever its clients send.
OWN = {"/login", "/jwks.json", "/events?limit=100"}
FIELDS = {
    "host", "content-type", "content-length", "accept", "accept-language", "accept-encoding", "user-agent",
    "connection", "via", "traceparent", "flatpeak-version"}


class Case:
    """A line of the corpus."""

    LINE = re.compile(r"(\S+) +(\S+) +(\S+) +(close|keep|any) +([012])  (.*)")

    def __init__(self, line):
        parts = self.LINE.fullmatch(line)
        if not parts:
            raise ValueError(f"not a case: {line}")
        self.name, routes, statuses, self.after, passed, self.text = parts.groups()
        self.routes = GROUPS[routes]
        self.statuses = set(statuses.split("/"))
        self.passed = int(passed)

    def allows(self, status, route):
        if status is not None and 200 <= status < 300:
            return "ok" in self.statuses or (route == "livez" and "early" in self.statuses)
        return str(status or "none") in self.statuses


def read_corpus():
    lines = (HERE / "corpus.txt").read_text(encoding="utf-8").splitlines()
    cases = [Case(line) for line in lines if line and not line.startswith("#")]
    for name, count in collections.Counter(case.name for case in cases).items():
        if count > 1:
            raise ValueError(f"two cases are called {name}")
    return cases


ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}


def expand(text, words):
    """The bytes of a case's text; `words` are what its braces stand for."""
    out, at = bytearray(), 0
    while at < len(text):
        rest = text[at:]
        if rest[0] == "\\":
            if rest[1] == "x":
                out.append(int(rest[2:4], 16))
                at += 4
            else:
                out += ESCAPES[rest[1]]
                at += 2
        elif repeat := re.match(r"\{(\d+)\*", rest):
            depth, end = 1, repeat.end()
            while depth:
                depth += {"{": 1, "}": -1}.get(rest[end], 0)
                end += 1
            inner = rest[repeat.end():end - 1]
            for turn in range(int(repeat[1])):
                out += expand(inner.replace("#", str(turn)), words)
            at += end
        elif word := re.match(r"\{([A-Z]+)\}", rest):
            out += words[word[1]]
            at += word.end()
        else:
            out += rest[0].encode("ascii")
            at += 1
    return bytes(out)


class Upstream(socketserver.ThreadingTCPServer):
    """Flatpeak for this test: strict about what it reads, and mindful of it."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.authority = f"127.0.0.1:{self.server_address[1]}"
        self.bodies = []
        self.complaints = []
        self._tokens = 0
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def answer(self, method, target, fields, body):
        with self._lock:
            if target not in OWN:
                self.bodies.append(body)
            strange = {name for name, _ in fields} - FIELDS - ({"authorization"} if target != "/" else set())
            hosts = [value for name, value in fields if name == "host"]
            if (method, target) not in TARGETS or strange or hosts != [self.authority]:
                self.complaints.append(f"upstream got {method} {target} for {hosts}, with {sorted(strange)}: {body!r}")
            self._tokens += 1
            if target == "/login":
                return {"object": "bearer_token", "bearer_token": "b", "expires_in": 3600, "live_mode": False}
            if target == "/jwks.json":
                return {"keys": []}
            if target in OWN:
                return {"object": "list", "url": "/events", "has_more": False, "data": []}
            if target == "/connect/token":
                return {"object": "connect_token", "connect_token": f"cot_{self._tokens:024x}", "expires_in": 86400,
                        "live_mode": False}
            return {"object": "connect_response", "route": "provider_select", "type": "page", "data": {}}

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while line := self.rfile.readline(65537):
                method, target, _ = line.decode("latin-1").split(" ")
                fields = []
                while (line := self.rfile.readline(65537)) != b"\r\n":
                    name, _, value = line.decode("latin-1").partition(":")
                    fields.append((name.lower(), value.strip()))
                lengths = [value for name, value in fields if name == "content-length"]
                body = self.rfile.read(int(lengths[0])) if lengths else b""
                if len(lengths) > 1 or any(name == "transfer-encoding" for name, _ in fields):
                    self.server.complaints.append(f"upstream got a framing that is not ours: {fields}")
                text = json.dumps(self.server.answer(method, target, fields, body)).encode()
                self.wfile.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(text), text))


class Connection:
    """A client that reads answers while it still sends, as an early refusal makes necessary."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._socket.setblocking(False)
        self._unsent = b""
        self._ends = False
        self._unread = b""
        self.is_over = False

    def send(self, data, half_close=False):
        self._unsent += data
        self._ends = half_close
        self._move(0)

    def _move(self, seconds):
        """Sends and reads what can be; false when nothing could within `seconds`."""
        wants_to_write = [self._socket] if self._unsent or self._ends else []
        readable, writable, _ = select.select([self._socket], wants_to_write, [], seconds)
        try:
            if writable and self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent):]
            if writable and self._ends and not self._unsent:
                self._ends = False
                self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            # It was closed at the other end; what was answered before may still be read.
            self._unsent, self._ends = b"", False
        try:
            if readable:
                data = self._socket.recv(65536)
                self._unread += data
                self.is_over = not data
        except OSError:
            self.is_over = True
        return bool(readable or writable)

    def _until(self, done, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        while not done() and not self.is_over:
            left = deadline - time.monotonic()
            if left <= 0 or not self._move(left):
                break
        return done()

    def answer(self, to_head=False):
        """The status of the next answer, its body read; None when there is none."""
        while self._until(lambda: b"\r\n\r\n" in self._unread):
            head, _, self._unread = self._unread.partition(b"\r\n\r\n")
            status = int(re.match(rb"HTTP/1\.1 (\d{3})", head)[1])
            if 100 <= status < 200 and status != 101:
                continue
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            if length and not to_head:
                self._skip(int(length[1]))
            return status
        return None

    def _skip(self, count):
        self._until(lambda: len(self._unread) >= count)
        self._unread = self._unread[count:]

    def ends(self, seconds=PATIENCE):
        return self._until(lambda: self.is_over, seconds)

    @property
    def surplus(self):
        return self._unread

    def close(self):
        self._socket.close()


class Service:
    """A connect-bff whose only limits are those of the edge."""

    def __init__(self, program, work, upstream):
        self.port = free_port()
        self.authority = f"localhost:{self.port}"
        said = subprocess.run([program, "key", "new", "corpus"], check=True, capture_output=True, text=True).stdout
        self.key = re.search(r"sbk_\S+", said)[0]
        keys = work / "keys"
        keys.write_text(re.search(r"^ *(corpus \S+ \S+)$", said, re.M)[1] + "\n")
        keys.chmod(0o600)
        home = work / "service"
        home.mkdir(mode=0o700)
        self.log = work / "service.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [program, "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(home),
                    "FLATPEAK_ACCOUNT_ID": "acc_0123456789abcdef01234567",
                    "FLATPEAK_API_KEY": "sk_test_corpus0123456789",
                    "FLATPEAK_API_URL": f"http://{upstream.authority}",
                    "FLATPEAK_CONNECT_URL": f"http://{upstream.authority}",
                    "FLATPEAK_MODE": "test",
                    "BFF_LISTEN": f"127.0.0.1:{self.port}",
                    "BFF_ADMIN_LISTEN": f"127.0.0.1:{free_port()}",
                    "BFF_PUBLIC_URL": f"http://{self.authority}",
                    "BFF_CONNECT_APPS": "web=http://localhost:7070",
                    "BFF_AUTH": "service",
                    "BFF_ALLOWED_HOSTS": "localhost",
                    "BFF_SERVICE_KEYS_FILE": str(keys),
                    "BFF_LIMIT_MINT": "1000000/s",
                    "BFF_LIMIT_RELAY": "1000000/s",
                    "BFF_LIMIT_ADDRESS": "1000000/s",
                    "BFF_RELAY_READER": os.environ.get("BFF_RELAY_READER", "plain"),
                },
            )

    def wait(self):
        for _ in range(300):
            if self.process.poll() is not None:
                break
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/readyz", headers={"Host": self.authority})
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise SystemExit(f"check-smuggling: connect-bff is not ready\n{self.log.read_text()[-2000:]}")

    def mint(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(
            "POST", "/v1/connect/sessions", b"{}",
            {"Host": self.authority, "Content-Type": "application/json", "Authorization": f"Bearer {self.key}",
             "Connect-Subject": "corpus"})
        return json.load(connection.getresponse())["connect_token"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Front:
    """nginx or HAProxy before the service, with connections to it kept alive."""

    def __init__(self, kind, work, service):
        self.port = free_port()
        source, command = {
            "nginx": ("nginx.conf", ["nginx", "-e", f"{work}/front.log", "-c"]),
            "haproxy": ("haproxy.cfg", ["haproxy", "-f"])}[kind]
        file = work / source
        text = (HERE / source).read_text()
        for name, value in {"DIR": work, "PORT": self.port, "SERVICE": service.port}.items():
            text = text.replace(f"@{name}@", str(value))
        file.write_text(text)
        with open(work / "front.log", "wb") as log:
            self.process = subprocess.Popen([*command, str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit(f"check-smuggling: {kind} does not listen\n{(work / 'front.log').read_text()}")


class Run:
    """One case at one route."""

    def __init__(self, case, route, service, front):
        self.case, self.route = case, route
        self.label = f"{case.name} at {route}"
        self._service = service
        self._front = front
        self._port = (front or service).port
        self.problems = []
        self.successes = 0
        self.status = None
        self.hidden = service.mint()
        self._turn = 0
        self.words = self._words()

    def _good(self, route):
        """A marker, and the body of a good request that carries it."""
        self._turn += 1
        if route in ("/", "/v1/connect"):
            token = self._service.mint()
            return token, json.dumps({"connect_token": token, "route": "session_start"}).encode()
        if route == "sessions":
            marker = f"<{self.label} {self._turn}>"
            address = {"address_line1": marker, "city": "London", "post_code": "SW1A 1AA", "country_code": "GB"}
            return marker, json.dumps({"postal_address": address}).encode()
        return "", b"{}"

    def _words(self):
        method, path = ROUTES[self.route]
        self.marker, body = self._good(self.route)
        authority = self._service.authority.encode()
        hidden_body = json.dumps({"connect_token": self.hidden, "route": "session_start"}).encode()
        content_type = b"Content-Type: application/json\r\n"
        credential = b""
        if self.route == "sessions":
            credential = f"Authorization: Bearer {self._service.key}\r\nConnect-Subject: corpus\r\n".encode()
        hidden = b"POST / HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s" % (
            authority, content_type, len(hidden_body), hidden_body)
        return {
            "METHOD": method.encode(), "PATH": path.encode(), "AUTHORITY": authority,
            "LINE": f"{method} {path} HTTP/1.1\r\n".encode(), "HOST": b"Host: %s\r\n" % authority,
            "CREDENTIAL": credential, "TYPE": content_type, "FIELDS": credential + content_type,
            "BODY": body, "LENGTH": b"%d" % len(body), "HEX": b"%x" % len(body),
            "FIRST": body[:1], "REST": body[1:], "RESTHEX": b"%x" % (len(body) - 1),
            "CL": b"Content-Length: %d\r\n" % len(body), "TE": b"Transfer-Encoding: chunked\r\n",
            "CHUNKS": b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
            "HIDDEN": hidden, "HIDDENLENGTH": b"%d" % len(hidden), "HIDDENHEX": b"%x" % len(hidden), "FIN": b""}

    def send(self):
        connection = Connection(self._port)
        try:
            data = expand(self.case.text, self.words)
            connection.send(data, half_close=self.case.text.endswith("{FIN}"))
            self.status = connection.answer(to_head=data.startswith(b"HEAD"))
            self._count(self.status)
            self._follow(connection)
        finally:
            connection.close()
        return self

    def _count(self, status):
        if status is not None and 200 <= status < 300:
            self.successes += 1

    def _follow(self, connection):
        case = self.case
        if self._front:
            # Whatever else it answers within a moment.
            while not connection.ends(0.2) and connection.surplus:
                self._count(connection.answer())
            while connection.surplus and (status := connection.answer()) is not None:
                self._count(status)
            return
        if not case.allows(self.status, self.route):
            self.problems.append(f"answered {self.status}, not {'/'.join(sorted(case.statuses))}")
        if case.after == "close":
            if not connection.ends():
                self.problems.append("the connection stays open")
            if connection.surplus:
                self.problems.append(f"more was answered: {connection.surplus[:40]!r}")
        elif case.after == "keep":
            if case.passed == 2 and not 200 <= (connection.answer() or 0) < 300:
                self.problems.append("the second request was not answered")
            if connection.surplus:
                self.problems.append(f"more was answered: {connection.surplus[:40]!r}")
            _, body = self._good(self.route)
            length = b"%d" % len(body)
            connection.send(
                self.words["LINE"] + self.words["HOST"] + self.words["FIELDS"] + b"Content-Length: " + length
                + b"\r\n\r\n" + body)
            if not 200 <= (connection.answer() or 0) < 300:
                self.problems.append("a next request on the connection was not answered")
        else:
            connection.ends(0.2)

    def judge(self, upstream):
        """Once everything has come to rest."""
        at_first = sum(bool(self.marker) and self.marker.encode() in body for body in upstream.bodies)
        behind = sum(self.hidden.encode() in body for body in upstream.bodies)
        if self._front:
            if self.route == "livez" and self.status == 200:
                self.successes -= 1
            # A client that has closed its half may not receive the outcome.
            lost = 1 if self.case.text.endswith("{FIN}") else 0
            if not self.successes <= at_first + behind <= self.successes + lost:
                self.problems.append(f"{self.successes} answers of success, but upstream got {at_first} and {behind}")
            return
        passed = self.case.passed if self.status is not None and 200 <= self.status < 300 else 0
        wanted = 0 if self.route == "livez" else min(1, passed), max(0, passed - 1)
        if (at_first, behind) != wanted:
            self.problems.append(f"upstream got it {at_first} times and what hides in it {behind} times, not {wanted}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/check-smuggling", description=__doc__.splitlines()[0])
    parser.add_argument("--through", choices=["nginx", "haproxy"], help="put this proxy in front")
    parser.add_argument("--case", help="this one alone, and show what was answered")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    cases = [case for case in read_corpus() if options.case in (None, case.name)]
    upstream = Upstream()
    processes = []
    with tempfile.TemporaryDirectory(prefix="smuggling-") as folder:
        work = pathlib.Path(folder)
        try:
            service = Service(os.environ["CONNECT_BFF"], work, upstream)
            processes.append(service.process)
            service.wait()
            front = Front(options.through, work, service) if options.through else None
            if front:
                processes.append(front.process)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                runs = list(pool.map(
                    lambda pair: Run(*pair, service, front).send(),
                    [(case, route) for case in cases for route in case.routes]))
            # What was passed on without an answer has arrived by now.
            time.sleep(0.5)
            is_alive = service.process.poll() is None
        finally:
            for process in reversed(processes):
                process.terminate()
            for process in processes:
                process.wait(30)

    failed = 0
    for run in runs:
        run.judge(upstream)
        if run.problems or options.case:
            print(f"{'FAIL' if run.problems else 'ok  '} {run.label}: {run.status} {'; '.join(run.problems)}")
        failed += bool(run.problems)
    for complaint in upstream.complaints[:20]:
        print(f"FAIL {complaint}")
    failed += len(upstream.complaints)
    if not is_alive:
        print("FAIL connect-bff ended meanwhile")
        failed += 1
    print(f"smuggling: {len(cases)} inputs at {len(ROUTES)} routes" + (f" through {options.through}" if front else ""))
    print(f"{len(runs) - sum(bool(run.problems) for run in runs)} passed, {failed} failed")
    sys.exit(1 if failed or not runs else 0)


if __name__ == "__main__":
    main()
