"""Bulk requests against a server that is overloaded in every way that OpenSearch can be."""

import json
import math
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from imagesearch.adapters import engine_guard, opensearch_bulk
from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_client import opensearch_client
from imagesearch.errors import (
    IndexMissingError,
    SearchDeniedError,
    SearchRefusedError,
    SearchUnavailableError,
)
from imagesearch.models import EmbeddedImage, Metadata, Vector, document_id
from imagesearch.vectors import WrittenVector
from tests.builders import a_reject, an_image

EAST = (1.0, 0.0, 0.0, 0.0)


def embedded(key: str, vector: Vector = EAST) -> EmbeddedImage:
    return EmbeddedImage(image=an_image(key), vector=vector)


THREE = [embedded(key) for key in ("a", "b", "c")]
A, B, C = (document_id(key) for key in ("a", "b", "c"))

BREAKER = (
    "Parsing the created knn vector fields prior to indexing has failed as the circuit breaker triggered.  "
    "This indicates that the cluster is low on memory resources."
)
FLOODED = "index [images-1] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark]"
FULL = "index [images-1] blocked by: [FORBIDDEN/8/index write (api)]"
OVERLOADS: list[tuple[int, dict[str, Any]]] = [
    (429, {"type": "rejected_execution_exception", "reason": "rejected execution"}),
    (429, {"type": "circuit_breaking_exception", "reason": "[parent] Data too large"}),
    (503, {"type": "unavailable_shards_exception", "reason": "primary shard is not active"}),
    (429, {"type": "cluster_block_exception", "reason": FLOODED}),
    (403, {"type": "cluster_block_exception", "reason": FULL}),
    (500, {"type": "knn_circuit_breaker_exception", "reason": BREAKER}),
    (
        400,
        {
            "type": "mapper_parsing_exception",
            "reason": "failed to parse",
            "caused_by": {"type": "knn_circuit_breaker_exception", "reason": BREAKER},
        },
    ),
    (400, {"type": "illegal_state_exception", "reason": BREAKER}),
]
DENIED = {"type": "security_exception", "reason": "no permissions for [indices:data/write/bulk]"}
Items = list[dict[str, Any]]


class Server:
    """Answers `_bulk` with what `answer` returns: a status, or the items' results by their ids."""

    def __init__(self, answer: Callable[[int, list[str]], int | Items], error: dict[str, Any]) -> None:
        self._answer = answer
        self._error = error
        self.sent: list[list[str]] = []
        self.pauses: list[float] = []
        self.url = ""

    def take(self, body: bytes) -> tuple[int, dict[str, Any]]:
        actions = [json.loads(line) for line in body.split(b"\n")[::2] if line]
        ids = [action["index"]["_id"] for action in actions]
        self.sent.append(ids)
        answer = self._answer(len(self.sent), ids)
        if isinstance(answer, int):
            return answer, {"error": self._error, "status": answer}
        return 200, {"items": [{"index": item} for item in answer]}

    def put(self, documents: list[Any] = THREE, **options: Any) -> None:
        client = opensearch_client(endpoint=self.url, engine="lucene", auth=None)
        opensearch_bulk.put_many(client, "images-1", documents, pause=self.pauses.append, **options)


@contextmanager
def _server(
    answer: Callable[[int, list[str]], int | Items], error: dict[str, Any] = OVERLOADS[0][1]
) -> Iterator[Server]:
    server = Server(answer, error)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = server.take(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def _written(ids: list[str]) -> Items:
    return [{"status": 201}] * len(ids)


def test_an_overloaded_opensearch_is_asked_again_after_growing_pauses() -> None:
    with _server(lambda number, ids: 429 if number < 5 else _written(ids)) as server:
        server.put()
    assert server.sent == [[A, B, C]] * 5
    assert [seconds for seconds in server.pauses if seconds > 0] == server.pauses
    for seconds, longest in zip(server.pauses, (0.5, 1, 2, 4), strict=True):
        assert longest / 2 <= seconds <= longest


@pytest.mark.parametrize("status", [429, 503])
def test_an_opensearch_that_stays_overloaded_is_unavailable(status: int) -> None:
    with _server(lambda *_: status) as server, pytest.raises(SearchUnavailableError, match=str(status)):
        server.put()
    assert len(server.pauses) == 7
    assert 30 < sum(server.pauses) < 62


def test_a_restarting_opensearch_is_waited_for() -> None:
    client = opensearch_client(endpoint="http://127.0.0.1:9", engine="lucene", auth=None)
    pauses: list[float] = []
    with pytest.raises(SearchUnavailableError, match="cannot be reached"):
        opensearch_bulk.put_many(client, "images-1", THREE, pause=pauses.append)
    assert len(pauses) == 7


@pytest.mark.parametrize(("status", "error"), OVERLOADS)
def test_only_what_was_refused_for_now_is_sent_again(status: int, error: dict[str, Any]) -> None:
    def answer(number: int, ids: list[str]) -> Items:
        refused = {"status": status, "error": error}
        return [refused if number < 3 and each == B else {"status": 200} for each in ids]

    with _server(answer) as server:
        server.put()
    assert server.sent == [[A, B, C], [B], [B]]


def test_documents_that_are_never_taken_make_it_unavailable() -> None:
    refused = {"status": 429, "error": OVERLOADS[0][1]}
    with _server(lambda _, ids: [refused] * len(ids)) as server, pytest.raises(SearchUnavailableError):
        server.put()
    assert len(server.sent) == 8


def test_documents_that_a_block_keeps_out_are_told_with_its_reason() -> None:
    block = {"type": "cluster_block_exception", "reason": "blocked by: [FORBIDDEN/5/index read-only (api)];"}
    refused = {"status": 403, "error": block}
    with (
        _server(lambda _, ids: [refused] * len(ids)) as server,
        pytest.raises(SearchUnavailableError, match=r"403, cluster_block_exception: .*read-only \(api\)"),
    ):
        server.put()
    assert len(server.sent) == 8


@pytest.mark.parametrize(
    "answer", [403, [{"status": 403, "error": DENIED}] * 3], ids=["request", "documents"]
)
def test_what_the_domains_roles_deny_is_not_sent_again(answer: int | Items) -> None:
    with _server(lambda *_: answer, error=DENIED) as server, pytest.raises(SearchDeniedError):
        server.put()
    assert (len(server.sent), server.pauses) == (1, [])


def test_what_is_refused_for_good_is_raised_with_its_reason_and_not_sent_again() -> None:
    cause = {"type": "illegal_argument_exception", "reason": "Invalid vector dimension"}
    error = {"type": "mapper_parsing_exception", "reason": "failed to parse", "caused_by": cause}
    with (
        _server(lambda *_: [{"status": 400, "error": error}, {"status": 201}, {"status": 201}]) as server,
        pytest.raises(SearchRefusedError, match=r"400, mapper_parsing_exception\): Invalid vector dimension"),
    ):
        server.put()
    assert (len(server.sent), server.pauses) == (1, [])


def test_a_missing_index_is_told_apart() -> None:
    error = {"type": "index_not_found_exception", "reason": "no such index"}
    with (
        _server(lambda _, ids: [{"status": 404, "error": error}] * len(ids)) as server,
        pytest.raises(IndexMissingError),
    ):
        server.put()


def test_a_request_that_is_refused_as_a_whole_is_not_sent_again() -> None:
    with _server(lambda *_: 413) as server, pytest.raises(SearchRefusedError, match="413"):
        server.put()
    assert (len(server.sent), server.pauses) == (1, [])


def test_the_index_waits_by_the_same_rules() -> None:
    pauses: list[float] = []
    with _server(lambda number, ids: 429 if number == 1 else _written(ids)) as server:
        client = opensearch_client(endpoint=server.url, engine="lucene", auth=None)
        OpenSearchVectorIndex(client=client, alias="images", pause=pauses.append).put_many("images-1", THREE)
    assert len(pauses) == 1


def test_requests_are_bounded_in_bytes_and_filled() -> None:
    documents = [embedded(f"{number:03}") for number in range(50)]
    size = len(opensearch_bulk._entry(documents[0]).lines)
    with _server(lambda _, ids: _written(ids)) as server:
        server.put(documents, max_request_bytes=20 * size + 10)
    assert [len(ids) for ids in server.sent] == [20, 20, 10]


def test_a_document_that_is_larger_than_a_request_goes_alone() -> None:
    with _server(lambda _, ids: _written(ids)) as server:
        server.put(max_request_bytes=10)
    assert server.sent == [[A], [B], [C]]


def test_only_one_request_of_documents_is_held_at_a_time() -> None:
    taken: list[int] = []

    def documents() -> Iterator[EmbeddedImage]:
        for number in range(30):
            taken.append(number)
            yield embedded(f"{number:03}")

    ahead: list[int] = []

    def answer(_: int, ids: list[str]) -> Items:
        ahead.append(len(taken))
        return _written(ids)

    size = len(opensearch_bulk._entry(embedded("000")).lines)
    with _server(answer) as server:
        server.put(documents(), max_request_bytes=10 * size + 10)  # type: ignore[arg-type]
    assert ahead == [11, 21, 30]


def test_the_guard_has_nothing_to_parse_in_a_body_of_any_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_guard, "_documents", lambda _: pytest.fail("the body was parsed"))
    keys = ["Südsee 2026/日本 \U0001f30a.jpg", 'quo"te\\.png', "\u2028"]
    with _server(lambda _, ids: _written(ids)) as server:
        server.put([*map(embedded, keys), a_reject("Übel.txt")])
    assert len(server.sent) == 1


def test_a_vector_arrives_as_it_was_embedded_but_for_less_than_float32_holds() -> None:
    chance = random.Random(3)  # noqa: S311 - test data
    numbers = [chance.gauss() * 10 ** chance.randint(-9, 0) for _ in range(512)]
    vector = tuple(number / math.hypot(*numbers) for number in numbers)
    captioned = replace(an_image("a"), metadata=Metadata(caption="A boat."))
    document = EmbeddedImage(image=captioned, vector=vector, caption_vector=EAST)
    source = json.loads(opensearch_bulk._entry(document).lines.split(b"\n")[1])
    assert source["embedding"] == pytest.approx(vector, rel=0, abs=2**-24 / 10)
    assert (source["key"], source["caption_embedding"]) == ("a", list(EAST))


def test_a_vector_that_is_written_already_goes_out_as_it_is() -> None:
    text = b"[0.60000000,-0.00000000,-0.80000000]"
    captioned = replace(an_image("a"), metadata=Metadata(caption="A boat."))
    vector = WrittenVector(text=text)
    document = EmbeddedImage(image=captioned, vector=vector, caption_vector=vector)
    assert opensearch_bulk._entry(document).lines.endswith(
        b',"embedding":%b,"caption_embedding":%b}\n' % (text, text)
    )
