"""A web server on loopback whose answers are bytes, so that it can behave as badly as any."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[str], Iterable[bytes]]
"""Gives the pieces of an answer to a request's head; a piece is sent when the one before it has gone."""


@dataclass
class WebServer:
    """The running server, and the heads of the requests that it got."""

    host: str
    port: int
    heads: list[str] = field(default_factory=list)

    def url(self, host: str, path: str = "/", *, scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


def head(status: str, **headers: str) -> bytes:
    """The beginning of an answer; underscores in names are hyphens."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {text}" for name, text in headers.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def ok(content: bytes, **headers: str) -> bytes:
    return head("200 OK", Content_Length=str(len(content)), **headers) + content


@contextmanager
def web_server(
    answer: Answer, *, host: str = "127.0.0.2", tls: ssl.SSLContext | None = None
) -> Iterator[WebServer]:
    """Serve on a free port until the block ends; every connection gets one answer."""
    with socket.create_server((host, 0)) as listening:
        server = WebServer(host=host, port=listening.getsockname()[1])
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    connected, _ = listening.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=_serve, args=(connected, server, answer, tls)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *threads):
                thread.join()


def _serve(connected: socket.socket, server: WebServer, answer: Answer, tls: ssl.SSLContext | None) -> None:
    with (
        suppress(OSError),  # a client that gave up has gone
        connected,
        tls.wrap_socket(connected, server_side=True) if tls else connected as readable,
    ):
        text = b""
        while b"\r\n\r\n" not in text and (piece := readable.recv(1000)):
            text += piece
        server.heads.append(text.decode())
        for piece in answer(server.heads[-1]):
            readable.sendall(piece)
