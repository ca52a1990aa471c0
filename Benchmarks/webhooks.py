"""What webhooks cost: a signature, and a delivery from its first byte to the 204 that says that it is on the disk."""

import http.client
import json
import subprocess
import time

import measure
from measure import HERE

# As issue 8 wants it: deliveries a second.
RATE = 200


def verifications(work):
    """PS256 signatures of a delivery that one CPU verifies in a second, made by the `openssl` program."""
    def openssl(*arguments):
        return subprocess.run(["openssl", *arguments], cwd=work, check=True, capture_output=True).stdout

    openssl("genrsa", "-out", "webhook.key", "2048")
    modulus = openssl("rsa", "-in", "webhook.key", "-noout", "-modulus").decode().strip().partition("=")[2]
    (work / "modulus").write_bytes(bytes.fromhex(modulus))
    event = {"id": "evt_2f9c81fe48650a825b8104aa", "object": "event", "type": "tariff.expired", "data": {
        "live_mode": False, "location_id": "loc_9b9e81fe48650a825b810411", "tariff_id": "trf_4aafe83fbdb56ca96ece2ef2"}}
    (work / "delivery").write_bytes(b"1776847880." + json.dumps(event).encode())
    openssl("dgst", "-sha256", "-sign", "webhook.key", "-sigopt", "rsa_padding_mode:pss", "-sigopt",
            "rsa_pss_saltlen:32", "-out", "signature", "delivery")
    program = work / "verify"
    sources = HERE.parent / "Sources"
    subprocess.run(
        [
            "swiftc",
            "-swift-version",
            "6",
            "-package-name",
            "connect-bff",
            "-O",
            "-I",
            sources / "COpenSSL",
            "-o",
            program,
            *(sources / "Keys" / f"{name}.swift" for name in ("Digest", "JWSAlgorithm", "VerificationKey")),
            HERE / "signature" / "main.swift",
        ],
        check=True,
    )
    return float(subprocess.run(
        ["taskset", "-c", str(measure.PROXY_CPU), program, "modulus", "delivery", "signature"], cwd=work, check=True,
        capture_output=True, text=True).stdout)


def deliveries(program, work, seconds):
    """Milliseconds (p50, p99) of events that the sandbox signs and sends at `RATE` a second; both are one process."""
    ports = [measure.free_port() for _ in range(2)]
    base = free_run_of_four()
    with open(work / "dev.log", "wb") as log:
        running = subprocess.Popen(
            [program, "dev", "--port", str(ports[0]), "--admin-port", str(ports[1]), "--sandbox-port", str(base)],
            stdout=log, stderr=log, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(work)})
    try:
        wait_for(base + 2)
        wait_for(ports[0], "/readyz")
        # Lets both make and read the key.
        control(base + 2, "POST", "/events", {"type": "customer.update"})
        wait_until_delivered(base + 2, 1, 10)
        control(base + 2, "POST", "/events",
                {"type": "customer.update", "count": RATE * seconds, "per_second": RATE, "data": {"id": "cus_1"}})
        done = wait_until_delivered(base + 2, RATE * seconds + 1, seconds + 30)
        return done["milliseconds"]["p50"], done["milliseconds"]["p99"]
    finally:
        running.terminate()
        running.wait(30)


def wait_until_delivered(port, count, seconds):
    for _ in range(seconds * 10):
        said = control(port, "GET", "/webhooks")
        if said["delivered"] == count:
            # One that was tried twice would have been slow or refused.
            if said["attempts"] != count:
                raise RuntimeError(f"{said['attempts']} attempts for {count} deliveries")
            return said
        time.sleep(0.1)
    raise RuntimeError(f"not delivered in time: {said}")


def control(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} was answered {answer.status}: {text[:300]}")
    return json.loads(text) if path != "/readyz" else text


def wait_for(port, path="/"):
    for _ in range(1000):
        try:
            return control(port, "GET", path)
        except (OSError, RuntimeError):
            time.sleep(0.01)
    raise RuntimeError(f"nobody answers on port {port}")


def free_run_of_four():
    """The first of four free ports in a row."""
    while True:
        base = measure.free_port()
        if all(measure.is_free(base + offset) for offset in range(4)):
            return base
