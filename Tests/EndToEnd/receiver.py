"""A receiver of events, written from the rules that Standard Webhooks 1.0.0 publishes, with the standard library alone.

It verifies what is posted to it, and prints one line of JSON for each accepted event and each refused one. Of each
accepted event it makes altered copies, none of which may pass.

    receiver.py PORT STATE SECRET...    a SECRET is whsec_...; any of them is believed; STATE is where it keeps its mood

The mood is the status that it answers with, read anew at each event: 204 when the file is missing.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time

TOLERANCE = 5 * 60


class Refused(Exception):
    pass


def verify(headers, body, secrets, now=None):
    """Raises Refused unless the message is genuine and fresh."""
    now = time.time() if now is None else now
    try:
        message_id, timestamp, signatures = (
            headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"])
    except KeyError as missing:
        raise Refused(f"no {missing}") from None
    if not timestamp.isdigit() or abs(now - int(timestamp)) > TOLERANCE:
        raise Refused("not of now")
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = [
        base64.b64encode(hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest())
        for secret in secrets
    ]
    for signature in signatures.split(" "):
        version, _, value = signature.partition(",")
        if version == "v1" and any(hmac.compare_digest(value.encode(), one) for one in expected):
            return
    raise Refused("no signature fits")


def altered(headers, body, secrets):
    """Copies of a genuine message, each wrong in one way: (what, headers, body, secrets, now)."""
    timestamp = int(headers["webhook-timestamp"])
    yield "body", headers, body[:-1] + b" }", secrets, None
    yield "one bit", headers, bytes([body[0]]) + bytes([body[1] ^ 1]) + body[2:], secrets, None
    yield "id", headers | {"webhook-id": headers["webhook-id"] + "x"}, body, secrets, None
    yield "timestamp", headers | {"webhook-timestamp": str(timestamp + 1)}, body, secrets, None
    yield "old timestamp", headers, body, secrets, timestamp + TOLERANCE + 1
    yield "other secret", headers, body, ["whsec_" + base64.b64encode(b"x" * 32).decode()], None
    yield "other version", headers | {
        "webhook-signature": headers["webhook-signature"].replace("v1,", "v1a,")}, body, secrets, None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mood = ""
    secrets = []
    turn = threading.Lock()

    def do_POST(self):
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:
            # Whoever sent it died meanwhile.
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = 204
        try:
            verify(headers, body, self.secrets)
            passed = [what for what, *message in altered(headers, body, self.secrets) if self.passes(*message)]
            if os.path.exists(self.mood):
                with open(self.mood) as file:
                    status = int(file.read())
            event = json.loads(body)
            said = {
                "accepted": event["id"] == headers["webhook-id"], "passed": passed, "status": status,
                "signatures": len(headers["webhook-signature"].split(" "))} | event
        except Refused as why:
            status, said = 400, {"accepted": False, "why": str(why)}
        # Events come at the same time, and print() writes a line in two pieces.
        with self.turn:
            print(json.dumps(said), flush=True)
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    @staticmethod
    def passes(headers, body, secrets, now):
        try:
            verify(headers, body, secrets, now)
            return True
        except Refused:
            return False

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    Handler.mood, Handler.secrets = sys.argv[2], sys.argv[3:]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(json.dumps({"listening": server.server_address[1]}), flush=True)
    server.serve_forever()
