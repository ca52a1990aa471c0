"""The stub upstream and the proxies before it, each with one worker."""

import os
import pathlib
import subprocess

from measure import HERE, LOAD_CPU, PROXY_CPU, Process, free_port, wait_for_port

ANSWER_BYTES = 2048
# A page of Connect as Flatpeak would send it, filled up to that size.
_PAGE = (
    '{"object":"connect_response","route":"provider_select","type":"page","live_mode":false,"actions":["BACK","CLOSE"],'
    '"data":{"providers":[%s]}}')
_PROVIDER = '{"id":"prv_%024d","display_name":"Power Company %02d","logo_url":"https://static.example/%024d.svg"}'


def answer():
    providers = [_PROVIDER % (number, number, number) for number in range(13)]
    page = _PAGE % ",".join(providers)
    return page[:-1] + " " * (ANSWER_BYTES - len(page)) + "}"


def certificates(work):
    """An authority of our own, and a certificate of localhost that it signed."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=work, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=Benchmark CA", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", "stub.key", "-out", "stub.csr")
    openssl("x509", "-req", "-in", "stub.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-copy_extensions", "copy", "-out", "stub.crt")


def configuration(source, target, **values):
    text = (HERE / "peers" / source).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    target.write_text(text)
    return target


class Peer:
    """A proxy that listens."""

    def __init__(self, name, port, process=None):
        self.name, self.port, self.process = name, port, process


class Stub(Peer):
    """nginx in Flatpeak's place."""

    def __init__(self, work):
        certificates(work)
        port = free_port()
        file = configuration("stub.conf", work / "stub.conf", DIR=work, PORT=port, ANSWER=answer())
        super().__init__(
            "stub", port,
            Process("stub", ["nginx", "-e", work / "stub-error.log", "-c", file], LOAD_CPU, work / "stub.log"))
        wait_for_port(port, self.process)


def _nginx(name, log, work, port, upstream, **policy):
    file = configuration(
        "nginx.conf", work / f"{name}.conf", NAME=name, DIR=work, PORT=port, UPSTREAM=upstream, LOG=log,
        FILES=min(16384, os.sysconf("SC_OPEN_MAX")), **{"MODULES": "", "SHARED": "", "POLICY": "", **policy})
    return ["nginx", "-e", work / f"{name}-error.log", "-c", file]


def _log(name, work):
    return f"{work}/{name}-access.log call buffer=64k flush=1s"


def _nginx_lua(work, port, upstream):
    """What connect-bff does, in nginx with Lua; the sessions are those of `write_tokens`."""
    modules = [
        f"load_module /usr/lib/nginx/modules/{name}_module.so;" for name in ("ndk_http", "ngx_http_lua")]
    shared = [
        "lua_shared_dict sessions 8m;", "lua_shared_dict buckets 8m;",
        f"lua_package_path '{HERE}/peers/?.lua;;';",
        f"init_by_lua_block {{ require('relay').load('{_tokens(work)}') }}"]
    headers = {
        "X-Request-Id": "$request_id", "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store, no-transform",
        "Vary": "Origin, Sec-Fetch-Site", "Access-Control-Allow-Origin": "$http_origin",
        "Access-Control-Expose-Headers": "X-Request-Id, Retry-After"}
    policy = ["access_by_lua_block { require('relay').check() }"]
    policy += [f'add_header {name} "{value}";' for name, value in headers.items()]
    return _nginx(
        "nginx-lua", _log("nginx-lua", work), work, port, upstream, MODULES="\n".join(modules),
        SHARED="\n  ".join(shared), POLICY="\n      ".join(policy))


def _tokens(work):
    return work / "tokens"


def write_tokens(work, tokens):
    """Keeps the connect tokens that a peer with a policy reads when it starts."""
    _tokens(work).write_text("".join(f"{token}\n" for token in tokens))


def _haproxy(work, port, upstream):
    return ["haproxy", "-f", configuration(
        "haproxy.cfg", work / "haproxy.cfg", DIR=work, PORT=port, UPSTREAM=upstream)]


def _caddy(work, port, upstream):
    return ["caddy", "run", "--adapter", "caddyfile", "--config", configuration(
        "Caddyfile", work / "Caddyfile", DIR=work, PORT=port, UPSTREAM=upstream)]


def go_program(work, source):
    """Builds a program from `peers/` with Debian's packages, and nothing from the network."""
    program = work / pathlib.Path(source).stem
    if not program.exists():
        subprocess.run(
            ["go", "build", "-o", program, f"./{source}"], check=True, cwd=HERE / "peers", env={
                **os.environ, "GOCACHE": str(work / "go-cache"), "GO111MODULE": "off", "GOPATH": "/usr/share/gocode"})
    return program


def _go(work, port, upstream):
    return [go_program(work, "proxy.go"), f"127.0.0.1:{port}", f"127.0.0.1:{upstream}", work / "ca.crt"]


def _node(work, port, upstream):
    return ["node", HERE / "peers" / "proxy.mjs", port, upstream, work / "ca.crt"]


COMMANDS = {
    "nginx": lambda work, *ports: _nginx("nginx", "off", work, *ports),
    "nginx-log": lambda work, *ports: _nginx("nginx-log", _log("nginx-log", work), work, *ports),
    "nginx-lua": _nginx_lua,
    "haproxy": _haproxy,
    "go": _go,
    "caddy": _caddy,
    "node": _node,
}

VERSIONS = {
    "nginx": ["nginx", "-v"], "haproxy": ["haproxy", "-v"], "go": ["go", "version"], "caddy": ["caddy", "version"],
    "node": ["node", "--version"],
}

# Programs whose heap is the C library's, so that its calls can be counted.
HEAP_COUNTED = {"nginx", "nginx-log", "nginx-lua", "haproxy", "connect-bff"}


def start(name, work, upstream, environment=None, prefix=(), arguments=()):
    """Starts the proxy `name` before the port `upstream`; `prefix` and `arguments` are put around its command."""
    port = free_port()
    # Caddy keeps files in its home.
    environment = {**os.environ, "HOME": str(work), "GOMAXPROCS": "1", **(environment or {})}
    command = [*prefix, *COMMANDS[name](work, port, upstream), *arguments]
    process = Process(name, command, PROXY_CPU, work / f"{name}.log", env=environment)
    try:
        wait_for_port(port, process)
    except BaseException:
        process.stop()
        raise
    return Peer(name, port, process)


def version(name):
    said = subprocess.run(VERSIONS[name], capture_output=True, text=True)
    text = (said.stdout + said.stderr).splitlines()[0].split(" - ")[0]
    return text if name in text.lower() else f"{name} {text}"
