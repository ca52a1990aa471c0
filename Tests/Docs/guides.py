"""Follows the guides word by word; scripts/check-docs starts this in a network of its own."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from service import ACCOUNT, BIN, KEY, Service, ask, free_port, keep

ROOT = pathlib.Path(__file__).parent.parent.parent
KEYS = {"ACCOUNT_ID": ACCOUNT, "API_KEY": KEY, "NEW_API_KEY": "sk_test_kanarienvogel4"}


def blocks(page):
    """Section, language and text of each fenced block of a page, in order."""
    section, language, lines = "", None, []
    for line in (ROOT / "docs" / page).read_text().splitlines():
        if language is None:
            if line.startswith("## "):
                section = line[3:]
            elif line.startswith("```"):
                language, lines = line[3:].strip(), []
        elif line == "```":
            yield section, language, "\n".join(lines)
            language = None
        else:
            lines.append(line)


class Reader:
    """A shell in which one block is done after the other; a command that fails ends it."""

    def __init__(self, folder, **environment):
        self.bash = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env={"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder), **environment},
        )

    def do(self, text):
        """What the block printed."""
        timer = threading.Timer(120, self.bash.kill)
        timer.start()
        self.bash.stdin.write(f"{text}\necho; echo '== done'\n")
        self.bash.stdin.flush()
        said = ""
        for line in self.bash.stdout:
            if line == "== done\n":
                timer.cancel()
                return said
            said += line
        raise AssertionError(f"this failed:\n{text}\nand said:\n{said}")

    def close(self):
        self.bash.kill()
        self.bash.wait()


@contextlib.contextmanager
def program(name, *arguments, until, **environment):
    with tempfile.NamedTemporaryFile("w+") as log:
        process = subprocess.Popen(
            [BIN / name, *arguments], stdout=log, stderr=log, env={**os.environ, **environment})
        try:
            end = time.monotonic() + 30
            while until not in pathlib.Path(log.name).read_text():
                assert process.poll() is None and time.monotonic() < end, pathlib.Path(log.name).read_text()
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            process.wait(30)
            if name == "connect-bff":
                keep("log", pathlib.Path(log.name).read_bytes())


class Load:
    """Users who mint, relay and read for as long as it lasts; none may fail."""

    def __init__(self, url, key):
        self.url, self.key = url, key
        self.count, self.failures, self.tokens = 0, [], []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._use, args=(number,)) for number in range(4)]
        for thread in self.threads:
            thread.start()

    def _use(self, number):
        turn = 0
        while not self.over.is_set():
            turn += 1
            user = [("authorization", f"Bearer {self.key}"), ("connect-subject", f"user-{number}-{turn}")]
            minted = self._try(201, "POST", "/v1/connect/sessions", {"app": "web"}, user)
            if minted:
                token = json.loads(minted)["connect_token"]
                self.tokens.append(token)
                self._try(200, "POST", "/", {"connect_token": token, "route": "session_start"})
            self._try(200, "GET", "/v1/locations", None, user)
            time.sleep(0.02)

    def _try(self, expected, method, path, body=None, headers=()):
        try:
            status, text = ask(method, self.url + path, body, headers)
        except OSError as error:
            status, text = 0, str(error)
        self.count += 1
        if status != expected:
            self.failures.append(f"{method} {path}: {status} {text[:300]}")
            return None
        return text

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, f"{len(self.failures)} of {self.count} failed: {self.failures[:3]}"
        return self.count


def operate():
    """Installs, replaces both keys under load, backs up, and starts again with the new keys alone."""
    environment = {
        **KEYS, "FLATPEAK_API_URL": "http://127.0.0.1:8090", "FLATPEAK_CONNECT_URL": "http://127.0.0.1:8091",
        "BFF_CONNECT_APPS": "web=http://localhost:7070", "BFF_LIMIT_ADDRESS": "off", "BFF_LIMIT_RELAY": "off",
    }
    account, old, new = KEYS["ACCOUNT_ID"], KEYS["API_KEY"], KEYS["NEW_API_KEY"]
    control = "http://127.0.0.1:8092"
    with program("flatpeak-sandbox", "--account", account, "--key", old, "--key", new, until="Provider"), \
            tempfile.TemporaryDirectory() as folder:
        reader, load = Reader(folder, **environment), None
        try:
            for section, language, text in blocks("operate.md"):
                if language != "sh":
                    continue
                if section == "Replace the API key" and load is None:
                    load = Load("http://127.0.0.1:8080", service_key())
                if section == "Replace the state key" and "cut -d , -f 1" in text and "openssl" in text:
                    # The guide said: remove the old key in the dashboard.
                    for path, body in [("/keys/refuse", {"key": old}), ("/bearers/expire", {})]:
                        assert ask("POST", control + path, body)[0] == 200
                if section == "Back up" and load and not load.over.is_set():
                    print(f"operate.md: both keys replaced; {load.end()} requests meanwhile, none failed")
                reader.do(text)
            restart(load, environment)
        finally:
            if load:
                load.over.set()
            reader.do("kill %1; wait %1 || true")
            reader.close()
            for kind, file in [
                ("log", "/var/log/connect-bff.log"),
                ("database", "/var/lib/connect-bff/connect-bff.sqlite"),
            ]:
                if pathlib.Path(file).exists():
                    keep(kind, pathlib.Path(file).read_bytes())


def service_key():
    return re.search(r"sbk_\S+", pathlib.Path("/etc/connect-bff/backend-key").read_text())[0]


def restart(load, environment):
    """On the database, under the new state key alone, tokens of before open."""
    with program(
            "connect-bff", "serve", "--config", "/etc/connect-bff/settings.yaml", until='"listening"', **environment,
            BFF_LISTEN="127.0.0.1:8180", BFF_ADMIN_LISTEN="127.0.0.1:9190"):
        for token in [load.tokens[0], load.tokens[-1]]:
            status, text = ask(
                "POST", "http://127.0.0.1:8180/", {"connect_token": token, "route": "session_start"})
            assert status == 200, text
        assert "," not in pathlib.Path("/etc/connect-bff/state-key").read_text()


def beside_dev(page):
    """The blocks of a page that speaks of `connect-bff dev`: what a reader types, and the clients that an app has."""
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        clients = list(compiled(page, pathlib.Path(folder)))
        # As connect-page.md starts it; the other pages do not notice.
        with program("connect-bff", "dev", "--app", "http://localhost:8000", until="Ctrl-C stops."):
            reader = Reader(folder)
            try:
                for _, language, text in blocks(page):
                    if language == "sh":
                        reader.do(text)
                        count += 1
            finally:
                reader.close()
            for client in clients:
                subprocess.run([*client, "http://localhost:8080"], check=True, timeout=60)
    assert count, f"{page} has no command"
    print(f"{page}: {count} blocks of commands and {len(clients)} clients work")


def example():
    """The example app of connect-page.md before `serve`, with a customer who has no browser."""
    origin = f"http://localhost:{free_port()}"
    settings = {"BFF_CONFIRM": "code", "BFF_ALLOWED_ORIGINS": origin, "BFF_RETURN_URLS": f"{origin}/"}
    with Service(BFF_CONNECT_APPS=None, **settings) as service:
        public = service.environment["BFF_PUBLIC_URL"]
        backend = subprocess.Popen(
            [sys.executable, ROOT / "docs/examples/embed/backend.py"], stdout=subprocess.PIPE, text=True,
            env={"CONNECT_BFF_URL": public, "CONNECT_BFF_KEY": service.service_key, "PORT": origin.rsplit(":", 1)[1]})
        try:
            assert backend.stdout.readline() == f"open {origin}\n"
            customer(origin, public, service)
        finally:
            backend.terminate()
            backend.wait()
            backend.stdout.close()
    print("examples/embed: its backend mints, the hosted page may be framed by it, and it shows how the session ended")


def customer(origin, public, service):
    assert "app.js" in ask("GET", f"{origin}/")[1]
    script = ask("GET", f"{origin}/app.js")[1]
    embed = re.search(r"from '(\S+)';", script)[1]
    assert embed == f"{public}/connect.js" and "export" in ask("GET", embed)[1]
    assert ask("POST", f"{origin}/connect-sessions", headers=[("origin", "https://evil.example")])[0] == 403
    tap = [("origin", origin), ("idempotency-key", "tap-1")]
    status, text = ask("POST", f"{origin}/connect-sessions", headers=tap)
    assert status == 201 and ask("POST", f"{origin}/connect-sessions", headers=tap)[1] == text, text
    for secret in ("cot_", service.service_key):
        assert secret not in text + script, f"the browser gets {secret}"
    minted = json.loads(text)
    page, ticket = minted["launch_url"].split("#ticket=")
    with urllib.request.urlopen(page, timeout=20) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert re.search(rf"frame-ancestors [^;]*{re.escape(origin)}", policy), policy
    # What the page does with its ticket, for a customer who types everything.
    exchanged = ask("POST", f"{public}/v1/connect/tickets", {"ticket": ticket, "tab": "A" * 22})[1]
    token = json.loads(exchanged)["connect_token"]
    for route, more in [
        ("session_start", {}),
        ("postal_address_capture", {"data": {"postal_address": {
            "address_line1": "1 Strand", "city": "London", "post_code": "WC2N 5EH", "country_code": "GB"}}}),
        ("provider_select", {"action": "PROVIDER_MISSING"}),
        ("provider_name_capture", {"data": {"provider": {"name": "My Power"}}}),
        ("tariff_structure_select", {"data": {"options": ["FIXED"]}}),
        ("rate_fixed_capture", {"data": {"cost": 0.2345}}),
        ("tariff_summary", {"action": "CLOSE"}),
    ]:
        status, text = ask("POST", f"{public}/v1/connect", {"connect_token": token, "route": route, **more})
        assert status == 200 and '"object":"error"' not in text, text
    ended = ask("GET", f"{public}/v1/connect/callback?fp_cot={token}", headers=[("accept", "application/json")])[1]
    assert json.loads(ended) == {"session": minted["id"], "status": "connected"}, ended
    shown = json.loads(ask("GET", f"{origin}/connect-sessions/{minted['id']}")[1])
    assert shown["state"] == "connected" and shown["confirmed"] is False and "location_id" not in shown, shown
    proved = ask("POST", f"{public}/v1/connect/callback", {"connect_token": token, "tab": "A" * 22})[1]
    sent = {"code": json.loads(proved)["code"]}
    assert ask("POST", f"{origin}/connect-sessions/{minted['id']}/confirm", sent)[0] == 403
    answer = ask("POST", f"{origin}/connect-sessions/{minted['id']}/confirm", sent, headers=[("origin", origin)])
    assert answer[0] == 200, answer
    shown = json.loads(ask("GET", f"{origin}/connect-sessions/{minted['id']}")[1])
    assert shown["state"] == "connected" and shown["location_id"], shown


def code(page):
    """What an app's code in a page asks for and reads is in openapi.yaml."""
    contract = (ROOT / "openapi.yaml").read_text()
    paths = set(re.findall(r"^  (/\S*):", contract, re.M))
    fields = set(re.findall(r"^ +([a-z_]+):", contract, re.M)) | set(re.findall(r"[{ ]([a-z_]+):", contract))
    for _, language, text in blocks(page):
        if language not in ("swift", "kotlin", "js"):
            continue
        for path in re.findall(r'"(/v1/[^"]*)"', text):
            template = re.sub(r"\\\([^)]*\)|\$\{?\w+(?:\.\w+)?\}?", "{id}", path.split("?")[0])
            assert template in paths, f"{page}: {path} is not in openapi.yaml"
        for name in re.findall(r'[."]([a-z]+_[a-z_]+)\b', text):
            assert name in fields, f"{page}: {name} is not in openapi.yaml"
    print(f"{page}: its code follows openapi.yaml")


def compiled(page, folder):
    """The commands that start the clients of a page, in Swift, each with the customer beside this file."""
    files = {"swift": []}
    for number, (_, language, text) in enumerate(blocks(page)):
        if language not in files:
            continue
        file = folder / f"Block{number}.{language}"
        file.write_text(text + "\n")
        if "import SwiftUI" in text:
            # Linux has none of these: the syntax is all that can be checked.
            subprocess.run(["swiftc", "-swift-version", "6", "-parse", file], check=True)
        else:
            files[language].append(file)
    beside = ROOT / "Tests/Docs"
    if files["swift"]:
        client = folder / "client"
        library = sorted((ROOT / "Sources/ConnectClient").glob("*.swift"))
        subprocess.run(
            [
                "swiftc", "-swift-version", "6", "-parse-as-library", "-module-name", "ConnectClient", "-emit-library",
                "-static", "-emit-module", *library, "-o", "libConnectClient.a",
            ],
            cwd=folder,
            check=True,
        )
        subprocess.run(
            [
                "swiftc",
                "-swift-version",
                "6",
                "-parse-as-library",
                "-I",
                folder,
                "-L",
                folder,
                "-lConnectClient",
                *files["swift"],
                beside / "customer.swift",
                "-o",
                client,
            ],
            check=True,
        )
        yield [client]


def isolate():
    """A loopback network, and folders of its own."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    folder = tempfile.mkdtemp(prefix="bff-docs-")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    # Some of it may be readable by root alone, who we may not be.
    subprocess.run(["cp", "-a", "/etc", folder], stderr=subprocess.DEVNULL)
    subprocess.run(["mount", "--bind", f"{folder}/etc", "/etc"], check=True)
    for path in ["/var/lib", "/var/log"]:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)


if __name__ == "__main__":
    isolate()
    for page in [
        "connect-page.md", "integrate-web.md", "integrate-mobile.md", "energy.md", "../clients/kotlin/README.md",
        "../clients/typescript/README.md",
    ]:
        code(page)
    for page in ["connect-page.md", "integrate-web.md", "integrate-mobile.md", "energy.md", "sandbox.md"]:
        beside_dev(page)
    example()
    operate()
    print("docs: all well", file=sys.stderr)
