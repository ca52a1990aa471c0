"""A real nginx before the service, with the files of `deploy/`: only addresses are other ones, and http is plain."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import webapp
from service import ROOT, end, free_ports


class Front:
    """`prefix` is a path that this proxy takes off again; the files of `deploy/` have none."""

    def __init__(self, service=None, prefix=""):
        self.port = free_ports(2)
        self.host = f"localhost:{self.port}"
        self.prefix = prefix
        self.url = f"http://{self.host}{prefix}"
        if service:
            self.start(service)

    def start(self, service):
        port = self.port
        self.folder = pathlib.Path(tempfile.mkdtemp())
        # The workers are no root.
        self.folder.chmod(0o755)
        (self.folder / "connect-bff").mkdir()
        changes = {
            r"127\.0\.0\.1:8080": f"127.0.0.1:{service.port}", r"/var/log/nginx": str(self.folder),
            r"listen 443 ssl http2": f"listen 127.0.0.1:{port}", r"listen 80": f"listen 127.0.0.1:{port + 1}",
            r"\n *ssl_[^\n]*": "", r"server_name api\.example\.com": "server_name localhost",
            r"https://connect\.example\.com": webapp.ORIGIN,
        }
        for file in (ROOT / "deploy/nginx").iterdir():
            text = file.read_text()
            for old, new in changes.items():
                text = re.sub(old, new, text)
            (self.folder / "connect-bff" / file.name).write_text(text)
        server = "include connect-bff/separate-origin.conf;" if not self.prefix else (
            f"server {{ listen 127.0.0.1:{port}; location {self.prefix}/ {{ proxy_pass http://connect_bff/; }} }}")
        paths = "".join(
            f"{kind}_temp_path {self.folder}/{kind}; " for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
        (self.folder / "nginx.conf").write_text(f"""
            daemon off; pid {self.folder}/nginx.pid; error_log stderr; user nobody nogroup; worker_processes 1;
            events {{}}
            http {{ {paths} include connect-bff/connect-bff.conf; {server} }}
        """)
        self.process = subprocess.Popen(
            ["/usr/sbin/nginx", "-p", self.folder, "-c", self.folder / "nginx.conf"], stdout=subprocess.PIPE)
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{self.url}/openapi.yaml", timeout=5)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError("nginx does not serve")

    @property
    def log(self):
        return (self.folder / "connect-bff.log").read_text()

    def stop(self):
        end(self.process)
        shutil.rmtree(self.folder)
