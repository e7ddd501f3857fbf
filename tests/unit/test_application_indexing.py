"""Indexing one picture: what becomes of new, replaced, deleted, unusable and unchanged ones."""

from dataclasses import replace

import pytest

from imagesearch.errors import ModelMismatchError, ModelUnavailableError, SearchUnavailableError
from imagesearch.indexing import Outcome
from imagesearch.models import ImageRecord, RejectedImage
from tests.builders import JPEG, OTHER_FINGERPRINT, PNG, embedded, in_memory_house
from tests.watched import KEY, document_of, watched_indexer


def test_a_new_picture_is_indexed_with_its_facts() -> None:
    house = in_memory_house()
    state = house.pictures.put(KEY, PNG + b"sea")
    assert house.indexer.bring_in_line(KEY) == Outcome.INDEXED
    document = document_of(house)
    assert isinstance(document, ImageRecord)
    assert (document.etag, document.size, document.last_modified) == (
        state.etag,
        state.size,
        state.last_modified,
    )
    assert (document.content_type, document.fingerprint) == (
        "image/png",
        house.index.active().fingerprint,
    )


def test_a_replaced_picture_is_indexed_anew() -> None:
    house = in_memory_house()
    house.pictures.put(KEY, PNG)
    house.indexer.bring_in_line(KEY)
    state = house.pictures.put(KEY, JPEG)
    assert house.indexer.bring_in_line(KEY) == Outcome.INDEXED
    document = document_of(house)
    assert document is not None
    assert document.etag == state.etag


def test_a_deleted_picture_is_removed_and_may_be_reported_again() -> None:
    house = in_memory_house()
    house.pictures.put(KEY, PNG)
    house.indexer.bring_in_line(KEY)
    house.pictures.remove(KEY)
    assert [house.indexer.bring_in_line(KEY) for _ in range(2)] == [Outcome.DELETED] * 2
    assert document_of(house) is None


def test_a_duplicated_event_embeds_nothing() -> None:
    house = in_memory_house()
    house.pictures.put(KEY, PNG)
    house.indexer.bring_in_line(KEY)
    calls: list[str] = []
    assert watched_indexer(house, calls.append).bring_in_line(KEY) == Outcome.UNCHANGED
    assert "embed_stored" not in calls
    assert "put_image" not in calls


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "picture_empty"), (b"not a picture", "picture_unsupported_format")]
)
def test_an_unusable_picture_becomes_a_reject_with_its_reason(content: bytes, code: str) -> None:
    house = in_memory_house()
    state = house.pictures.put(KEY, content)
    assert house.indexer.bring_in_line(KEY) == Outcome.REJECTED
    document = document_of(house)
    assert isinstance(document, RejectedImage)
    assert (document.error_code, document.etag) == (code, state.etag)
    assert document.error_message
    assert house.indexer.bring_in_line(KEY) == Outcome.UNCHANGED


def test_a_reject_gives_way_to_a_good_picture_and_back() -> None:
    house = in_memory_house()
    for content, kind in ((b"bad", RejectedImage), (PNG, ImageRecord), (b"bad", RejectedImage)):
        house.pictures.put(KEY, content)
        house.indexer.bring_in_line(KEY)
        assert isinstance(document_of(house), kind)
    assert house.index.count(house.index.active().name) == 0


def test_a_document_of_another_model_is_embedded_again() -> None:
    house = in_memory_house()
    house.pictures.put(KEY, PNG)
    house.indexer.bring_in_line(KEY)
    document = document_of(house)
    assert isinstance(document, ImageRecord)
    old = replace(document, fingerprint=OTHER_FINGERPRINT)
    house.index.put_image(house.index.active().name, embedded(old, (1.0,) * 32))
    assert house.indexer.bring_in_line(KEY) == Outcome.INDEXED
    assert document_of(house) == document


def test_a_vector_of_another_model_is_never_written() -> None:
    house = in_memory_house(model=OTHER_FINGERPRINT)
    house.pictures.put(KEY, PNG)
    with pytest.raises(ModelMismatchError, match="To migrate"):
        house.indexer.bring_in_line(KEY)
    assert document_of(house) is None


@pytest.mark.parametrize(
    "error",
    [ModelUnavailableError("busy", retry_after=5), SearchUnavailableError("busy", retry_after=5)],
)
def test_unavailability_rejects_nothing_and_is_raised(error: Exception) -> None:
    house = in_memory_house()
    house.pictures.put(KEY, PNG)

    def fail(method: str) -> None:
        if method == "embed_stored":
            raise error

    with pytest.raises(type(error)):
        watched_indexer(house, fail).bring_in_line(KEY)
    assert document_of(house) is None
