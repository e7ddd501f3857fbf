"""The roles of OpenSearch's security plugin as its REST API is documented, on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_API = "/_plugins/_security/api/"


@dataclass
class SecurityPlugin:
    """The running server: what was put under `roles/…` and `rolesmapping/…`, and conflicts still to come."""

    url: str = ""
    kept: dict[str, Any] = field(default_factory=dict)
    conflicts: int = 0

    def answer(self, method: str, path: str, body: Any) -> int:
        """The status of a request, after doing what it asks."""
        if self.conflicts:
            self.conflicts -= 1
            return 409
        name = path.removeprefix(_API)
        if method == "PUT":
            known = name in self.kept
            self.kept[name] = body
            return 200 if known else 201
        return 404 if self.kept.pop(name, None) is None else 200


@contextmanager
def security_plugin() -> Iterator[SecurityPlugin]:
    """Serve until the block ends."""
    plugin = SecurityPlugin()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            status = plugin.answer(self.command, self.path, json.loads(body) if body else None)
            content = json.dumps({"status": status}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_DELETE(self) -> None:
            self.do_PUT()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        plugin.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield plugin
        finally:
            server.shutdown()
            thread.join()
