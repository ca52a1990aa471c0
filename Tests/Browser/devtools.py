"""A second client of Chromium's DevTools, which answers requests of a tab in place of the service."""

import base64
import json
import socket
import threading
import urllib.request

import websocket


class Interception:
    """While it is open, `answer(url)` gives the body for each request that matches `pattern`; None lets it pass.

    A body is text, or `(status, content type, text)`. Requests of one tab and its same-site frames are seen.
    """

    def __init__(self, browser, pattern, answer):
        address = browser.driver.capabilities["goog:chromeOptions"]["debuggerAddress"]
        # An id of the tab, whatever the driver calls its handle.
        target = browser.cdp("Target.getTargetInfo")["targetInfo"]["targetId"]
        with urllib.request.urlopen(f"http://{address}/json/list", timeout=10) as listed:
            tabs = {each["id"]: each["webSocketDebuggerUrl"] for each in json.load(listed)}
        self.pattern = pattern
        self.answer = answer
        self.seen = []
        self.failure = None
        self.number = 0
        self.socket = websocket.create_connection(tabs[target], timeout=30, suppress_origin=True)
        self.thread = threading.Thread(target=self.listen, daemon=True)

    def __enter__(self):
        self.send("Fetch.enable", patterns=[{"urlPattern": self.pattern, "requestStage": "Request"}])
        # Paused requests are answered only once the domain is on.
        while json.loads(self.socket.recv()).get("id") != self.number:
            pass
        self.socket.settimeout(None)
        self.thread.start()
        return self

    def __exit__(self, *failure):
        # A client that is gone intercepts nothing. Only a shutdown ends the read that waits in the thread.
        self.socket.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        assert self.failure is None, self.failure

    def send(self, method, **parameters):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))

    def listen(self):
        try:
            while True:
                text = self.socket.recv()
                if not text:
                    return
                message = json.loads(text)
                if message.get("method") == "Fetch.requestPaused":
                    self.take(message["params"])
        except (OSError, websocket.WebSocketException):
            # The client is closed.
            return
        except Exception as error:
            self.failure = error
            self.socket.close()

    def take(self, paused):
        url = paused["request"]["url"]
        self.seen.append(url)
        answer = self.answer(url)
        if answer is None:
            self.send("Fetch.continueRequest", requestId=paused["requestId"])
            return
        status, content_type, text = answer if isinstance(answer, tuple) else (
            200, "text/javascript; charset=utf-8", answer)
        self.send(
            "Fetch.fulfillRequest", requestId=paused["requestId"], responseCode=status,
            responseHeaders=[{"name": "Content-Type", "value": content_type},
                             {"name": "Cache-Control", "value": "no-store"}],
            body=base64.b64encode(text.encode()).decode())
