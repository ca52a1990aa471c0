"""A site of an integrator's, on an origin of its own."""

import http.server
import threading


class Page(http.server.BaseHTTPRequestHandler):
    """Answers with texts, which no browser keeps."""

    def content_policy(self):
        """The content policy of every answer; none where it is empty."""
        return ""

    def answer(self, body, content_type):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body.encode())))
        self.send_header("Cache-Control", "no-store")
        if policy := self.content_policy():
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments):
        pass


class Website:
    def __init__(self, handler, host="127.0.0.1"):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.host = f"{host}:{self.server.server_port}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
