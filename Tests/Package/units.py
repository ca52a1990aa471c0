"""Stands in for systemd in a root where it does not run: does what the units there say, in systemd's order.

The maintainer scripts of packages, and whoever types `systemctl` in the root, reach it through two pipes. It knows the
directives of this project's units that a process notices: sockets, user, state, notification, signals and times. The
sandboxing directives are systemd's own, and `systemd-analyze` looks at those.
"""

import configparser
import contextlib
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import threading
import time

SYSTEMCTL = """#!/bin/sh
# Stands in for systemd's: Tests/Package/units.py answers.
exec 9>/run/stand-in/lock
flock 9
echo "$*" >/run/stand-in/request
( read -r code; cat; exit "$code" ) </run/stand-in/reply
"""


class Failure(Exception):
    pass


class Units:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.enabled, self.sockets, self.running = set(), {}, {}
        # The exit code of each service's last process.
        self.codes = {}
        # Called between the end of a service and its next start, as a restart has it.
        self.between = lambda: None
        folder = self.root / "run/stand-in"
        folder.mkdir(parents=True)
        (self.root / "run/systemd/system").mkdir(parents=True, exist_ok=True)
        self.pipes = [folder / "request", folder / "reply"]
        for pipe in self.pipes:
            os.mkfifo(pipe, 0o600)
        systemctl = self.root / "usr/bin/systemctl"
        systemctl.unlink(missing_ok=True)
        systemctl.write_text(SYSTEMCTL)
        systemctl.chmod(0o755)
        threading.Thread(target=self._serve, daemon=True).start()

    # What is asked.

    def _serve(self):
        while True:
            words = self.pipes[0].read_text().split()
            try:
                code, text = self._do([word for word in words if word == "--now" or not word.startswith("-")])
            except Exception as error:
                code, text = 1, f"{type(error).__name__}: {error}\n"
            self.pipes[1].write_text(f"{code}\n{text}")

    def _do(self, words):
        command, *units = words
        is_now = "--now" in units
        units = [unit if "." in unit else f"{unit}.service" for unit in units if unit != "--now"]
        if command == "is-enabled":
            return (0, "enabled\n") if units[0] in self.enabled else (1, "disabled\n")
        if command == "is-active":
            return (0, "active\n") if self.is_active(units[0]) else (3, "inactive\n")
        if command == "enable":
            self.enabled |= set(units)
        elif command == "disable":
            self.enabled -= set(units)
        elif command not in ("daemon-reload", "start", "stop", "restart", "reload"):
            return 1, f"the stand-in does not know {command}\n"
        for unit in units:
            if command == "start" or (command == "enable" and is_now):
                self.start(unit)
            elif command == "stop":
                self.stop(unit)
            elif command == "restart":
                self.stop(unit)
                self.between()
                self.start(unit)
            elif command == "reload":
                self.running[unit].send_signal(signal.SIGHUP)
        return 0, ""

    # What units do.

    def unit(self, name):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str
        if not parser.read(self.root / "lib/systemd/system" / name):
            raise Failure(f"there is no unit {name}")
        return parser

    def is_active(self, unit):
        process = self.running.get(unit)
        return unit in self.sockets or (process is not None and process.poll() is None)

    def start(self, unit):
        if self.is_active(unit):
            return
        if unit.endswith(".socket"):
            host, port = self.unit(unit)["Socket"]["ListenStream"].split(":")
            held = socket.socket()
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind((host, int(port)))
            held.listen(int(self.unit(unit)["Socket"].get("Backlog", "128")))
            self.sockets[unit] = held
            return
        for required in self.unit(unit)["Unit"].get("Requires", "").split():
            self.start(required)
        self._run(unit, self.unit(unit)["Service"])

    def _run(self, unit, service):
        user = self._user(service)
        if state := service.get("StateDirectory"):
            folder = self.root / "var/lib" / state
            folder.mkdir(mode=0o700, exist_ok=True)
            os.chown(folder, *user)
        held = self.sockets.get(unit.replace(".service", ".socket"))
        address = self.root / "run/stand-in/notify"
        address.unlink(missing_ok=True)

        # One process from here to the program, as LISTEN_PID has to say.
        script = f"umask {service.get('UMask', '0022')}; "
        script += f"exec 3<&{held.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ " if held else ""
        command = [
            "chroot", f"--userspec={user[0]}:{user[1]}", "--groups=", self.root, "/bin/bash", "-c",
            f'{script}exec "$0" "$@"', *shlex.split(service["ExecStart"]),
        ]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": "/run/stand-in/notify"}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.bind(str(address))
            address.chmod(0o777)
            with open(self.root / f"var/log/{unit}.log", "ab") as log:
                self.running[unit] = process = subprocess.Popen(
                    command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    pass_fds=[held.fileno()] if held else [])
            if service.get("Type") == "notify":
                self._wait_until_ready(unit, process, notified)

    def _wait_until_ready(self, unit, process, notified):
        notified.settimeout(0.1)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in notified.recv(4096):
                    return
            if process.poll() is not None:
                self.codes[unit] = process.returncode
                raise Failure(f"{unit} ended with {process.returncode}")
        raise Failure(f"{unit} is not ready")

    def stop(self, unit):
        if unit.endswith(".socket"):
            if held := self.sockets.pop(unit, None):
                held.close()
            return
        process = self.running.pop(unit, None)
        if process is None:
            return
        process.terminate()
        seconds = float(self.unit(unit)["Service"].get("TimeoutStopSec", "90s").removesuffix("s"))
        try:
            self.codes[unit] = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            self.codes[unit] = process.wait()

    def _user(self, service):
        if service.get("DynamicUser") == "yes":
            return 65534, 65534
        for line in (self.root / "etc/passwd").read_text().splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if name == service.get("User", "root"):
                return int(uid), int(gid)
        raise Failure(f"there is no user {service['User']}")

    def log(self, unit):
        path = self.root / f"var/log/{unit}.log"
        return path.read_text() if path.exists() else ""

    def end(self):
        for unit in [*self.running, *self.sockets]:
            self.stop(unit)
