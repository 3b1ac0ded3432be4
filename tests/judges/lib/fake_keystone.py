"""A Keystone that knows nobody: it tells its version, notes what a login sends, and refuses it."""

import http.server
import json
import threading


class FakeKeystone:
    """Serves on loopback until it is closed; a context manager."""

    def __init__(self):
        self.logins = []
        keystone = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""

            protocol_version = "HTTP/1.1"

            def do_GET(self):  # pylint: disable=invalid-name
                """Every address is a version document: of v3 itself, or of all versions."""
                root = self.path.rstrip("/").removesuffix("/v3")
                version = {"id": "v3.14", "status": "stable", "links": [
                    {"rel": "self", "href": f"{keystone.address}{root}/v3/"}]}
                if self.path.rstrip("/").endswith("/v3"):
                    self._answer(200, {"version": version})
                else:
                    self._answer(300, {"versions": {"values": [version]}})

            def do_POST(self):  # pylint: disable=invalid-name
                """A login, whatever the address."""
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                keystone.logins.append((self.path, json.loads(body)))
                self._answer(401, {"error": {"code": 401, "title": "Unauthorized", "message": "no"}})

            def _answer(self, code, body):
                body = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def taken(self):
        """The logins since it was asked last."""
        logins, self.logins = self.logins, []
        return logins

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
