"""Hand browsers' requests on to the emulated distribution, where CloudFront's name and TLS would be.

The emulator serves a distribution to whoever asks for its host name, which leads nowhere. This program
listens on loopback, which browsers take for as safe as TLS, and asks the emulator under that name.
"""

import argparse
import http.client
import ssl
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import SplitResult, urlsplit

from scripts.local.ports import LOOPBACK

OURS = {LOOPBACK, "localhost"}
"""The hosts that browsers may ask for: a name of others that leads here is not answered."""
ANSWER_SECONDS = 60.0
IDLE_SECONDS = 30.0
_ONE_HOP = {
    *("connection", "content-length", "date", "host", "keep-alive", "proxy-connection", "server"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
}
"""What one connection's ends tell each other; each connection here has its own."""


class Handler(BaseHTTPRequestHandler):
    """Ask the emulator as ``host`` at ``emulator`` what a browser asks here."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    def __init__(
        self,
        *request: object,
        emulator: SplitResult,
        host: str,
        trusted: ssl.SSLContext | None,
    ) -> None:
        self._emulator = emulator
        self._host = host
        self._trusted = trusted
        super().__init__(*request)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Hand the request on."""
        refused = self._refusal()
        if refused is not None:
            self.close_connection = True
            self._answer(refused, [("Content-Type", "text/plain")], f"{refused.phrase}\n".encode())
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            status, headers, content = self._ask(body)
        except (OSError, http.client.HTTPException) as error:
            text = f"The local environment does not answer ({error}): imagesearch local status\n"
            self._answer(HTTPStatus.BAD_GATEWAY, [("Content-Type", "text/plain")], text.encode())
            return
        self._answer(status, headers, content)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing: addresses of pages can tell what was searched for."""

    def _refusal(self) -> HTTPStatus | None:
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in OURS:
            return HTTPStatus.MISDIRECTED_REQUEST
        if "Transfer-Encoding" in self.headers:
            return HTTPStatus.LENGTH_REQUIRED
        return None

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """The emulator's status, headers and body."""
        connection = self._connection()
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self._headers(body):
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        place, port = self._emulator.hostname or LOOPBACK, self._emulator.port
        if self._trusted is None:
            return http.client.HTTPConnection(place, port, timeout=ANSWER_SECONDS)
        return http.client.HTTPSConnection(place, port, timeout=ANSWER_SECONDS, context=self._trusted)

    def _headers(self, body: bytes) -> Iterable[tuple[str, str]]:
        yield "Host", self._host
        # Loopback counts as safe as TLS, which would end here.
        yield "X-Forwarded-Proto", "https"
        yield "Content-Length", str(len(body))
        yield from _of_all_hops(self.headers.items())

    def _answer(self, status: int, headers: Iterable[tuple[str, str]], content: bytes) -> None:
        bodiless = status < HTTPStatus.OK or status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        self.send_response(status)
        for name, value in _of_all_hops(headers):
            self.send_header(name, value)
        if not bodiless:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not bodiless and self.command != "HEAD":
            self.wfile.write(content)


def _of_all_hops(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((name, value) for name, value in headers if name.lower() not in _ONE_HOP)


def server(port: int, *, emulator_url: str, host: str, ca_file: str | None = None) -> ThreadingHTTPServer:
    """Listen on ``port`` of loopback for the distribution called ``host`` of the emulator."""
    handler = partial(
        Handler,
        emulator=urlsplit(emulator_url),
        host=host,
        trusted=ssl.create_default_context(cafile=ca_file) if ca_file else None,
    )
    return ThreadingHTTPServer((LOOPBACK, port), handler)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--emulator-url", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--ca-file")
    options = parser.parse_args()
    with server(
        options.port, emulator_url=options.emulator_url, host=options.host, ca_file=options.ca_file
    ) as serving:
        serving.serve_forever()


if __name__ == "__main__":
    main()
