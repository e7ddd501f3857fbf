"""One id from a request, an event or a run to every service that is asked for it."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from imagesearch.adapters.in_memory import InMemoryEmbedder, InMemoryPictureStore
from imagesearch.bulk.batches import in_parallel
from imagesearch.correlation import correlated, correlation_id
from imagesearch.entrypoints import bulk_finish, bulk_index, bulk_plan, bulk_prepare, ingest, migration, query
from imagesearch.entrypoints.wiring import IngestParts
from imagesearch.indexing import Indexer
from imagesearch.models import Embedding, PictureEmbedding
from tests.builders import (
    ATTRIBUTES,
    FINGERPRINT,
    OTHER_FINGERPRINT,
    PNG,
    in_memory_house,
)
from tests.bulk import RUN, bulk_house
from tests.embedders import embed_text
from tests.migration import DIMENSION, NEW, migration_house
from tests.opensearch_server import opensearch_server
from tests.query_api import REQUEST_ID, Api, Context, parts_of, proxy_event
from tests.sagemaker_runtime import Runtime
from tests.searching import searcher_of


class Listening(InMemoryEmbedder):
    """A model that notes by which id it is asked."""

    def __init__(self, pictures: InMemoryPictureStore) -> None:
        super().__init__(fingerprint=FINGERPRINT, dimension=32, pictures=pictures)
        self.heard: list[str | None] = []

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        self.heard.append(correlation_id())
        return super().embed(fingerprint=fingerprint, texts=texts, pictures=pictures)

    def embed_stored(self, *, fingerprint: str, key: str) -> PictureEmbedding:
        self.heard.append(correlation_id())
        return super().embed_stored(fingerprint=fingerprint, key=key)


def test_opensearch_is_told_the_id_in_the_header_that_its_logs_show() -> None:
    with opensearch_server({"count": 3}) as server:
        with correlated("request-1"):
            server.index().count("images-1")
        server.index().count("images-1")
    assert [headers.get("X-Opaque-Id") for headers in server.headers] == ["request-1", None]


def test_an_attempt_that_is_made_again_carries_the_same_id() -> None:
    with opensearch_server(503, {"count": 3}) as server, correlated("request-1"):
        server.index().count("images-1")
    assert [headers["X-Opaque-Id"] for headers in server.headers] == ["request-1"] * 2


def test_the_models_container_is_told_the_id(runtime: Runtime) -> None:
    with correlated("request-1"):
        embed_text()
    embed_text()
    assert [each.custom_attributes for each in runtime.invocations] == ["request-1", None]


@pytest.mark.parametrize(
    ("given", "carried"),
    [
        ("a b\r\nc: d", "abc:d"),
        ("Süd", "Sd"),
        ("x" * 65, "x" * 64),
        ("", None),
        ("\n", None),
    ],
)
def test_an_id_is_carried_in_a_form_that_fits_a_header(given: str, carried: str | None) -> None:
    with correlated(given):
        assert correlation_id() == carried


def test_work_within_work_has_an_id_of_its_own() -> None:
    with correlated("outer"):
        with correlated("inner"):
            assert correlation_id() == "inner"
        assert correlation_id() == "outer"
    assert correlation_id() is None


def test_what_is_done_in_parallel_is_known_by_the_same_id() -> None:
    with correlated("run-1"):
        assert in_parallel(lambda _: correlation_id(), range(20)) == ["run-1"] * 20


def test_a_requests_id_is_in_its_log_and_known_to_the_model(log: io.StringIO) -> None:
    house = in_memory_house()
    model = Listening(house.pictures)
    parts = replace(parts_of(house), searcher=searcher_of(house.index, embedder=model))
    event = proxy_event("GET", "/search", query={"q": ["sea"]})
    answer = query.build_handler(lambda: parts)(event, Context())
    assert answer["statusCode"] == 200
    assert model.heard == [REQUEST_ID]
    assert [line["request_id"] for line in _lines(log)] == [REQUEST_ID]


def test_a_requests_log_names_its_trace(api: Api, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-67c1-00ff;Parent=53995c3f;Sampled=1")
    api.search(text="sea")
    assert [line["xray_trace_id"] for line in _lines(log)] == ["1-67c1-00ff"]


def test_an_events_id_is_in_its_log_and_known_to_the_model(log: io.StringIO) -> None:
    house = in_memory_house()
    model = Listening(house.pictures)
    house.pictures.put("a.png", PNG)
    indexer = Indexer(embedder=model, index=house.index, pictures=house.pictures, attributes=ATTRIBUTES)
    parts = IngestParts(indexer=indexer, bucket="pictures", seconds_per_picture=20)
    detail = {"bucket": {"name": "pictures"}, "object": {"key": "a.png", "sequencer": "7"}}
    event = {"id": "event-1", "time": "2026-03-01T12:30:00Z", "detail": detail}
    record = {"messageId": "m", "body": json.dumps(event), "eventSource": "aws:sqs", "attributes": {}}
    ingest.build_handler(lambda: parts)({"Records": [record]}, Context(300))
    assert model.heard == ["event-1"]
    assert [line["event_id"] for line in _lines(log)] == ["event-1"]


def test_every_step_of_a_run_logs_its_run(log: io.StringIO) -> None:
    bulk = bulk_house(contents={"a.png": PNG})
    event: dict[str, Any] = {"run": RUN, "prefix": ""}
    while not event.get("done"):
        event = bulk_plan.build_handler(bulk.planner)(event, None)
    bulk_prepare.build_handler(bulk.preparer)({"run": RUN}, None)
    bulk.transform()
    output = f"runs/{RUN}/embeddings/00000-000.jsonl.out"
    bulk_index.build_handler(bulk.loader)({"run": RUN, "key": output}, None)
    bulk_finish.build_handler(bulk.finisher)({"run": RUN}, None)
    lines = _lines(log)
    assert {line["message"] for line in lines} == {"planned", "prepared", "indexed", "finished"}
    assert {line["run"] for line in lines} == {RUN}


def test_a_step_of_a_migration_logs_which_one_it_belongs_to(log: io.StringIO) -> None:
    house = migration_house()
    handler = migration.build_handler(house.migration)
    begin = {"action": "begin", "fingerprint": OTHER_FINGERPRINT, "dimension": DIMENSION}
    handler(begin, None)
    handler({"action": "switch"}, None)
    taken, refused = _lines(log)
    assert (taken["action"], taken["migration"]) == ("begin", NEW)
    assert (refused["message"], refused["action"]) == ("step refused", "switch")


def _lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]
