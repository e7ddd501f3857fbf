"""The ingest function on in-memory parts: batches of S3 events from EventBridge through SQS."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.adapters.in_memory import InMemoryMetrics
from imagesearch.entrypoints.ingest import build_handler
from imagesearch.entrypoints.wiring import IngestParts
from imagesearch.errors import ModelUnavailableError, SettingsError
from imagesearch.models import ImageRecord, RejectedImage, document_id
from tests.builders import PNG, InMemoryHouse, in_memory_house

BUCKET = "pictures"


class Context(LambdaContext):
    """A context with a chosen remaining time at each question."""

    def __init__(self, *milliseconds: int) -> None:
        self._milliseconds = list(milliseconds)

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]
        return self._milliseconds.pop(0) if len(self._milliseconds) > 1 else self._milliseconds[0]


def _event(key: str, *, bucket: str = BUCKET, kind: str = "Object Created") -> str:
    return json.dumps(
        {
            "version": "0",
            "id": f"event-of-{key}",
            "time": "2026-03-01T12:30:00Z",
            "detail-type": kind,
            "source": "aws.s3",
            "detail": {
                "version": "0",
                "bucket": {"name": bucket},
                "object": {"key": key, "size": 1, "sequencer": "0062E99A88DC407460"},
            },
        }
    )


def _batch(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": "r",
                "body": body,
                "attributes": {},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:queue",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def _handle(house: InMemoryHouse, *bodies: str, context: Context | None = None) -> list[str]:
    """Return the messages that are to come again."""
    parts = IngestParts(indexer=house.indexer, bucket=BUCKET, seconds_per_picture=20)
    answer = build_handler(lambda: parts)(_batch(*bodies), context or Context(300_000))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def _document(house: InMemoryHouse, key: str) -> object:
    return house.index.get(house.index.active().name, document_id(key))


@pytest.mark.parametrize("key", ["a.png", "Südsee/ä #1?.png", "a+b%20c&d=.png", "x" * 1024])
def test_a_created_picture_is_indexed_under_its_very_key(key: str) -> None:
    house = in_memory_house()
    house.pictures.put(key, PNG)
    assert _handle(house, _event(key)) == []
    assert _document(house, key) is not None


def test_a_deleted_picture_is_removed() -> None:
    house = in_memory_house()
    house.pictures.put("a.png", PNG)
    _handle(house, _event("a.png"))
    house.pictures.remove("a.png")
    assert _handle(house, _event("a.png", kind="Object Deleted")) == []
    assert _document(house, "a.png") is None


def test_an_event_that_lies_about_what_happened_is_not_believed() -> None:
    house = in_memory_house()
    house.pictures.put("a.png", PNG)
    _handle(house, _event("a.png", kind="Object Deleted"), _event("b.png"))
    assert _document(house, "a.png") is not None
    assert _document(house, "b.png") is None


def test_an_unusable_picture_is_rejected_and_its_message_done() -> None:
    house = in_memory_house()
    house.pictures.put("note.txt", b"text")
    assert _handle(house, _event("note.txt")) == []
    assert isinstance(_document(house, "note.txt"), RejectedImage)


def test_a_sidecars_event_brings_its_picture_in_line() -> None:
    house = in_memory_house()
    house.pictures.put("a.png", PNG)
    _handle(house, _event("a.png"))
    for content, title in ((b'{"title": "By the sea"}', "By the sea"), (b"{}", None)):
        house.pictures.put("a.png.json", content)
        assert _handle(house, _event("a.png.json")) == []
        document = _document(house, "a.png")
        assert isinstance(document, ImageRecord)
        assert document.metadata.title == title


@pytest.mark.parametrize("key", ["a.png.json", "a.png.json.json", ".json", "notes/.json"])
def test_a_sidecar_of_no_picture_is_done_and_leaves_no_document(key: str) -> None:
    house = in_memory_house()
    house.pictures.put(key, b"{}")
    assert _handle(house, _event(key)) == []
    assert list(house.index.keys(house.index.active().name)) == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        "null",
        "{}",
        '{"detail": {}}',
        '{"detail": {"bucket": {"name": "pictures"}, "object": {"key": ""}}}',
        '{"detail": {"bucket": {"name": "pictures"}, "object": {"key": 7}}}',
        _event("a.png", bucket="another"),
        _event("a.png").replace("2026-03-01T", "yesterday "),
        _event("").replace("event-of-", ""),
    ],
)
def test_a_message_that_is_no_event_of_the_bucket_comes_again_and_harms_no_other(body: str) -> None:
    house = in_memory_house()
    for key in ("a.png", "b.png"):
        house.pictures.put(key, PNG)
    assert _handle(house, _event("a.png"), body, _event("b.png")) == ["message-1"]
    assert None not in {_document(house, "a.png"), _document(house, "b.png")}


def test_a_batch_that_fails_as_a_whole_comes_again_as_a_whole() -> None:
    def parts() -> IngestParts:
        raise SettingsError("The environment variable IMAGE_BUCKET is missing.")

    answer = build_handler(parts)(_batch(_event("a"), _event("b")), Context(300_000))
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["message-0", "message-1"]


def test_messages_for_which_no_time_is_left_come_again() -> None:
    house = in_memory_house()
    for key in ("a.png", "b.png", "c.png"):
        house.pictures.put(key, PNG)
    context = Context(60_000, 30_000, 24_000)
    assert _handle(house, *map(_event, ("a.png", "b.png", "c.png")), context=context) == ["message-2"]
    assert _document(house, "b.png") is not None
    assert _document(house, "c.png") is None


def test_the_first_message_is_taken_however_little_time_there_is() -> None:
    house = in_memory_house()
    house.pictures.put("a.png", PNG)
    assert _handle(house, _event("a.png"), _event("b.png"), context=Context(1000)) == ["message-1"]


def test_the_same_key_many_times_in_a_batch_is_indexed_once() -> None:
    house = in_memory_house()
    house.pictures.put("a.png", PNG)
    assert _handle(house, *[_event("a.png")] * 10) == []
    assert house.index.count(house.index.active().name) == 1


def _reported(
    house: InMemoryHouse, *bodies: str, now: str = "2026-03-01T12:30:02.5Z"
) -> list[dict[str, float]]:
    """Return the figures of a batch that is handled at this time."""
    metrics = InMemoryMetrics()
    parts = IngestParts(indexer=house.indexer, bucket=BUCKET, seconds_per_picture=20)
    handler = build_handler(
        lambda: parts, lambda: metrics, lambda: datetime.fromisoformat(now).astimezone(UTC)
    )
    handler(_batch(*bodies), Context(300_000))
    return [{str(name): value for name, value in record.items()} for record in metrics.records]


def test_a_picture_is_counted_with_the_time_since_its_event() -> None:
    house = in_memory_house()
    house.pictures.put("a.png", PNG)
    house.pictures.put("note.txt", b"text")
    assert _reported(house, _event("a.png"), _event("note.txt"), _event("gone.png")) == [
        {"LagSeconds": 2.5, "Indexed": 1},
        {"LagSeconds": 2.5, "Rejected": 1},
        {"LagSeconds": 2.5},
    ]


def test_what_another_event_brought_in_line_already_counts_nothing() -> None:
    house = in_memory_house()
    house.pictures.put("a.png", PNG)
    assert len(_reported(house, _event("a.png"), _event("a.png"))) == 1


def test_a_clock_that_is_behind_makes_no_negative_lag() -> None:
    house = in_memory_house()
    house.pictures.put("a.png", PNG)
    (record,) = _reported(house, _event("a.png"), now="2026-03-01T12:29:59Z")
    assert record["LagSeconds"] == 0


def test_a_message_that_comes_again_is_a_failure_each_time() -> None:
    assert _reported(in_memory_house(), "no event") == [{"Failures": 1}]


def test_the_log_of_a_message_tells_its_event_key_and_sequencer(log: io.StringIO) -> None:
    house = in_memory_house()
    house.pictures.put("a.png", PNG)
    _handle(house, _event("a.png"), "no event")
    done, failed = map(json.loads, log.getvalue().splitlines())
    names = {"message_id": "message-0", "event_id": "event-of-a.png", "key": "a.png"}
    assert names.items() <= done.items()
    assert (done["message"], done["sequencer"]) == ("done", "0062E99A88DC407460")
    assert (failed["message"], failed["message_id"], "key" in failed) == ("not indexed", "message-1", False)


def test_the_log_of_a_picture_that_failed_tells_which_it_was(log: io.StringIO) -> None:
    house = in_memory_house()
    house.pictures.put("a.png", PNG)

    def unavailable(**_: Any) -> Any:
        raise ModelUnavailableError("Starting.", retry_after=30)

    house.embedder.embed_stored = unavailable  # type: ignore[method-assign]
    assert _handle(house, _event("a.png")) == ["message-0"]
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert (line["message"], line["key"], line["event_id"]) == ("not indexed", "a.png", "event-of-a.png")
    assert line["exception_name"] == "ModelUnavailableError"
