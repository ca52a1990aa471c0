"""Does in a clean Debian what docs/operate.md says of the package, as an operator does it, with the packaged sandbox in
Flatpeak's place and nginx in front.

usage: install.py ROOT, in namespaces of its own (scripts/check-package). ROOT has packages in /root/new, and those of
an older release in /root/old, which Tests/Package/older.py made of them.

No second program is built. What makes the older release older is its version, and that the database which it leaves is
one step of the schema behind.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

from guides import blocks
from units import Units

ROOT = pathlib.Path(sys.argv[1])
SCHEMAS = pathlib.Path(__file__).parent.parent / "StoreTests/Schemas"
STATE = ROOT / "var/lib/connect-bff"
DATABASE = STATE / "connect-bff.sqlite"
SETTINGS = ROOT / "etc/connect-bff"
SERVICE = "connect-bff.service"
SECRETS = {"ACCOUNT_ID": "acc_sandbox01", "API_KEY": "sk_test_sandbox01"}


def guide(section):
    """The commands of a section that are about the package."""
    found = [text for where, language, text in blocks("operate.md") if (where, language) == (section, "sh package")]
    assert found, f"docs/operate.md has no commands in {section}"
    return found


def sh(text, folder="/root", expected=0):
    """What commands print in the root."""
    done = subprocess.run(
        ["chroot", ROOT, "/bin/bash", "-euo", "pipefail", "-c", f"cd {folder}\n{text}"], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", **SECRETS},
    )
    assert done.returncode == expected, f"this ended with {done.returncode}:\n{text}\nand said:\n{done.stdout}"
    return done.stdout


def plain(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def ask(method, path, body=None, headers=()):
    """Status and text of an answer through nginx."""
    context = ssl._create_unverified_context()
    with contextlib.closing(http.client.HTTPSConnection("127.0.0.1", timeout=40, context=context)) as client:
        given = {"Host": "api.example.com", "Content-Type": "application/json", **dict(headers)}
        client.request(method, path, None if body is None else json.dumps(body), given)
        answer = client.getresponse()
        return answer.status, answer.read().decode(errors="replace")


def user(name):
    key = (SETTINGS / "backend-key").read_text().strip()
    return {"Authorization": f"Bearer {key}", "Connect-Subject": name}


def mint(name):
    status, text = ask("POST", "/v1/connect/sessions", {}, user(name))
    assert status == 201, f"{status} {text}"
    return json.loads(text)


def token(minted):
    """What the hosted page does with its ticket."""
    ticket = minted["launch_url"].split("#ticket=")[1]
    status, text = ask("POST", "/v1/connect/tickets", {"ticket": ticket, "tab": "A" * 22})
    assert status == 200, f"{status} {text}"
    return json.loads(text)["connect_token"]


class Load:
    """Users who mint, read and load the page, and one whose call takes seconds at any time; none may fail."""

    def __init__(self):
        self.slow, self.count, self.failures = [], 0, []
        self.over = threading.Event()
        self.token = token(mint("slow"))
        works = [self._use, self._use, self._wait_long, self._wait_long]
        self.threads = [threading.Thread(target=self._repeat, args=(work, n)) for n, work in enumerate(works)]
        for thread in self.threads:
            thread.start()

    def _repeat(self, work, number):
        turn = 0
        while not self.over.is_set():
            turn += 1
            try:
                work(f"user-{number}-{turn}")
            except Exception as error:
                self.failures.append(f"{type(error).__name__}: {error}")
            # nginx takes 20 calls a second of one address.
            time.sleep(0.3)

    def _expect(self, expected, *request):
        self.count += 1
        status, text = ask(*request)
        assert status == expected, f"{request[:2]}: {status} {text[:200]}"

    def _use(self, name):
        self.count += 1
        minted = mint(name)
        self._expect(200, "GET", f"/v1/connect/sessions/{minted['id']}", None, user(name))
        self._expect(200, "GET", "/connect")

    def _wait_long(self, _):
        started = time.monotonic()
        self._expect(200, "POST", "/v1/connect", {"connect_token": self.token, "route": "session_start"})
        self.slow.append((started, time.monotonic()))

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, f"{len(self.failures)} of {self.count} failed: {self.failures[:3]}"


def steps():
    """The steps that the schema of the database has had."""
    with contextlib.closing(sqlite3.connect(DATABASE)) as database:
        return [name for (name,) in database.execute("SELECT identifier FROM grdb_migrations ORDER BY 1")]


def one_step_back():
    """Leaves the database as a release before the last step of the schema would have left it, with the same rows."""
    number = len(list(SCHEMAS.glob("sqlite-*.sql"))) - 1
    older = STATE / "older.sqlite"
    with contextlib.closing(sqlite3.connect(older, isolation_level=None)) as database:
        database.executescript((SCHEMAS / f"sqlite-{number}.sql").read_text())
        database.execute("ATTACH ? AS live", [str(DATABASE)])
        tables = [name for (name,) in database.execute(
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        for table in tables:
            if table == "grdb_migrations":
                continue
            columns = [row[1] for row in database.execute(f"PRAGMA main.table_info({table})")]
            names = ", ".join(columns)
            database.execute(f"DELETE FROM main.{table}")
            database.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM live.{table}")
        database.execute("DETACH live")
    owner = DATABASE.stat()
    for end in ("-wal", "-shm"):
        pathlib.Path(f"{DATABASE}{end}").unlink(missing_ok=True)
    os.replace(older, DATABASE)
    os.chown(DATABASE, owner.st_uid, owner.st_gid)
    assert len(steps()) == number, steps()


def mode(path):
    facts = path.stat()
    return f"{facts.st_mode & 0o777:o} {facts.st_uid} {facts.st_gid}"


def group():
    """The number of the service's user, and of its group."""
    return re.search(r"^connect-bff:x:(\d+):\1:", (ROOT / "etc/passwd").read_text(), re.M)[1]


def install(units):
    """Installs the older release, as one installs any."""
    sh("apt-get install ./flatpeak-sandbox_*.deb", "/root/new")
    command, secrets, start = guide("Install")
    sh(command, "/root/old")
    assert not units.running and not units.sockets, "something was started without secrets"
    assert not units.enabled, units.enabled
    assert mode(SETTINGS) == f"750 0 {group()}", mode(SETTINGS)
    assert mode(STATE) == f"700 {group()} {group()}", mode(STATE)
    for secret in ("account-id", "api-key", "service-keys"):
        assert mode(SETTINGS / secret) == f"640 0 {group()}", secret
    assert mode(SETTINGS / "backend-key") == "600 0 0", mode(SETTINGS / "backend-key")

    settings = SETTINGS / "settings.yaml"
    settings.write_text(re.sub("#(apiUrl|connectUrl|publicUrl|allowedHosts):", r"\1:", settings.read_text()))
    sh("systemctl start flatpeak-sandbox")
    until(lambda: plain("http://127.0.0.1:8092/requests/count"))
    doctor = next(line for line in start.splitlines() if " doctor " in line)
    said = sh(doctor, expected=1)
    assert "FLATPEAK_ACCOUNT_ID" in said and "FLATPEAK_API_KEY" in said and "is empty" in said, said
    sh(secrets)
    sh(start)
    assert units.is_active(SERVICE) and units.is_active("connect-bff.socket")
    print("install: installed, two secrets entered, checked by the doctor, and started")


def proxy():
    """nginx, as docs/deploy.md has it."""
    sh("cp -r /usr/share/doc/connect-bff/examples/nginx /etc/nginx/connect-bff")
    configuration = ROOT / "etc/nginx/nginx.conf"
    include = "http {\n\tinclude connect-bff/connect-bff.conf;\n\tinclude connect-bff/hosted.conf;"
    configuration.write_text(re.sub(r"http \{", include, configuration.read_text(), count=1))
    certificates = ROOT / "etc/ssl/connect-bff"
    certificates.mkdir()
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=api.example.com", "-keyout", certificates / "privkey.pem", "-out",
            certificates / "fullchain.pem",
        ],
        check=True, capture_output=True)
    sh("nginx -t -q && nginx")


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if condition():
                return
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def running_version():
    return json.loads(plain("http://127.0.0.1:9090/status"))["build"]["version"]


def version_in(folder):
    (package,) = (ROOT / folder.lstrip("/")).glob("connect-bff_*.deb")
    return package.name.split("_")[1].rpartition("-")[0]


def readable(session):
    status, text = ask("GET", f"/v1/connect/sessions/{session}", None, user("alice"))
    assert status == 200, f"{status} {text}"


def upgrade(units, session):
    """Upgrades under load, from a database that is a step behind."""
    plain("http://127.0.0.1:8092/faults", {"operation": "connect", "kind": "delay", "seconds": 2, "count": 100_000})
    settings, socket, all_steps = (SETTINGS / "settings.yaml").read_text(), units.sockets["connect-bff.socket"], steps()
    assert running_version() == version_in("/root/old")
    restarts = []

    def between():
        assert units.codes[SERVICE] == 0, f"the older program ended with {units.codes[SERVICE]}"
        restarts.append(time.monotonic())
        one_step_back()

    units.between = between
    load = Load()
    until(lambda: len(load.slow) > 2)
    (command,) = guide("Upgrade")
    stopped = time.monotonic()
    sh(command, "/root/new")
    time.sleep(4)
    load.end()
    units.between = lambda: None
    assert len(restarts) == 1, f"it was restarted {len(restarts)} times"
    waited = [1 for start, end in load.slow if start < restarts[0] and end > stopped]
    assert waited, "no request was under way"
    assert running_version() == version_in("/root/new")
    assert steps() == all_steps, steps()
    assert units.sockets["connect-bff.socket"] is socket, "the socket was opened anew"
    assert (SETTINGS / "settings.yaml").read_text() == settings
    readable(session)
    print(f"install: upgraded from a schema one step back; {load.count} requests meanwhile, none failed")


def roll_back(units, session):
    """Goes back to the older release: refused on a database that is too new, and done with the backup."""
    with contextlib.closing(sqlite3.connect(DATABASE, timeout=10)) as database, database:
        database.execute("INSERT INTO grdb_migrations VALUES ('999 invoices')")
    said = sh("apt-get install --allow-downgrades ./connect-bff_*.deb", "/root/old")
    assert "going back from" in said and "operate.md" in said, said
    assert not units.is_active(SERVICE)
    assert units.codes[SERVICE] == 78, units.codes
    assert "was migrated by a newer release" in units.log(SERVICE), units.log(SERVICE)[-1000:]
    assert steps()[-1] == "999 invoices", steps()
    (command,) = guide("Roll back")
    sh(command, "/root/old")
    assert running_version() == version_in("/root/old")
    readable(session)
    mint("alice")
    print("install: an older release refuses the newer database, and runs on the backup")


def remove(units, session):
    """Upgrades again; what is removed comes back with its data, and what is purged does not."""
    (command,) = guide("Upgrade")
    sh(command, "/root/new")
    readable(session)
    sh("apt-get remove connect-bff")
    assert not units.is_active(SERVICE) and not units.is_active("connect-bff.socket")
    assert DATABASE.exists() and (SETTINGS / "settings.yaml").exists() and (SETTINGS / "api-key").stat().st_size
    sh("apt-get install ./connect-bff_*.deb && systemctl start connect-bff.socket connect-bff.service", "/root/new")
    readable(session)
    sh("apt-get purge connect-bff")
    for path in (STATE, SETTINGS, ROOT / "usr/bin/connect-bff"):
        assert not path.exists(), path
    # systemd does not know units that are no more.
    units.enabled.clear()
    sh("apt-get install ./connect-bff_*.deb", "/root/new")
    assert not units.is_active(SERVICE) and (SETTINGS / "service-keys").stat().st_size
    sh("apt-get purge connect-bff flatpeak-sandbox")
    print("install: removed with its state kept, purged without a trace")


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", ROOT / "proc"], check=True)
    subprocess.run(["mount", "--bind", "/dev", ROOT / "dev"], check=True)
    units = Units(ROOT)
    try:
        install(units)
        proxy()
        session = mint("alice")["id"]
        upgrade(units, session)
        roll_back(units, session)
        remove(units, session)
    except BaseException:
        print(units.log(SERVICE)[-3000:], file=sys.stderr)
        raise
    finally:
        units.end()
