"""The network between a library and the service: it passes requests on, notes them, and fails as a test wants it."""

import contextlib
import http.client
import http.server
import json
import re
import socket
import struct
import threading
import urllib.parse


class Request:
    """What arrived, and how it was answered."""

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.body = method, target, body
        self.headers = {name.lower(): value for name, value in headers}
        self.status = None
        # Set once nothing more is sent to the client.
        self.is_over = threading.Event()

    @property
    def path(self):
        return urllib.parse.urlsplit(self.target).path

    def __repr__(self):
        return f"{self.method} {self.target} {self.status}"


class Proxy:
    """`service` is its port. Faults apply to the next requests whose `METHOD /path` begins with what is given."""

    def __init__(self, service, port):
        self.service = service
        self.url = f"http://localhost:{port}"
        self.reset()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy._pass_on(self, Request(self.command, self.path, self.headers.items(), body))

            do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_HEAD = do

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        # A client that is cancelled leaves in the middle.
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    # What a test sets.

    def reset(self):
        self.requests = []
        self.faults = []
        self.streams = []
        self.is_offline = False
        # Changes the JSON of each answer and each event, where set.
        self.edit = None
        # Is called before the answer to a request of a given status goes on.
        self.on_status = {}

    def answer(self, what, status, code, times=1, **headers):
        """The next requests get this problem, and the service does not see them."""
        problem = {
            "type": f"urn:connect-bff:problem:{code}", "title": "Made by the test", "status": status,
            "detail": "A test.", "code": code, "request_id": "req_" + "0" * 24}
        self._add(what, times, ("answer", status, json.dumps(problem), "application/problem+json", headers))

    def page(self, what, status, times=1):
        """The next requests get what a proxy in front of the service would show."""
        self._add(what, times, ("answer", status, "<html>Bad Gateway</html>", "text/html", {}))

    def redirect(self, what, times=1):
        """The next requests are led to another origin, as by a captive portal. That is here too, at `/portal`."""
        elsewhere = self.url.replace("localhost", "127.0.0.1") + "/portal"
        self._add(what, times, ("answer", 302, "<html>Found</html>", "text/html", {"Location": elsewhere}))

    def refuse(self, what, times=1):
        """The connections of the next requests break before the service sees them."""
        self._add(what, times, ("refuse",))

    def lose(self, what, times=1):
        """The service answers the next requests, and the answers are lost."""
        self._add(what, times, ("lose",))

    def hold(self, what, times=1):
        """The next requests have no answer, until the client leaves."""
        self._add(what, times, ("hold",))

    def tear(self, what, after, times=1):
        """The next answers break after so many bytes of their body."""
        self._add(what, times, ("tear", after))

    def go_offline(self):
        """No request arrives, and the streams that are open break."""
        self.is_offline = True
        self.break_streams()

    def go_online(self):
        self.is_offline = False

    def break_streams(self):
        for stream in list(self.streams):
            reset(stream)

    def seen(self, what):
        """The requests whose `METHOD /path` matches, in order."""
        return [each for each in list(self.requests) if re.match(what, f"{each.method} {each.target}")]

    # How it works.

    def _add(self, what, times, fault):
        self.faults += [[what, fault] for _ in range(times)]

    def _fault(self, request):
        for fault in self.faults:
            if re.match(fault[0], f"{request.method} {request.target}"):
                self.faults.remove(fault)
                return fault[1]
        return (None,)

    def _pass_on(self, handler, request):
        self.requests.append(request)
        kind, *more = ("refuse",) if self.is_offline else self._fault(request)
        try:
            if kind == "refuse":
                return self._cut(handler)
            if kind == "hold":
                # Ends when the client does.
                handler.connection.settimeout(60)
                with contextlib.suppress(OSError):
                    handler.connection.recv(1)
                return self._cut(handler)
            if kind == "answer":
                status, body, content_type, headers = more
                return self._send(handler, request, status, {"Content-Type": content_type, **headers}, body.encode())
            with self._ask(request) as answer:
                return self._relay(handler, request, answer, kind, more)
        except OSError:
            return self._cut(handler)
        finally:
            request.is_over.set()

    @contextlib.contextmanager
    def _ask(self, request):
        connection = http.client.HTTPConnection("127.0.0.1", self.service, timeout=60)
        try:
            headers = {name: value for name, value in request.headers.items() if name not in ("connection", "te")}
            # Nothing here unpacks.
            headers.pop("accept-encoding", None)
            connection.request(request.method, request.target, request.body or None, headers)
            yield connection.getresponse()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def _relay(self, handler, request, answer, kind, more):
        headers = {
            name: value for name, value in answer.getheaders()
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "keep-alive", "date")}
        if (answer.getheader("Content-Type") or "").startswith("text/event-stream"):
            return self._stream(handler, request, answer, headers, more[0] if kind == "tear" else None)
        body = answer.read()
        if kind == "lose":
            return self._cut(handler)
        if self.edit and "json" in (answer.getheader("Content-Type") or "") and body:
            body = json.dumps(self.edit(request, json.loads(body))).encode()
        if answer.status in self.on_status:
            self.on_status[answer.status]()
        return self._send(handler, request, answer.status, headers, body, more[0] if kind == "tear" else None)

    def _send(self, handler, request, status, headers, body, tear=None):
        request.status = status
        handler.send_response_only(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), str(value))
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if tear is not None:
            handler.wfile.write(body[:tear])
            handler.wfile.flush()
            self._cut(handler)
        elif handler.command != "HEAD":
            handler.wfile.write(body)

    def _stream(self, handler, request, answer, headers, tear):
        """Line by line; ends with the service's stream."""
        request.status = answer.status
        handler.send_response_only(answer.status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        self.streams.append(handler.connection)
        sent = 0
        try:
            while line := answer.readline():
                if self.edit and line.startswith(b"data: "):
                    line = b"data: " + json.dumps(self.edit(request, json.loads(line[6:]))).encode() + b"\n"
                if tear is not None and sent + len(line) > tear:
                    handler.wfile.write(line[:tear - sent])
                    handler.wfile.flush()
                    self._cut(handler)
                    return
                handler.wfile.write(line)
                handler.wfile.flush()
                sent += len(line)
        except http.client.HTTPException:
            # The service was killed.
            self._cut(handler)
        finally:
            self.streams.remove(handler.connection)

    def _cut(self, handler):
        handler.close_connection = True
        reset(handler.connection)


def reset(connection):
    """Ends it as a network does that fails."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
