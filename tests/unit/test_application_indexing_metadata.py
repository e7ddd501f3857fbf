"""Indexing what is said of a picture: sidecars, S3's own metadata, captions; and several indices at once."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from imagesearch.errors import ModelMismatchError, ModelUnavailableError, TextTooLongError
from imagesearch.indexing import Indexer, Outcome
from imagesearch.models import Embedding, ImageRecord, Metadata, RejectedImage
from imagesearch.queries import Nearest, PictureExample
from tests.builders import (
    ATTRIBUTES,
    JPEG,
    METADATA,
    OTHER_FINGERPRINT,
    PNG,
    InMemoryHouse,
    a_query,
    embedded,
    in_memory_house,
    keep_second_index,
)
from tests.watched import KEY, document_of, watched_indexer

SIDECAR = KEY + ".json"
EVERYTHING = json.dumps(
    {
        "title": METADATA.title,
        "caption": METADATA.caption,
        "tags": list(METADATA.tags),
        "attributes": METADATA.attributes,
    }
).encode()


def _house(sidecar: dict[str, Any] | bytes | None = None, **user_metadata: str) -> InMemoryHouse:
    """A house whose one picture is indexed."""
    house = in_memory_house()
    house.pictures.put(KEY, PNG, user_metadata=user_metadata)
    _describe(house, sidecar)
    assert house.indexer.bring_in_line(KEY) == Outcome.INDEXED
    return house


def _describe(house: InMemoryHouse, sidecar: dict[str, Any] | bytes | None) -> None:
    if sidecar is None:
        house.pictures.remove(SIDECAR)
    else:
        house.pictures.put(SIDECAR, sidecar if isinstance(sidecar, bytes) else json.dumps(sidecar).encode())


def _image(house: InMemoryHouse) -> ImageRecord:
    document = document_of(house)
    assert isinstance(document, ImageRecord)
    return document


def test_a_picture_is_indexed_with_what_its_sidecar_says() -> None:
    house = _house(EVERYTHING)
    image, state = _image(house), house.pictures.look(KEY)
    assert image.metadata == METADATA
    assert image.metadata_fault is None
    assert state is not None
    assert image.sidecar == state.sidecar is not None


def test_a_picture_is_found_by_its_caption() -> None:
    house = _house({"caption": "a dog on a beach"})
    (hit,) = house.searcher.search(a_query("a dog on a beach", part="caption")).hits
    assert hit.score == pytest.approx(1)
    (hit,) = house.searcher.search(a_query("a dog on a beach", part="picture")).hits
    assert hit.score < 0.99


def test_s3s_metadata_is_taken_and_the_sidecar_wins() -> None:
    house = _house(
        {"title": "From the sidecar", "attributes": {"price": 2}},
        title="From S3",
        caption="=?UTF-8?B?w5x6?=",
        tags="sea, dog,",
        price="1",
        favourite="TRUE",
        camera="nobody declared it",
    )
    assert _image(house).metadata == Metadata(
        title="From the sidecar",
        caption="Üz",
        tags=("sea", "dog"),
        attributes={"price": 2.0, "favourite": True},
    )


@pytest.mark.parametrize(
    ("sidecar", "sentence"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"tittle": "x"}', "unknown field 'tittle'"),
        (b'{"attributes": {"colour": "red"}}', "'colour' is not declared"),
        (b'{"attributes": {"price": "much"}}', "price must be a number"),
        (b'{"caption": " "}', "caption must be a text that is not blank"),
        (b'{"title": "' + b"x" * 70_000 + b'"}', "more than 65536 bytes"),
    ],
)
def test_invalid_metadata_never_stops_a_picture(sidecar: bytes, sentence: str) -> None:
    image = _image(_house(sidecar))
    assert image.metadata == Metadata()
    assert sentence in (image.metadata_fault or "")


def test_metadata_that_is_mended_is_taken_without_embedding_anything_again() -> None:
    house, calls = _house(b"{"), list[str]()
    _describe(house, {"title": "Mended"})
    assert watched_indexer(house, calls.append).bring_in_line(KEY) == Outcome.DESCRIBED
    assert not {"embed", "embed_stored", "put_image"} & set(calls)
    image = _image(house)
    assert (image.metadata, image.metadata_fault) == (Metadata(title="Mended"), None)
    assert house.indexer.bring_in_line(KEY) == Outcome.UNCHANGED


def test_another_caption_is_embedded_and_the_picture_is_not() -> None:
    house, calls = _house({"caption": "a dog"}), list[str]()
    _describe(house, {"caption": "a cat"})
    assert watched_indexer(house, calls.append).bring_in_line(KEY) == Outcome.DESCRIBED
    assert (calls.count("embed"), calls.count("embed_stored")) == (1, 0)
    (hit,) = house.searcher.search(a_query("a cat", part="caption")).hits
    assert hit.image.metadata.caption == "a cat"
    assert hit.score == pytest.approx(1)
    (hit,) = house.searcher.search(a_query(PictureExample(content=PNG))).hits
    assert hit.score == pytest.approx(1)


def test_a_caption_that_stays_is_not_embedded_again_when_all_else_changes() -> None:
    house, calls = _house({"caption": "a dog", "title": "Old"}), list[str]()
    _describe(house, {"caption": "a dog", "title": "New"})
    assert watched_indexer(house, calls.append).bring_in_line(KEY) == Outcome.DESCRIBED
    assert "embed" not in calls
    (hit,) = house.searcher.search(a_query("a dog", part="caption")).hits
    assert hit.image.metadata.title == "New"
    assert hit.score == pytest.approx(1)


def test_a_sidecar_that_goes_takes_its_metadata_along() -> None:
    house = _house(EVERYTHING)
    _describe(house, None)
    assert house.indexer.bring_in_line(KEY) == Outcome.DESCRIBED
    assert _image(house).metadata == Metadata()
    assert house.searcher.search(a_query("a dog", part="caption")).hits == ()


def test_metadata_that_s3_keeps_is_taken_anew_when_only_it_changes() -> None:
    house, calls = _house(title="Old"), list[str]()
    house.pictures.put(KEY, PNG, user_metadata={"title": "New"})
    assert watched_indexer(house, calls.append).bring_in_line(KEY) == Outcome.DESCRIBED
    assert "embed_stored" not in calls
    assert _image(house).metadata.title == "New"


def test_a_picture_that_is_in_line_costs_no_look_at_its_metadata() -> None:
    house, calls = _house(EVERYTHING), list[str]()
    assert watched_indexer(house, calls.append).bring_in_line(KEY) == Outcome.UNCHANGED
    assert not {"sidecar", "user_metadata", "embed"} & set(calls)


def test_a_replaced_picture_keeps_what_its_sidecar_says() -> None:
    house = _house(EVERYTHING)
    house.pictures.put(KEY, JPEG)
    assert house.indexer.bring_in_line(KEY) == Outcome.INDEXED
    assert (_image(house).content_type, _image(house).metadata) == ("image/jpeg", METADATA)


def test_a_reject_is_tried_again_when_its_sidecar_changes_and_then_rests() -> None:
    house = in_memory_house()
    house.pictures.put(KEY, b"no picture")
    house.indexer.bring_in_line(KEY)
    _describe(house, {"title": "New"})
    assert house.indexer.bring_in_line(KEY) == Outcome.REJECTED
    assert house.indexer.bring_in_line(KEY) == Outcome.UNCHANGED
    assert isinstance(document_of(house), RejectedImage)


def test_a_sidecar_is_no_picture_and_loses_any_document() -> None:
    house = in_memory_house()
    house.pictures.put(SIDECAR, PNG)
    stray = replace(_image(_house()), key=SIDECAR)
    house.index.put_image(house.index.active().name, embedded(stray, (1.0,) * 32))
    assert house.indexer.bring_in_line(SIDECAR) == Outcome.DELETED
    assert document_of(house, SIDECAR) is None


class _Captions:
    """An embedder that answers captions in its own way."""

    def __init__(self, house: InMemoryHouse, answer: Embedding | Exception) -> None:
        self._answer = answer
        self.embed_stored = house.embedder.embed_stored

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        del fingerprint, texts, pictures
        if isinstance(self._answer, Exception):
            raise self._answer
        return (self._answer,)


def _indexer(house: InMemoryHouse, answer: Embedding | Exception) -> Indexer:
    return Indexer(
        embedder=_Captions(house, answer), index=house.index, pictures=house.pictures, attributes=ATTRIBUTES
    )


@pytest.mark.parametrize("is_known", [True, False])
def test_a_caption_that_the_model_refuses_is_a_fault_of_the_metadata(is_known: bool) -> None:
    house = _house() if is_known else in_memory_house()
    house.pictures.put(KEY, PNG)
    _describe(house, EVERYTHING)
    _indexer(house, TextTooLongError("Too long.")).bring_in_line(KEY)
    image = _image(house)
    assert (image.metadata, image.metadata_fault) == (Metadata(), "caption: Too long.")


@pytest.mark.parametrize(
    "answer",
    [
        ModelUnavailableError("busy", retry_after=5),
        Embedding(fingerprint=OTHER_FINGERPRINT, vector=(1.0,) * 32),
    ],
    ids=["unavailable", "another model"],
)
def test_a_caption_that_cannot_be_embedded_now_leaves_everything_as_it_was(
    answer: Embedding | Exception,
) -> None:
    house = _house({"caption": "a dog"})
    before = document_of(house)
    _describe(house, {"caption": "a cat"})
    with pytest.raises((ModelUnavailableError, ModelMismatchError)):
        _indexer(house, answer).bring_in_line(KEY)
    assert document_of(house) == before


def test_a_document_that_goes_while_it_is_described_is_embedded_anew() -> None:
    house = _house(EVERYTHING)
    _describe(house, {"title": "New"})

    def lose(method: str) -> None:
        if method == "describe":
            house.index.delete(house.index.active().name, _image(house).id)

    assert watched_indexer(house, lose).bring_in_line(KEY) == Outcome.INDEXED
    assert _image(house).metadata == Metadata(title="New")


def test_every_kept_index_gets_the_picture_by_its_own_model() -> None:
    house = in_memory_house()
    second = keep_second_index(house)
    house.pictures.put(KEY, PNG)
    _describe(house, EVERYTHING)
    assert watched_indexer(house, lambda _: None).bring_in_line(KEY) == Outcome.INDEXED
    for index in house.index.written():
        document = document_of(house, index=index)
        assert isinstance(document, ImageRecord)
        assert (document.fingerprint, document.metadata) == (index.fingerprint, METADATA)
    legs = [Nearest(part="picture", vector=(1.0,) * 16), Nearest(part="caption", vector=(1.0,) * 16)]
    assert [len(found) for found in house.index.search(second.name, legs, k=5)] == [1, 1]


def test_an_index_that_is_behind_catches_up_and_the_outcome_is_that_of_the_active_one() -> None:
    house = _house(EVERYTHING)
    second = keep_second_index(house)
    indexer = watched_indexer(house, lambda _: None)
    assert indexer.bring_in_line(KEY) == Outcome.UNCHANGED
    assert document_of(house, index=second) is not None
    house.pictures.remove(KEY)
    assert indexer.bring_in_line(KEY) == Outcome.DELETED
    assert document_of(house, index=second) is None


def test_trouble_with_another_model_leaves_the_active_index_in_line() -> None:
    house = in_memory_house()
    second = keep_second_index(house)
    house.pictures.put(KEY, PNG)
    asked = list[str]()

    def fail(method: str) -> None:
        asked.append(method)
        if asked.count("embed_stored") == 2:
            raise ModelUnavailableError("The second endpoint is starting.", retry_after=5)

    with pytest.raises(ModelUnavailableError):
        watched_indexer(house, fail).bring_in_line(KEY)
    assert document_of(house) is not None
    assert document_of(house, index=second) is None
