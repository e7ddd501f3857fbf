"""The gate before OpenSearch lets through what its judge allows, unchanged but for the signature."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from scripts.local.emulator.domain_gate import DomainGate, Judge, Question, Refusal


class Behind(BaseHTTPRequestHandler):
    """Tells what it was asked."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        said = (
            f"{self.path} {self.headers.get('authorization')} {self.headers['x-opaque-id']} ".encode() + body
        )
        self.send_response(201)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_arguments: object) -> None:
        """Write nothing."""


@pytest.fixture
def behind() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Behind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def gate(address: str, judge: Judge) -> Iterator[str]:
    standing = DomainGate(address, judge=judge)
    standing.start()
    try:
        yield f"http://{standing.address}"
    finally:
        standing.stop()


HEADERS = {"authorization": "signed", "x-opaque-id": "request-1"}


def test_what_is_allowed_goes_through_without_its_signature(behind: str) -> None:
    judged: list[Question] = []

    def allow(question: Question) -> None:
        judged.append(question)

    with gate(behind, allow) as address:
        answer = httpx.post(f"{address}/images/_search?size=1", content=b"{}", headers=HEADERS)

    assert (answer.status_code, answer.headers["content-type"]) == (201, "text/plain")
    assert answer.text == "/images/_search?size=1 None request-1 {}"
    (question,) = judged
    assert (question.method, question.target, question.body) == ("POST", "/images/_search?size=1", b"{}")
    assert question.headers["authorization"] == "signed"


def test_what_is_refused_reaches_nothing_behind(behind: str) -> None:
    with gate(behind, lambda _: Refusal("not you")) as address:
        answer = httpx.post(f"{address}/images/_doc/1", content=b"{}", headers=HEADERS)

    assert (answer.status_code, answer.json()) == (403, {"Message": "not you"})


def test_nobody_behind_is_told_as_unavailable() -> None:
    with gate("127.0.0.1:1", lambda _: None) as address:
        answer = httpx.post(f"{address}/images/_search", content=b"{}", headers=HEADERS)

    assert answer.status_code == 503
