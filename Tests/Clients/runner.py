"""A library's program: commands go in, and what it answers comes out (README.md has the protocol)."""

import json
import os
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent
# Longer than any journey waits for one thing: three attempts with pauses, or a stream that comes back.
PATIENCE = 25


class Failure(Exception):
    """What a library threw."""

    def __init__(self, error):
        super().__init__(json.dumps(error))
        self.code, self.status, self.request_id = error.get("code"), error.get("status"), error.get("requestId")


class Call:
    """A command that runs."""

    def __init__(self, runner, number):
        self.runner, self.number = runner, number
        self.lines = queue.Queue()
        self.opened = None

    def _next(self, patience=PATIENCE):
        try:
            return self.lines.get(timeout=patience)
        except queue.Empty:
            raise AssertionError(f"no answer to command {self.number}\n{self.runner.log}") from None

    def result(self, patience=PATIENCE):
        """What the method returned; the events that come before it are passed over."""
        while True:
            line = self._next(patience)
            if "ok" in line:
                return line["ok"]
            if "error" in line:
                raise Failure(line["error"])

    def event(self, patience=PATIENCE):
        line = self._next(patience)
        assert "event" in line, f"no event but {line}"
        return line["event"]

    def until(self, condition, patience=PATIENCE):
        """The first event of which something is true."""
        end = time.monotonic() + patience
        while not condition(event := self.event(max(end - time.monotonic(), 0.1))):
            pass
        return event

    def launch_url(self, patience=PATIENCE):
        """What the library asked to open."""
        line = self._next(patience)
        assert "open" in line, f"no launch URL but {line}"
        return line["open"]

    def fails(self, code, status=None, patience=PATIENCE):
        """The error that is expected."""
        try:
            value = self.result(patience)
        except Failure as failure:
            assert failure.code == code and status in (None, failure.status), failure
            return failure
        raise AssertionError(f"no {code} but {value}")

    def returned(self, url):
        self.runner.send({"id": 0, "do": "returned", "to": self.number, "url": url})

    def abort(self):
        self.runner.send({"id": 0, "do": "abort", "to": self.number})


class Runner:
    """The program of one library, for one journey. `tokens` of the journey must not be in what it leaves behind."""

    def __init__(self, folder, made, url, return_url):
        self.home = pathlib.Path(tempfile.mkdtemp())
        self.bearer_file = self.home / "bearer"
        self.calls = {}
        self.count = 0
        self.log = ""
        # All but launch URLs, which are the customer's.
        self.said = ""
        for name in ("home", "tmp"):
            (self.home / name).mkdir()
        self.process = subprocess.Popen(
            [folder / "journeys", made], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, cwd=self.home / "home", env={
                "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "CONNECT_URL": url, "CONNECT_RETURN_URL": return_url,
                "CONNECT_BEARER_FILE": str(self.bearer_file), "HOME": str(self.home / "home"),
                "TMPDIR": str(self.home / "tmp"),
                **{name: os.environ[name] for name in ("CONNECT_BFF", "JAVA_HOME") if name in os.environ}})
        self.threads = [threading.Thread(target=each, daemon=True) for each in (self._read, self._read_log)]
        for thread in self.threads:
            thread.start()

    def _read(self):
        for line in self.process.stdout:
            try:
                message = json.loads(line)
                call = self.calls[message["id"]]
            except (ValueError, KeyError, TypeError):
                self.said += line
                self.log += f"not of the protocol: {line}"
                continue
            if "open" not in message:
                self.said += line
            call.lines.put(message)

    def _read_log(self):
        for line in self.process.stderr:
            self.log += line

    def send(self, command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def has_bearer(self, bearer):
        # At once, as the library may read it now.
        new = self.home / "bearer.new"
        new.write_text(bearer)
        new.replace(self.bearer_file)

    def start(self, do, body=None, **params):
        """Starts a command."""
        self.count += 1
        call = self.calls[self.count] = Call(self, self.count)
        command = {"id": self.count, "do": do}
        if params:
            command["params"] = params
        if body is not None:
            command["body"] = body
        self.send(command)
        return call

    def do(self, name, body=None, **params):
        """Runs a command to its end."""
        return self.start(name, body, **params).result()

    def connect(self, **body):
        return self.start("connect", body)

    def end(self, tokens, is_good=True):
        """Ends the program; it ended well, kept to the protocol, and left no secret."""
        self.process.stdin.close()
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        for thread in self.threads:
            thread.join(5)
        self.process.stdout.close()
        self.process.stderr.close()
        files = [path for path in self.home.rglob("*") if path.is_file() and path != self.bearer_file]
        left = {"standard output": self.said, "standard error": self.log}
        left |= {str(path): path.read_text(errors="replace") for path in files}
        shutil.rmtree(self.home)
        if not is_good:
            return
        assert status == 0, f"the program ended with {status}\n{self.log}"
        assert "not of the protocol" not in self.log, self.log
        for place, text in left.items():
            for token in tokens:
                assert token not in text, f"{place} has a token: {text[:500]}"
