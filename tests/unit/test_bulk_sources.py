"""Runs over a file: its keys and texts, whatever its lines hold, and where a page of it ends."""

import json
from typing import Any
from unittest.mock import patch

import pytest

from imagesearch.bulk import entries, sources
from imagesearch.bulk.entries import TextEntry, shard_requests
from imagesearch.bulk.planning import RunInput
from imagesearch.bulk.runs import Report
from imagesearch.errors import ArtifactMissingError, EventInvalidError
from imagesearch.metadata import sidecar_key
from tests.builders import PNG
from tests.bulk import RUN, BulkHouse, bulk_house, error_line
from tests.watched import document_of

KEYS = [f"a/{letter}.png" for letter in "bcdef"]


@pytest.fixture
def bulk() -> BulkHouse:
    return bulk_house(contents={key: PNG + key.encode() for key in KEYS} | {"a/note.txt": b"text"})


def _run(bulk: BulkHouse, *lines: object, **options: Any) -> Report:
    bulk.write_source(*lines)
    return bulk.run_through(source="file", **options)


def _messages(bulk: BulkHouse) -> dict[str, str]:
    return {
        reject["key"]: reject["message"]
        for key in bulk.artifacts.keys(f"rejects/{RUN}/")
        for reject in map(json.loads, bulk.artifacts.lines(key))
    }


def test_only_the_keys_of_the_file_are_indexed(bulk: BulkHouse) -> None:
    report = _run(bulk, {"key": KEYS[4]}, {"key": KEYS[1]})
    assert (report.status, report.source, report.listed, report.indexed) == ("complete", "file", 2, 2)
    assert [document_of(bulk.house, key) is not None for key in KEYS] == [False, True, False, False, True]


def test_what_is_in_line_already_is_skipped(bulk: BulkHouse) -> None:
    bulk.house.indexer.bring_in_line(KEYS[0])
    report = _run(bulk, {"key": KEYS[0]}, {"key": KEYS[1]})
    assert (report.listed, report.skipped, report.planned, report.indexed) == (2, 1, 1, 1)


def test_an_empty_file_is_a_complete_run_of_nothing(bulk: BulkHouse) -> None:
    report = _run(bulk)
    assert (report.status, report.listed, report.planned) == ("complete", 0, 0)


def test_a_file_that_is_not_there_is_named(bulk: BulkHouse) -> None:
    with pytest.raises(ArtifactMissingError, match=f"runs/{RUN}/source.jsonl"):
        bulk.plan(source="file")


def test_a_key_without_an_object_is_rejected(bulk: BulkHouse) -> None:
    report = _run(bulk, {"key": KEYS[0]}, {"key": "a/nothing.png"})
    assert (report.status, report.planned, report.indexed, report.rejected) == ("complete", 2, 1, 1)
    assert bulk.rejects() == {"a/nothing.png": "source_not_found"}


def test_the_document_of_a_key_without_an_object_is_removed(bulk: BulkHouse) -> None:
    bulk.house.indexer.bring_in_line(KEYS[0])
    bulk.house.indexer.bring_in_line(KEYS[1])
    bulk.house.pictures.remove(KEYS[0])
    bulk.house.pictures.remove(KEYS[1])
    report = _run(bulk, {"key": KEYS[0]})
    assert (report.orphaned, report.rejected) == (1, 1)
    assert document_of(bulk.house, KEYS[0]) is None
    assert document_of(bulk.house, KEYS[1]) is not None


def test_an_undecodable_picture_is_rejected_with_its_reason(bulk: BulkHouse) -> None:
    report = _run(bulk, {"key": "a/note.txt"}, {"key": KEYS[0]})
    assert (report.indexed, report.rejected) == (1, 1)
    assert bulk.rejects() == {"a/note.txt": "picture_unsupported_format"}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"a/b.png", "not valid JSON"),
        (b'{"key": "a', "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'"a/b.png"', "must be"),
        (b"[]", "must be"),
        (b"{}", "must be"),
        (b'{"key": 7}', "must be"),
        (b'{"key": "a/b.png", "text": "a boat"}', "must be"),
        (b'{"id": "1"}', "must be"),
        (b'{"id": 1, "text": "a boat"}', "must be"),
        (b'{"key": ""}', "from 1 to 1024 bytes"),
        (json.dumps({"key": "ü" * 600}).encode(), "from 1 to 1024 bytes"),
        (b'{"key": "\\ud800"}', "surrogate"),
        (b'{"id": "1", "text": "\\udfff"}', "surrogate"),
        (json.dumps({"key": sidecar_key(KEYS[0])}).encode(), "name its picture instead"),
        (json.dumps({"id": "1", "text": "x" * 300_000}).encode(), "at most 262144 are read"),
    ],
)
def test_a_line_that_cannot_be_read_is_rejected_by_its_number_and_the_others_are_not(
    bulk: BulkHouse, line: bytes, sentence: str
) -> None:
    report = _run(bulk, {"key": KEYS[0]}, b"", line, {"key": KEYS[1]})
    assert (report.status, report.listed, report.planned) == ("complete", 3, 3)
    assert (report.indexed, report.rejected) == (2, 1)
    assert bulk.rejects() == {"line 3": "line_invalid"}
    assert sentence in _messages(bulk)["line 3"]


def test_a_line_that_names_again_what_another_names_is_rejected(bulk: BulkHouse) -> None:
    report = _run(
        bulk,
        {"key": KEYS[0]},
        {"key": KEYS[0]},
        {"id": KEYS[0], "text": "a boat"},
        {"id": KEYS[0], "text": "a dog"},
    )
    assert (report.status, report.indexed, report.kept, report.rejected) == ("complete", 1, 1, 2)
    assert bulk.rejects() == {"line 2": "line_invalid", "line 4": "line_invalid"}
    assert _messages(bulk)["line 2"] == f"The line names the key {KEYS[0]} again, which line 1 names."


def test_a_key_that_two_pages_name_is_indexed_all_the_same(bulk: BulkHouse) -> None:
    with patch.object(sources, "PAGE_KEYS", 2):
        report = _run(bulk, {"key": KEYS[0]}, {"key": KEYS[1]}, {"key": KEYS[0]})
    assert (report.status, report.indexed, report.rejected) == ("complete", 3, 0)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_pages_cover_the_file_without_gap_or_overlap(bulk: BulkHouse, size: int, end: bytes) -> None:
    lines = [json.dumps({"key": key}, ensure_ascii=False).encode() for key in [*KEYS, "ü.png"]]
    bulk.house.pictures.put("ü.png", PNG)
    lines.insert(2, b"no JSON")
    bulk.artifacts.write(bulk.files.keys.source, end.join(lines) + end)
    with patch.object(sources, "PAGE_KEYS", size):
        report = bulk.run_through(source="file")
    assert (report.listed, report.indexed, report.rejected) == (7, 6, 1)
    assert bulk.rejects() == {"line 3": "line_invalid"}


def test_a_last_line_without_an_end_is_read_too(bulk: BulkHouse) -> None:
    bulk.artifacts.write(bulk.files.keys.source, b'{"key": "a/b.png"}\n{"key": "a/c.png"}')
    assert bulk.run_through(source="file").indexed == 2


@pytest.mark.parametrize("token", ["", "a", "-1", "1.5"])
def test_a_token_that_no_page_has_answered_is_refused(bulk: BulkHouse, token: str) -> None:
    bulk.write_source({"key": KEYS[0]}, {"key": KEYS[1]})
    planner = bulk.planner()
    with patch.object(sources, "PAGE_KEYS", 1):
        planner.plan(run=RUN, given=RunInput(prefix="", source="file"), page=0, token=None)
        with pytest.raises(EventInvalidError, match="token"):
            planner.plan(run=RUN, given=RunInput(prefix=""), page=1, token=token)


def test_a_run_over_a_file_that_is_resumed_before_it_began_is_no_run_over_everything(bulk: BulkHouse) -> None:
    bulk.write_source({"key": KEYS[0]})
    bulk.plan()
    assert bulk.files.run().source == "file"


def test_texts_are_embedded_and_kept_in_the_output_only(bulk: BulkHouse) -> None:
    report = _run(bulk, {"id": "1", "text": "a boat"}, {"key": KEYS[0]}, {"id": "2", "text": "a dog"})
    assert (report.planned, report.missing, report.kept, report.indexed) == (3, 3, 2, 1)
    output = bulk.artifacts.lines(bulk.files.keys.output("00000-000"))
    assert [json.loads(line)["id"] for line in output] == [KEYS[0], "1", "2"]
    assert bulk.house.index.count(bulk.house.index.active().name) == 1


@pytest.mark.parametrize(
    ("code", "kept"),
    [("text_too_long", "text_too_long"), ("text_blank", "query_empty"), ("internal", "model_unavailable")],
)
def test_a_text_that_the_model_does_not_embed_is_rejected(bulk: BulkHouse, code: str, kept: str) -> None:
    report = _run(
        bulk,
        {"id": "1", "text": "a boat"},
        {"id": "2", "text": "a dog"},
        change=lambda line: error_line("2", code) if line["id"] == "2" else line,
    )
    assert (report.status, report.kept, report.rejected) == ("complete", 1, 1)
    assert bulk.rejects() == {"2": kept}


def test_a_check_of_a_file_rejects_and_embeds_nothing(bulk: BulkHouse) -> None:
    report = _run(bulk, {"key": KEYS[0]}, b"no JSON", {"id": "1", "text": "a boat"}, check=True)
    assert (report.status, report.planned, report.rejected, report.indexed) == ("complete", 3, 1, 0)
    assert list(bulk.artifacts.keys(bulk.files.keys.shards)) == []


def test_keys_that_lie_far_apart_are_looked_at_one_by_one() -> None:
    keys = [f"{number:04}.png" for number in range(400)]
    bulk = bulk_house(contents={key: PNG + key.encode() for key in keys})
    bulk.write_source({"key": keys[0]}, {"key": keys[200]}, {"key": keys[399]}, {"key": keys[1]})
    bulk.embed(source="file")
    looks: list[str] = []
    bulk.load(looks.append)
    assert bulk.files.result("00000-000") is not None
    assert (looks.count("listing"), looks.count("look")) == (2, 6)
    assert bulk.house.index.count(bulk.house.index.active().name) == 4


def test_a_shard_has_no_more_bytes_than_the_job_takes_and_keeps_a_pictures_records_together() -> None:
    texts = [TextEntry(id=str(number), text="\U0001f600" * 1000) for number in range(30)]
    shards = list(shard_requests(texts, bucket="pictures", max_bytes=100_000))
    assert [entry for shard in shards for entry in shard.entries] == texts
    assert max(sum(map(len, shard.lines)) for shard in shards) <= 100_000
    assert [len(shard.entries) for shard in shards] == [8, 8, 8, 6]


def test_a_picture_and_its_caption_count_as_two_records() -> None:
    bulk = bulk_house(contents={f"{number}.png": PNG for number in range(5)})
    for number in range(5):
        bulk.house.pictures.put(f"{number}.png.json", json.dumps({"caption": f"{number}"}).encode())
    with patch.object(entries, "SHARD_RECORDS", 5):
        (page,) = bulk.plan()
    records = [len(list(bulk.artifacts.lines(bulk.files.keys.shard(name)))) for name in page.shards]
    assert records == [4, 4, 2]


def test_a_record_that_is_larger_by_itself_goes_alone() -> None:
    texts = [TextEntry(id=str(number), text="x" * size) for number, size in enumerate([10, 500, 10])]
    shards = list(shard_requests(texts, bucket="pictures", max_bytes=200))
    assert [[entry.id for entry in shard.entries if isinstance(entry, TextEntry)] for shard in shards] == [
        ["0"],
        ["1"],
        ["2"],
    ]
