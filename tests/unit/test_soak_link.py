"""The way to a server that can be made long, or cut."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.ports import free_ports
from tests.soak.link import Link

BODY = b"x" * 200_000


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def link() -> Iterator[Link]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            with Link(server.server_port) as link:
                yield link
        finally:
            server.shutdown()


def asked(http: httpx.Client, link: Link) -> bytes:
    return http.post(f"http://{link.address}/", content=BODY).content


def test_it_carries_everything_in_its_order(link: Link) -> None:
    with httpx.Client(trust_env=False) as http:
        assert asked(http, link) == asked(http, link) == BODY


def test_a_long_way_makes_answers_late_and_no_shorter(link: Link) -> None:
    link.delay = 0.2
    began = time.monotonic()
    with httpx.Client(trust_env=False) as http:
        assert asked(http, link) == BODY
    assert time.monotonic() - began >= 0.4


def test_a_cut_ends_connections_and_lets_none_in_until_it_is_mended(link: Link) -> None:
    with httpx.Client(trust_env=False) as http:
        assert asked(http, link) == BODY
        link.cut()
        for _ in range(3):
            with pytest.raises(httpx.TransportError):
                asked(http, link)
        link.restore()
        assert asked(http, link) == BODY


def test_what_nobody_serves_is_reached_by_nobody() -> None:
    with (
        Link(free_ports(1)[0]) as link,
        httpx.Client(trust_env=False) as http,
        pytest.raises(httpx.TransportError),
    ):
        asked(http, link)
