"""Apache with the files of `deploy/apache`: only addresses and folders are other ones, and TLS is as it stands."""

import http.client
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.parse

from service import ROOT, end

APP, API = "app.example.com", "api.example.com"
# Hosts of the tests: of the same site as the app, and of another one.
SIBLING, STRANGER = "shop.example.com", "stranger.test"

# What Debian's Apache has on as installed, and what comes with the modules of the guide.
DEBIAN = [
    "access_compat", "alias", "auth_basic", "authn_core", "authn_file", "authz_core", "authz_host", "authz_user",
    "autoindex", "deflate", "dir", "env", "filter", "mime", "mpm_event", "negotiation", "reqtimeout", "setenvif",
    "status",
]
WITH = {"ssl": ["socache_shmcb"], "proxy_http": ["proxy"]}


def modules():
    """Those of Debian, and those of the one line of the guide."""
    named = re.search(r"^ +a2enmod (.+)$", (ROOT / "docs/sign-in.md").read_text(), re.M)[1].split()
    return DEBIAN + [module for name in named for module in [*WITH.get(name, []), name]]


def settings(port):
    """The settings of the service that the recipe has, where Apache has this port."""
    text = re.sub(r"(https://\w+\.example\.com)", rf"\1:{port}", (ROOT / "deploy/apache/environment").read_text())
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


class Apache:
    def __init__(self, port, service_port, provider_url):
        self.port = port
        self.app, self.api = f"{APP}:{port}", f"{API}:{port}"
        self.folder = pathlib.Path(tempfile.mkdtemp())
        # The workers are no root.
        self.folder.chmod(0o755)
        for name in ("logs", "run", "ssl"):
            (self.folder / name).mkdir()
        self.certificate = self.folder / "ssl/fullchain.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={APP}", "-addext", "subjectAltName=" + ",".join(
                 f"DNS:{host}" for host in (APP, API, SIBLING, STRANGER)),
             "-keyout", self.folder / "ssl/privkey.pem", "-out", self.certificate], check=True, capture_output=True)
        changes = {
            "http://127.0.0.1:8080": f"http://127.0.0.1:{service_port}",
            "https://id.example.com": provider_url,
            "https://app.example.com": f"https://{self.app}",
            r"https://app\.example\.com": rf"https://app\.example\.com:{self.port}",
            "https://api.example.com": f"https://{self.api}",
            "/srv/connect-web": f"{self.folder}/srv",
            "/etc/ssl/connect-bff": f"{self.folder}/ssl",
            "<VirtualHost *:443>": f"<VirtualHost 127.0.0.1:{self.port}>",
            "<VirtualHost *:80>": f"<VirtualHost 127.0.0.1:{self.port + 1}>",
        }
        made = set()
        for source, target in (
                ("deploy/apache/*.conf", "apache2/connect-bff"), ("deploy/apache/*.html", "srv"),
                ("docs/examples/sign-in/*", "srv")):
            (self.folder / target).mkdir(parents=True, exist_ok=True)
            for file in ROOT.glob(source):
                text = file.read_text()
                for old, new in changes.items():
                    made |= {old} if old in text else set()
                    text = text.replace(old, new)
                (self.folder / target / file.name).write_text(text)
        assert made == changes.keys(), f"the recipe has no {changes.keys() - made}"
        # What Debian's configuration has and a site depends on: the modules, the rule of the folder `/`, and what is
        # open to this machine on all hosts.
        load = "\n".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in modules())
        (self.folder / "apache2/apache2.conf").write_text(f"""
            DefaultRuntimeDir {self.folder}/run
            PidFile {self.folder}/run/apache2.pid
            ErrorLog {self.folder}/logs/error.log
            ServerName localhost
            Listen 127.0.0.1:{self.port}
            Listen 127.0.0.1:{self.port + 1}
            {load}
            User www-data
            Group www-data
            TypesConfig /etc/mime.types
            <Directory />
                Options FollowSymLinks
                AllowOverride None
                Require all denied
            </Directory>
            <Location /server-status>
                SetHandler server-status
                Require local
            </Location>
            Include connect-bff/connect-bff.conf
        """)
        self.trust = ssl.create_default_context(cafile=self.certificate)
        self._start()

    def _start(self):
        command = ["/usr/sbin/apache2", "-d", self.folder / "apache2", "-f", "apache2.conf"]
        environment = {"PATH": os.environ["PATH"], "APACHE_LOG_DIR": str(self.folder / "logs")}
        self.process = subprocess.Popen([*command, "-D", "FOREGROUND"], stdout=subprocess.PIPE, env=environment)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError(f"Apache does not serve: {self.errors}")

    def restart(self):
        """All sign-ins are gone."""
        end(self.process)
        self._start()

    def stop(self):
        end(self.process)
        shutil.rmtree(self.folder)

    # The logs.

    @property
    def log(self):
        return (self.folder / "logs/connect-bff.log").read_text()

    @property
    def errors(self):
        return "".join(
            file.read_text(errors="replace") for file in sorted((self.folder / "logs").iterdir())
            if file.name.endswith("error.log"))

    def answers(self, method, path):
        """The statuses of these requests so far."""
        return re.findall(rf'\] {method} "{re.escape(path)}" (\d+) ', self.log)

    # Requests that no browser sends.

    def sign_in(self, user):
        """The cookie of a new sign-in, done as a browser does it."""
        _, fields, _ = self.ask("GET", "/", [("Accept", "text/html")])
        state = fields["Set-Cookie"].partition(";")[0]
        back = urllib.parse.urlsplit(self._authorize(fields["Location"], user))
        _, fields, _ = self.ask("GET", f"{back.path}?{back.query}", [("Accept", "text/html"), ("Cookie", state)])
        return next(
            cookie.partition(";")[0] for cookie in fields.get_all("Set-Cookie") if cookie.startswith("__Host-sign-in="))

    def _authorize(self, url, user):
        """Where the provider sends this user."""
        url = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(url.netloc, timeout=20)
        connection.request("POST", f"{url.path}?{url.query}", urllib.parse.urlencode({"sub": user}), {
            "Content-Type": "application/x-www-form-urlencoded"})
        target = connection.getresponse().headers["Location"]
        connection.close()
        return target

    def ask(self, method, path, fields=(), body=None, host=APP, plain=False):
        """Status, fields and body of the answer. `fields` are sent as they are, as often as they are there."""
        connection = self.open(method, path, fields, body, host, plain)
        try:
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def open(self, method, path, fields=(), body=None, host=APP, plain=False):
        """A connection on which a request was sent."""
        connection = http.client.HTTPConnection(host, self.port)
        connection.sock = socket.create_connection(("127.0.0.1", self.port + plain), 20)
        if not plain:
            connection.sock = self.trust.wrap_socket(connection.sock, server_hostname=host)
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in fields:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return connection
