"""What browsers on this machine get of the emulated distribution, and what the emulator is asked for."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import httpx
import pytest

from scripts.local.web_server import server

HOST = "d123.cloudfront.net"
PICTURE = bytes(range(256)) * 64


class _Distribution(BaseHTTPRequestHandler):
    """Answers with what it was asked: method, address and host in headers, and the body itself."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[dict[str, str]]] = []

    def do_POST(self) -> None:
        self.asked.append(dict(self.headers))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = 304 if "If-None-Match" in self.headers else 200
        self.send_response(status)
        self.send_header("X-Asked", f"{self.command} {self.path} of {self.headers['Host']}")
        self.send_header("Content-Security-Policy", "default-src 'none'")
        if status == 200:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def _serving(serving: ThreadingHTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}"
    finally:
        serving.shutdown()
        thread.join()
        serving.server_close()


@pytest.fixture
def page() -> Iterator[httpx.Client]:
    _Distribution.asked.clear()
    with (
        _serving(ThreadingHTTPServer(("127.0.0.1", 0), _Distribution)) as emulator,
        _serving(server(0, emulator_url=emulator, host=HOST)) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        yield client


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_distribution_under_its_own_name(page: httpx.Client, method: str) -> None:
    answer = page.request(method, "/api/images/1?k=a%20b&k=2")
    assert answer.headers["x-asked"] == f"{method} /api/images/1?k=a%20b&k=2 of {HOST}"
    assert answer.headers["content-security-policy"] == "default-src 'none'"


def test_bodies_pass_as_they_are_in_both_directions(page: httpx.Client) -> None:
    answer = page.post("/api/search", content=PICTURE, headers={"Content-Type": "image/png"})
    assert answer.content == PICTURE
    assert _Distribution.asked[-1]["Content-Type"] == "image/png"


def test_the_distribution_takes_the_request_for_one_by_tls_as_loopback_is_as_safe(page: httpx.Client) -> None:
    page.get("/")
    assert _Distribution.asked[-1]["X-Forwarded-Proto"] == "https"


def test_keys_reach_the_api_and_what_concerns_one_connection_does_not(page: httpx.Client) -> None:
    page.get("/api/search", headers={"x-api-key": "secret", "Keep-Alive": "timeout=5"})
    asked = _Distribution.asked[-1]
    assert asked["x-api-key"] == "secret"
    assert "Keep-Alive" not in asked


def test_an_answer_without_a_body_leaves_the_connection_usable(page: httpx.Client) -> None:
    assert page.get("/app.js", headers={"If-None-Match": '"1"'}).status_code == 304
    assert page.post("/api/search", content=b"next").content == b"next"


def test_a_name_of_others_that_leads_here_is_not_answered(page: httpx.Client) -> None:
    answer = page.get("/", headers={"Host": "attacker.example"})
    assert answer.status_code == 421
    assert _Distribution.asked == []


def test_a_body_without_a_length_is_refused(page: httpx.Client) -> None:
    assert page.post("/api/search", content=iter([b"piece"])).status_code == 411


def test_an_emulator_that_is_gone_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with _serving(server(0, emulator_url=f"http://127.0.0.1:{port}", host=HOST)) as url:
        answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 502
    assert "imagesearch local status" in answer.text
