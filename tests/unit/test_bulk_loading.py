"""Indexing a shard: what its lines say, what became of its objects meanwhile, what a second attempt does."""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest

from imagesearch.adapters.in_memory import InMemoryArtifactStore, InMemoryEmbedder
from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.bulk import shard
from imagesearch.bulk.runs import ShardResult
from imagesearch.errors import (
    ArtifactMissingError,
    EventInvalidError,
    ImageSearchError,
    ModelMismatchError,
    ModelProtocolError,
    ModelUnavailableError,
    RunOutdatedError,
    ShardIncompleteError,
    SourceForbiddenError,
    StoreUnavailableError,
)
from imagesearch.models import EmbeddedImage, ImageRecord, PictureEmbedding, RejectedImage
from tests.builders import JPEG, OTHER_FINGERPRINT, PNG
from tests.bulk import RUN, BulkHouse, bulk_house, error_line
from tests.watched import document_of

OUTPUT = f"runs/{RUN}/embeddings/00000-000.jsonl.out"
RESULT = f"runs/{RUN}/indexed/00000-000.json"
CONTENTS = {f"a/{name}.png": PNG + name.encode() for name in "bcdef"} | {"a/note.txt": b"text"}
KEYS = sorted(CONTENTS)


def _result(indexed: int, rejected: int, *, kept: int = 0, undescribed: int = 0) -> ShardResult:
    return ShardResult(indexed=indexed, kept=kept, rejected=rejected, undescribed=undescribed)


def _embedded(**options: Any) -> BulkHouse:
    bulk = bulk_house(contents=CONTENTS)
    bulk.embed(**options)
    return bulk


def _at(moment: str, change: Callable[[], object]) -> Callable[[str], None]:
    """Make one change just before a call: `listing` is the first of that method, `listing 2` the second."""
    name, _, number = moment.partition(" ")
    left = [int(number or 1)]

    def before(method: str) -> None:
        if method == name:
            left[0] -= 1
            if left[0] == 0:
                change()

    return before


def _assert_in_line(bulk: BulkHouse, keys: Iterable[str] = KEYS) -> None:
    """Every document is what the object is."""
    for key in keys:
        state, document = bulk.house.pictures.look(key), document_of(bulk.house, key)
        seen = document and (document.etag, document.size, document.last_modified, document.sidecar)
        assert seen == (state and (state.etag, state.size, state.last_modified, state.sidecar)), key


def _single(bulk: BulkHouse) -> list[str]:
    """Index the output; return the pictures that were embedded one by one."""
    embedded: list[str] = []
    embed = InMemoryEmbedder.embed_stored

    def noted(embedder: InMemoryEmbedder, *, fingerprint: str, key: str) -> PictureEmbedding:
        embedded.append(key)
        return embed(embedder, fingerprint=fingerprint, key=key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InMemoryEmbedder, "embed_stored", noted)
        bulk.load()
    return embedded


def test_pictures_become_documents_and_rejects_are_kept_with_their_reason() -> None:
    bulk = _embedded()
    assert bulk.load() == [_result(5, 1)]
    _assert_in_line(bulk)
    assert [json.loads(line) for line in bulk.artifacts.lines(f"rejects/{RUN}/00000-000.jsonl")] == [
        {
            "key": "a/note.txt",
            "code": "picture_unsupported_format",
            "message": "The bytes are neither JPEG nor PNG.",
        }
    ]
    document = document_of(bulk.house, "a/note.txt")
    assert isinstance(document, RejectedImage)
    assert document.error_code == "picture_unsupported_format"
    assert json.loads(bulk.artifacts.read(RESULT) or b"") == vars(_result(5, 1))


def test_a_document_is_the_one_that_ingest_would_have_written() -> None:
    bulk, ingest = _embedded(), bulk_house(contents=CONTENTS)
    bulk.load()
    for key in KEYS:
        ingest.house.indexer.bring_in_line(key)
        assert document_of(bulk.house, key) == document_of(ingest.house, key)


def test_nothing_is_embedded_again_where_nothing_has_changed() -> None:
    assert _single(_embedded()) == []


def test_a_shard_without_rejects_writes_none() -> None:
    bulk = bulk_house(contents={"a.png": PNG})
    bulk.embed()
    bulk.load()
    assert list(bulk.artifacts.keys("rejects/")) == []


def test_an_indexed_shard_is_not_touched_again() -> None:
    bulk = _embedded()
    bulk.load()
    bulk.house.index.delete(bulk.house.index.active().name, document_of(bulk.house, KEYS[0]).id)  # type: ignore[union-attr]
    bulk.artifacts.write(OUTPUT, b"")
    assert bulk.load() == [_result(5, 1)]
    assert document_of(bulk.house, KEYS[0]) is None


@pytest.mark.parametrize("key", [KEYS[0], KEYS[2], KEYS[-1]])
@pytest.mark.parametrize(
    ("content", "counts", "code"),
    [
        (JPEG + b"replaced", (5, 1), None),
        (b"now a text", (4, 2), "picture_unsupported_format"),
        (None, (4, 2), "source_not_found"),
    ],
)
@pytest.mark.parametrize("moment", ["load", "written", "listing", "look", "put_many", "listing 2"])
def test_an_object_that_changes_after_it_was_embedded_is_settled(
    key: str, content: bytes | None, counts: tuple[int, int], code: str | None, moment: str
) -> None:
    """At each moment: before the shard is looked at, before it is written, before it is looked at again."""
    if key == "a/note.txt":
        counts = (counts[0] + 1, counts[1] - 1)
    bulk = _embedded()

    def change() -> None:
        bulk.house.pictures.remove(key) if content is None else bulk.house.pictures.put(key, content)

    before = _at(moment, change)
    before("load")
    bulk.load(before)
    _assert_in_line(bulk)
    assert bulk.files.result("00000-000") == _result(*counts)
    assert bulk.rejects().get(key) == code


@pytest.mark.parametrize("moment", ["listing", "look", "put_many", "listing 2", "look 2"])
def test_ingest_at_work_on_the_same_pictures_does_no_harm(moment: str) -> None:
    bulk = _embedded()

    def replaced_and_ingested() -> None:
        for key in KEYS[:2]:
            bulk.house.pictures.put(key, JPEG + b"other")
            bulk.house.indexer.bring_in_line(key)
        bulk.house.pictures.remove(KEYS[2])
        bulk.house.indexer.bring_in_line(KEYS[2])

    bulk.load(_at(moment, replaced_and_ingested))
    _assert_in_line(bulk)


def test_a_picture_that_was_bad_when_embedded_and_is_good_now_is_indexed() -> None:
    """Its line is an error, which names no ETag: only what the plan saw tells that the object changed."""
    bulk = bulk_house(contents={"a.png": b"no picture", "b.png": PNG})
    bulk.embed()
    bulk.house.pictures.put("a.png", PNG + b"mended")
    assert bulk.load() == [_result(2, 0)]
    assert isinstance(document_of(bulk.house, "a.png"), ImageRecord)


def test_a_picture_that_was_replaced_before_it_was_embedded_is_taken_as_it_was_embedded() -> None:
    bulk = bulk_house(contents=CONTENTS)
    bulk.plan()
    bulk.house.pictures.put(KEYS[0], JPEG + b"replaced")
    bulk.preparer().prepare(RUN)
    bulk.transform()
    assert _single(bulk) == []
    _assert_in_line(bulk)


def test_an_object_that_the_container_did_not_find_counts_as_rejected() -> None:
    bulk = bulk_house(contents=CONTENTS)
    bulk.plan()
    bulk.house.pictures.remove(KEYS[1])
    bulk.preparer().prepare(RUN)
    bulk.transform()
    bulk.load()
    assert bulk.rejects()[KEYS[1]] == "source_not_found"


@pytest.mark.parametrize("code", ["internal", "source_unavailable", "source_forbidden", "source_not_found"])
def test_a_picture_that_could_not_be_read_for_a_moment_is_embedded_again(code: str) -> None:
    """A retry of the shard would read the very same line, so the picture's own way decides."""
    bulk = _embedded(change=lambda line: error_line(KEYS[1], code) if line["id"] == KEYS[1] else line)
    assert _single(bulk) == [KEYS[1]]
    assert bulk.files.result("00000-000") == _result(5, 1)


@pytest.mark.parametrize(
    "error",
    [
        ModelUnavailableError("Starting.", retry_after=5),
        StoreUnavailableError("S3 is down.", retry_after=5),
        SourceForbiddenError("The role may not read the bucket."),
    ],
)
def test_a_picture_that_still_cannot_be_embedded_fails_the_shard(
    monkeypatch: pytest.MonkeyPatch, error: ImageSearchError
) -> None:
    bulk = _embedded(change=lambda line: error_line(line["id"], "internal"))

    def failing(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(InMemoryEmbedder, "embed_stored", failing)
        with pytest.raises(type(error)):
            bulk.load()
    assert not bulk.artifacts.exists(RESULT)
    assert bulk.load() == [_result(5, 1)]


@pytest.mark.parametrize("code", ["request_invalid", "never heard of"])
def test_a_complaint_about_the_shard_itself_fails_it(code: str) -> None:
    bulk = _embedded(change=lambda line: error_line(line["id"], code))
    with pytest.raises(ModelProtocolError, match=code):
        bulk.load()
    assert not bulk.artifacts.exists(RESULT)


def test_a_line_that_answers_for_another_key_fails_the_shard() -> None:
    bulk = _embedded(change=lambda line: line | {"id": KEYS[0]})
    with pytest.raises(ModelProtocolError, match="another key"):
        bulk.load()


def test_a_vector_of_another_model_is_refused() -> None:
    bulk = _embedded(
        change=lambda line: line if "error" in line else line | {"fingerprint": OTHER_FINGERPRINT}
    )
    with pytest.raises(ModelMismatchError):
        bulk.load()
    assert bulk.house.index.count(bulk.house.index.active().name) == 0
    assert not bulk.artifacts.exists(RESULT)


def test_fewer_lines_than_records_are_an_incomplete_shard() -> None:
    bulk = _embedded(change=lambda line: None if line["id"] == KEYS[-1] else line)
    with pytest.raises(ShardIncompleteError, match=r"fewer lines than the shard's 6 entries"):
        bulk.load()
    assert not bulk.artifacts.exists(RESULT)


def test_more_lines_than_records_are_an_incomplete_shard() -> None:
    bulk = _embedded()
    bulk.artifacts.write(OUTPUT, (bulk.artifacts.read(OUTPUT) or b"") + b"{}\n")
    with pytest.raises(ShardIncompleteError, match="more lines"):
        bulk.load()
    assert not bulk.artifacts.exists(RESULT)


def test_an_empty_output_is_an_incomplete_shard() -> None:
    bulk = _embedded(change=lambda _: None)
    with pytest.raises(ShardIncompleteError):
        bulk.load()


def test_a_shard_that_the_plan_does_not_know_is_refused() -> None:
    bulk = _embedded()
    bulk.artifacts.write(f"runs/{RUN}/embeddings/00007-000.jsonl.out", b"")
    with pytest.raises(ArtifactMissingError, match="00007-000"):
        bulk.loader().load(run=RUN, key=f"runs/{RUN}/embeddings/00007-000.jsonl.out")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "00000-000",
        f"runs/{RUN}/embeddings/",
        f"runs/{RUN}/embeddings/00000-000.jsonl",
        f"runs/{RUN}/embeddings/.jsonl.out",
        "runs/another/embeddings/00000-000.jsonl.out",
    ],
)
def test_a_key_that_is_no_output_of_the_run_is_refused(key: str) -> None:
    with pytest.raises(EventInvalidError):
        _embedded().loader().load(run=RUN, key=key)


def test_an_alias_that_moved_stops_the_run() -> None:
    bulk = _embedded()
    bulk.move_alias()
    with pytest.raises(RunOutdatedError):
        bulk.load()


def test_rejects_of_an_earlier_attempt_do_not_stay() -> None:
    bulk = _embedded()
    bulk.artifacts.write(f"rejects/{RUN}/00000-000.jsonl", b'{"key": "old", "code": "c", "message": "m"}\n')
    for key in KEYS:
        bulk.house.pictures.put(key, PNG)
    bulk.load()
    assert bulk.rejects() == {}


class _CrashError(Exception):
    """The function ends in the middle; the map or the user takes the shard again."""


class _Crashing:
    """Files that can be written, or not."""

    def __init__(self, store: InMemoryArtifactStore, chance: random.Random) -> None:
        self._store = store
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        if name in {"write", "read"} and self._chance.random() < 0.1:
            raise _CrashError(name)
        return getattr(self._store, name)


def _change_at_random(bulk: BulkHouse, chance: random.Random) -> None:
    """Change an object; ingest is told of it once, as early as can be, and never again."""
    content = chance.choice([PNG + b"first", JPEG + b"second one", b"no picture", None])
    key = chance.choice(KEYS)
    bulk.house.pictures.remove(key) if content is None else bulk.house.pictures.put(key, content)
    bulk.house.indexer.bring_in_line(key)


@pytest.mark.parametrize("block", range(4))
def test_whatever_changes_and_wherever_it_crashes_the_index_equals_the_bucket(block: int) -> None:
    for seed in range(block * 75, block * 75 + 75):
        try:
            _assert_settled(_race(seed))
        except AssertionError as error:
            raise AssertionError(f"schedule {seed}") from error


def _race(seed: int) -> BulkHouse:
    """Let objects change up to six times while their shard is indexed, which crashes now and then."""
    chance, bulk = random.Random(seed), _embedded()  # noqa: S311 - a schedule, no secret
    changes = chance.randint(0, 6)

    def before(_: str) -> None:
        nonlocal changes
        if changes and chance.random() < 0.2:
            changes -= 1
            _change_at_random(bulk, chance)
        if chance.random() < 0.03:
            raise _CrashError

    artifacts: Any = _Crashing(bulk.artifacts, chance)
    while bulk.files.result("00000-000") is None:
        with suppress(_CrashError):
            bulk.loader(before, artifacts).load(run=RUN, key=OUTPUT)
    return bulk


def _assert_settled(bulk: BulkHouse) -> None:
    result = bulk.files.result("00000-000")
    assert result is not None
    assert result.indexed + result.rejected == len(KEYS)
    assert len(bulk.rejects()) == result.rejected
    _assert_in_line(bulk)


class _Recording(InMemoryVectorIndex):
    """An index that notes how many lines of an output had been read when a document was written."""

    def __init__(self, read: list[int]) -> None:
        super().__init__()
        self._read = read
        self.seen: list[int] = []

    def put_many(self, index: str, documents: Iterable[EmbeddedImage | RejectedImage]) -> None:
        def noted() -> Iterator[EmbeddedImage | RejectedImage]:
            for document in documents:
                self.seen.append(self._read[0])
                yield document

        super().put_many(index, noted())


def test_an_output_is_streamed_not_held() -> None:
    bulk, read = _embedded(), [0]

    class Counting(InMemoryArtifactStore):
        def lines(self, key: str, *, start: int = 0) -> Iterator[bytes]:
            for line in bulk.artifacts.lines(key, start=start):
                read[0] += key == OUTPUT
                yield line

        def read(self, key: str) -> bytes | None:
            return bulk.artifacts.read(key)

    recording = _Recording(read)
    recording.create(bulk.house.index.active())
    recording.point_alias(bulk.house.index.active().name)
    loader = bulk.loader(artifacts=Counting())
    loader._index = recording
    loader._indexer = bulk.house.indexer
    with patch.object(shard, "_AT_ONCE", 2):
        loader.load(run=RUN, key=OUTPUT)
    assert recording.seen == [2, 2, 4, 4, 6, 6]
