"""A server before OpenSearch that lets through what its judge allows, as a managed domain's front end does.

Free of the emulator.
"""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from scripts.local.ports import LOOPBACK

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}
"""Headers that belong to one connection, or that the gate writes itself."""
ANSWER_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """One request as it arrived: ``target`` is path and query, header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Refusal:
    """Why a request is not let through; 403 with this message."""

    message: str


Judge = Callable[[Question], Refusal | None]


class DomainGate:
    """The server; ``address`` (``host:port``) is where the OpenSearch behind it answers."""

    def __init__(self, address: str, *, judge: Judge) -> None:
        handler = type("Handler", (_Handler,), {"behind": address, "judge": staticmethod(judge)})
        self._server = ThreadingHTTPServer((LOOPBACK, 0), handler)
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        """The gate's own ``host:port``."""
        return f"{LOOPBACK}:{self._server.server_port}"

    def start(self) -> None:
        """Answer from now on, on threads of its own."""
        threading.Thread(target=self._server.serve_forever, daemon=True, name="domain-gate").start()

    def stop(self) -> None:
        """Answer no longer."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection, with one of its own to OpenSearch."""

    behind: str
    judge: Judge
    protocol_version = "HTTP/1.1"
    # Answers are small and written in two parts: Nagle's algorithm would hold the second back.
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        host, _, port = self.behind.partition(":")
        self._upstream = http.client.HTTPConnection(host, int(port), timeout=ANSWER_SECONDS)

    def finish(self) -> None:
        self._upstream.close()
        with suppress(OSError):
            super().finish()

    def log_message(self, *_arguments: Any) -> None:
        """Write nothing: the functions' own logs say what they asked."""

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        refusal = self.judge(Question(method=self.command, target=self.path, headers=headers, body=body))
        if refusal is not None:
            self._write(
                403, {"content-type": "application/json"}, json.dumps({"Message": refusal.message}).encode()
            )
            return
        try:
            self._write(*self._ask(headers, body))
        except (OSError, http.client.HTTPException):
            self._upstream.close()
            self._write(503, {"content-type": "text/html"}, b"<h1>503 Service Unavailable</h1>")

    def _ask(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        kept = {name: value for name, value in headers.items() if name not in HOP_BY_HOP}
        # What is signed for the gate is no credential for what lies behind it.
        kept.pop("authorization", None)
        self._upstream.request(self.command, self.path, body or None, kept)
        with suppress(AttributeError, OSError):
            self._upstream.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = self._upstream.getresponse()
        names = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        return answer.status, names, answer.read()

    def _write(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815
