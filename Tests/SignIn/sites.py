"""Sites of others, with TLS, whose pages try to act as the customer who is signed in at the app."""

import http.server
import ssl
import threading


class Sites:
    """One server for all of them; `page` is what each shows."""

    def __init__(self, certificate, key):
        self.page = ""
        sites = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = sites.page.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
