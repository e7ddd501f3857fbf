"""Indexing a shard with captions: which vector they get, and what happens when they change meanwhile."""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import product
from typing import Any
from unittest.mock import patch

import pytest

from imagesearch.adapters.in_memory import InMemoryEmbedder
from imagesearch.bulk import batches, shard
from imagesearch.bulk.runs import ShardResult
from imagesearch.errors import ModelMismatchError, ModelProtocolError, TextTooLongError
from imagesearch.metadata import sidecar_key
from imagesearch.models import Embedding, ImageRecord, Metadata
from tests.builders import JPEG, OTHER_FINGERPRINT, PNG
from tests.bulk import RUN, BulkHouse, bulk_house, error_line
from tests.watched import document_of

OUTPUT = f"runs/{RUN}/embeddings/00000-000.jsonl.out"
KEYS = [f"a/{letter}.png" for letter in "bcdef"]
CAPTIONS = {KEYS[0]: "a boat", KEYS[2]: "a dog"}


def _house() -> BulkHouse:
    """Five pictures, of which one has its caption in S3's own metadata and two in a sidecar."""
    bulk = bulk_house()
    for key in KEYS:
        own = {"caption": "a cat"} if key == KEYS[4] else None
        bulk.house.pictures.put(key, PNG + key.encode(), user_metadata=own)
    for key, caption in CAPTIONS.items():
        _say(bulk, key, caption=caption)
    return bulk


def _say(bulk: BulkHouse, key: str, **document: Any) -> None:
    bulk.house.pictures.put(sidecar_key(key), json.dumps(document).encode())


def _embedded(**options: Any) -> BulkHouse:
    bulk = _house()
    bulk.embed(**options)
    return bulk


def _record(bulk: BulkHouse, key: str) -> ImageRecord:
    document = document_of(bulk.house, key)
    assert isinstance(document, ImageRecord)
    return document


def _is_text(line: dict[str, Any]) -> bool:
    return "embedding" in line and line["picture"] is None


def _spoilt_captions(code: str) -> Callable[[dict[str, Any]], object]:
    return lambda line: error_line(line["id"], code) if _is_text(line) else line


def _assert_captioned(bulk: BulkHouse, captions: dict[str, str]) -> None:
    """Every caption that is said is in the index, with the vector of just this text."""
    for key in KEYS:
        assert _record(bulk, key).metadata.caption == captions.get(key)
    for key, caption in captions.items():
        assert bulk.captioned(caption) == [key]


def _asked(load: Callable[[], object]) -> list[list[str]]:
    """Return the texts of each request that loading sends to the model's endpoint."""
    asked: list[list[str]] = []
    embed = InMemoryEmbedder.embed

    def noted(embedder: InMemoryEmbedder, *, texts: Sequence[str], **options: Any) -> tuple[Embedding, ...]:
        asked.append(list(texts))
        return embed(embedder, texts=texts, **options)

    with patch.object(InMemoryEmbedder, "embed", noted):
        load()
    return asked


def test_captions_get_the_vectors_of_their_texts_wherever_they_are_said() -> None:
    bulk = _embedded()
    asked = _asked(bulk.load)
    _assert_captioned(bulk, {**CAPTIONS, KEYS[4]: "a cat"})
    # The sidecars' captions lie in the output; the plan does not read what S3 keeps with the object.
    assert asked == [["a cat"]]


def test_a_document_is_the_one_that_ingest_would_have_written() -> None:
    bulk, ingest = _embedded(), _house()
    bulk.load()
    for key in KEYS:
        ingest.house.indexer.bring_in_line(key)
        assert _record(bulk, key) == _record(ingest, key)


def test_captions_are_embedded_in_few_requests_none_of_which_is_too_large() -> None:
    bulk = bulk_house()
    for number in range(100):
        caption = f"{number} " + "x" * (9_000 if number < 20 else 1)
        bulk.house.pictures.put(f"{number:03}.png", PNG, user_metadata={"caption": caption})
    bulk.embed()
    asked = _asked(bulk.load)
    assert [len(texts) for texts in asked] == [11, 21, 32, 32, 4]
    assert max(sum(map(len, texts)) for texts in asked) <= 100_000
    assert len(bulk.captioned("99 x")) == 1


def test_the_same_caption_of_many_pictures_is_embedded_once() -> None:
    bulk = bulk_house()
    for number in range(20):
        bulk.house.pictures.put(f"{number:02}.png", PNG, user_metadata={"caption": "a boat"})
    bulk.embed()
    assert _asked(bulk.load) == [["a boat"]]
    assert len(bulk.captioned("a boat")) == 20


def test_another_caption_than_the_plan_saw_is_embedded_anew() -> None:
    bulk = _embedded()
    _say(bulk, KEYS[0], caption="a ship")
    assert sorted(text for texts in _asked(bulk.load) for text in texts) == ["a cat", "a ship"]
    _assert_captioned(bulk, {**CAPTIONS, KEYS[0]: "a ship", KEYS[4]: "a cat"})
    assert bulk.captioned("a boat") == []


def test_s3s_own_metadata_is_that_of_the_object_as_it_is_now() -> None:
    """The same bytes, put again with other metadata after they were embedded: the answer tells the old."""
    bulk = _embedded()
    bulk.house.pictures.put(KEYS[4], PNG + KEYS[4].encode(), user_metadata={"caption": "a bird"})
    with patch.object(InMemoryEmbedder, "embed_stored", side_effect=AssertionError("embedded again")):
        bulk.load()
    _assert_captioned(bulk, {**CAPTIONS, KEYS[4]: "a bird"})


@pytest.mark.parametrize("code", ["text_too_long", "text_blank", "internal", "source_unavailable"])
def test_a_caption_whose_line_is_an_error_is_embedded_again(code: str) -> None:
    bulk = _embedded(change=_spoilt_captions(code))
    assert bulk.load() == [ShardResult(indexed=5, kept=0, rejected=0, undescribed=0)]
    _assert_captioned(bulk, {**CAPTIONS, KEYS[4]: "a cat"})


def test_a_caption_that_the_model_refuses_leaves_the_picture_without_its_metadata() -> None:
    bulk = _embedded(change=_spoilt_captions("text_too_long"))
    embed = InMemoryEmbedder.embed

    def refusing(embedder: InMemoryEmbedder, *, texts: Sequence[str], **options: Any) -> Any:
        if "a boat" in texts:
            raise TextTooLongError("The text is too long.")
        return embed(embedder, texts=texts, **options)

    with patch.object(InMemoryEmbedder, "embed", refusing):
        (result,) = bulk.load()
    assert result == ShardResult(indexed=5, kept=0, rejected=0, undescribed=1)
    assert bulk.rejects() == {KEYS[0]: "metadata_invalid"}
    assert _record(bulk, KEYS[0]).metadata == Metadata()
    assert "too long" in (_record(bulk, KEYS[0]).metadata_fault or "")
    assert _record(bulk, KEYS[2]).metadata.caption == "a dog"


def test_a_captions_vector_of_another_model_is_refused() -> None:
    bulk = _embedded(
        change=lambda line: line | {"fingerprint": OTHER_FINGERPRINT} if _is_text(line) else line
    )
    with pytest.raises(ModelMismatchError):
        bulk.load()
    assert bulk.files.result("00000-000") is None


def test_a_picture_without_its_captions_line_fails_the_shard() -> None:
    bulk = _house()
    bulk.embed(change=lambda line: None if _is_text(line) and line["id"] == KEYS[2] else line)
    with pytest.raises(ModelProtocolError, match="another key"):
        bulk.load()
    assert bulk.files.result("00000-000") is None


def _described() -> BulkHouse:
    """The pictures are indexed without captions; then all of them get one, which is embedded by itself."""
    bulk = bulk_house(contents={key: PNG + key.encode() for key in KEYS})
    for key in KEYS:
        bulk.house.indexer.bring_in_line(key)
        _say(bulk, key, caption=f"a {key}")
    bulk.embed()
    return bulk


def _change_a_picture(bulk: BulkHouse) -> None:
    bulk.house.pictures.put(KEYS[0], JPEG + b"replaced")


def _change_an_ingested_picture(bulk: BulkHouse) -> None:
    bulk.house.pictures.put(KEYS[0], JPEG + b"replaced")
    bulk.house.indexer.bring_in_line(KEYS[0])


def _change_a_caption(bulk: BulkHouse) -> None:
    _say(bulk, KEYS[0], caption="a boat")


def _remove_a_sidecar(bulk: BulkHouse) -> None:
    bulk.house.pictures.remove(sidecar_key(KEYS[0]))


def _remove_a_picture(bulk: BulkHouse) -> None:
    bulk.house.pictures.remove(KEYS[0])


def _lose_the_document(bulk: BulkHouse) -> None:
    document = document_of(bulk.house, KEYS[0])
    if document is not None:
        bulk.house.index.delete(bulk.house.index.active().name, document.id)


MOMENTS = ("now", "listing", "known", "sidecar", "describe")
CHANGES = (
    _change_a_picture,
    _change_an_ingested_picture,
    _change_a_caption,
    _remove_a_sidecar,
    _remove_a_picture,
)


@pytest.mark.parametrize(
    ("moment", "change"),
    [*product([*MOMENTS, "listing 2"], CHANGES), *product(MOMENTS, [_lose_the_document])],
)
def test_a_caption_by_itself_is_settled_whatever_changes_meanwhile(
    moment: str, change: Callable[[BulkHouse], None]
) -> None:
    bulk = _described()
    name, _, number = moment.partition(" ")
    left = [int(number or 1)]

    def before(method: str) -> None:
        if method == name:
            left[0] -= 1
            if left[0] == 0:
                change(bulk)

    before("now")
    bulk.load(before)
    _assert_in_line(bulk)
    result = bulk.files.result("00000-000")
    assert result is not None
    assert result.indexed + result.rejected == len(KEYS)


def _assert_in_line(bulk: BulkHouse) -> None:
    """Every document is what the object is, and says what is said of it, caption and vector agreeing."""
    for key in KEYS:
        state, document = bulk.house.pictures.look(key), document_of(bulk.house, key)
        seen = document and (document.etag, document.last_modified, document.sidecar)
        assert seen == (state and (state.etag, state.last_modified, state.sidecar)), key
        if isinstance(document, ImageRecord) and state is not None:
            said = bulk.house.pictures.sidecar(key, etag=state.sidecar or "")
            caption = json.loads(said)["caption"] if said else None
            assert document.metadata.caption == caption, key
            if caption is not None:
                assert key in bulk.captioned(caption), key


class _CrashError(Exception):
    """The function ends in the middle; the map or the user takes the shard again."""


class _OneByOne:
    """Does what a pool of threads does, in one order, so that a schedule can be played again."""

    def __init__(self, _: int) -> None:
        pass

    def __enter__(self) -> "_OneByOne":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, work: Callable[..., Any], *items: Iterable[Any]) -> Iterator[Any]:
        return map(work, *items)


def _change_at_random(bulk: BulkHouse, chance: random.Random) -> None:
    """Change a picture or what is said of it; ingest is told of it once, as early as can be."""
    key = chance.choice(KEYS)
    if chance.random() < 0.5:
        content = chance.choice([PNG + key.encode(), JPEG + b"second one", b"no picture", None])
        bulk.house.pictures.remove(key) if content is None else bulk.house.pictures.put(key, content)
    else:
        caption = chance.choice(["a boat", "a dog", None])
        bulk.house.pictures.remove(sidecar_key(key)) if caption is None else _say(bulk, key, caption=caption)
    bulk.house.indexer.bring_in_line(key)


@pytest.mark.parametrize("block", range(4))
@pytest.mark.parametrize("make", [_embedded, _described])
def test_whatever_is_said_and_wherever_it_crashes_the_index_equals_the_bucket(
    make: Callable[[], BulkHouse], block: int
) -> None:
    with patch.object(batches, "ThreadPoolExecutor", _OneByOne), patch.object(shard, "_AT_ONCE", 2):
        for seed in range(block * 50, block * 50 + 50):
            try:
                _assert_in_line(_race(make(), seed))
            except AssertionError as error:
                raise AssertionError(f"schedule {seed}") from error


def _race(bulk: BulkHouse, seed: int) -> BulkHouse:
    """Let things change up to six times while their shard is indexed, which crashes now and then."""
    bulk.house.pictures.put(KEYS[4], PNG + KEYS[4].encode())
    bulk.house.indexer.bring_in_line(KEYS[4])
    chance = random.Random(seed)  # noqa: S311 - a schedule, no secret
    changes = chance.randint(0, 6)

    def before(_: str) -> None:
        nonlocal changes
        if changes and chance.random() < 0.2:
            changes -= 1
            _change_at_random(bulk, chance)
        if chance.random() < 0.03:
            raise _CrashError

    while bulk.files.result("00000-000") is None:
        with suppress(_CrashError):
            bulk.loader(before).load(run=RUN, key=OUTPUT)
    return bulk
