"""The stand-in web app on the one origin that `connect-bff dev` lets in: http://localhost:7070."""

import http.server
import pathlib
import threading

PORT = 7070
ORIGIN = f"http://localhost:{PORT}"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
}


class WebApp:
    """Serves the app; all that it knows of the service is `relay`, the address it was "built" with."""

    def __init__(self):
        self.relay = ""
        app = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                if path == "/config.js":
                    self.answer(f'export const CONNECT_API_URL = "{app.relay}";\n'.encode(), FILES["/app.js"][1])
                elif path in FILES:
                    name, content_type = FILES[path]
                    self.answer((pathlib.Path(__file__).parent / name).read_bytes(), content_type)
                else:
                    self.send_error(404)

            def answer(self, body, content_type):
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", PORT), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
