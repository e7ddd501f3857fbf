"""Searching, on in-memory parts."""

import math
from collections.abc import Sequence

import pytest

from imagesearch.errors import (
    ImageUnknownError,
    IndexMissingError,
    ModelMismatchError,
    QueryEmptyError,
    RequestInvalidError,
)
from imagesearch.models import Embedding, Query, RejectedImage, document_id
from imagesearch.search import Searcher, combine
from tests.builders import JPEG, OTHER_FINGERPRINT, PNG, InMemoryHouse, in_memory_house

PICTURES = {"a/1.png": PNG + b"1", "a/2.png": PNG + b"2", "b/3.jpg": JPEG + b"3"}


def _gallery() -> InMemoryHouse:
    house = in_memory_house()
    for key, content in PICTURES.items():
        house.pictures.put(key, content)
        house.indexer.bring_in_line(key)
    return house


@pytest.mark.parametrize("key", PICTURES)
def test_a_picture_finds_itself_first(key: str) -> None:
    result = _gallery().searcher.search(Query(picture=PICTURES[key]))
    assert result.hits[0].image.key == key
    assert result.hits[0].score == pytest.approx(1)
    assert len(result.hits) == 3


def test_hits_are_ranked_and_linked() -> None:
    result = _gallery().searcher.search(Query(text="sea", k=2))
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
    assert len(result.hits) == 2
    assert all(hit.image.key in hit.url and "ttl=60" in hit.url for hit in result.hits)


def test_text_and_picture_together_lie_between_both() -> None:
    searcher, picture = _gallery().searcher, PICTURES["a/1.png"]
    both = searcher.search(Query(text="sea", picture=picture)).hits[0]
    alone = searcher.search(Query(picture=picture)).hits[0]
    assert both.image.key == alone.image.key
    assert 0.5 < both.score < alone.score


def test_prefix_and_min_score_narrow_the_search() -> None:
    searcher = _gallery().searcher
    assert {hit.image.key for hit in searcher.search(Query(text="sea", prefix="a/")).hits} == {
        "a/1.png",
        "a/2.png",
    }
    hits = searcher.search(Query(picture=PICTURES["a/1.png"], min_score=0.99)).hits
    assert [hit.image.key for hit in hits] == ["a/1.png"]


@pytest.mark.parametrize("text", [None, "", "  \n\t "])
def test_a_blank_query_is_refused(text: str | None) -> None:
    with pytest.raises(QueryEmptyError):
        _gallery().searcher.search(Query(text=text))


def test_a_blank_text_beside_a_picture_counts_as_none() -> None:
    searcher, picture = _gallery().searcher, PICTURES["a/1.png"]
    assert searcher.search(Query(text=" ", picture=picture)).hits[0].score == pytest.approx(1)


def test_a_model_other_than_the_indexs_is_refused_with_the_way_to_migrate() -> None:
    house = in_memory_house(model=OTHER_FINGERPRINT)
    with pytest.raises(ModelMismatchError, match=r"To migrate .*imagesearch migrate --model") as caught:
        house.searcher.search(Query(text="sea"))
    assert OTHER_FINGERPRINT[:12] in caught.value.message


def test_the_model_of_the_index_is_the_one_that_is_asked() -> None:
    house, asked = in_memory_house(), list[str]()

    class Noting:
        def embed(
            self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
        ) -> tuple[Embedding, ...]:
            asked.append(fingerprint)
            return house.embedder.embed(fingerprint=fingerprint, texts=texts, pictures=pictures)

        embed_stored = house.embedder.embed_stored

    searcher = Searcher(embedder=Noting(), index=house.index, pictures=house.pictures, url_ttl_seconds=1)
    searcher.search(Query(text="sea"))
    assert asked == [house.index.active().fingerprint]


def test_a_search_before_any_index_says_that_it_is_missing() -> None:
    house = in_memory_house()
    house.index.__init__()  # type: ignore[misc]
    with pytest.raises(IndexMissingError):
        house.searcher.search(Query(text="sea"))


def test_timings_add_up() -> None:
    took = _gallery().searcher.search(Query(text="sea")).took_ms
    assert 0 <= took.encode + took.search <= took.total


def test_a_picture_is_known_by_its_id_whether_indexed_or_rejected() -> None:
    house = _gallery()
    house.pictures.put("note.txt", b"text")
    house.indexer.bring_in_line("note.txt")
    assert house.searcher.picture(document_id("a/1.png")).key == "a/1.png"
    assert isinstance(house.searcher.picture(document_id("note.txt")), RejectedImage)
    with pytest.raises(ImageUnknownError):
        house.searcher.picture(document_id("other"))


def test_the_state_counts_pictures_and_no_rejects() -> None:
    house = _gallery()
    house.pictures.put("note.txt", b"text")
    house.indexer.bring_in_line("note.txt")
    assert house.searcher.state().pictures == 3


def test_combining_one_vector_keeps_it() -> None:
    assert combine([(0.6, 0.8)]) == pytest.approx((0.6, 0.8))


def test_combined_vectors_have_length_one_and_lie_halfway() -> None:
    combined = combine([(1.0, 0.0), (0.0, 1.0)])
    assert combined == pytest.approx((math.sqrt(0.5), math.sqrt(0.5)))


def test_vectors_that_cancel_each_other_out_are_refused() -> None:
    with pytest.raises(RequestInvalidError, match="cancel"):
        combine([(1.0, 0.0), (-1.0, 0.0)])


@pytest.mark.parametrize("key", ["a", "Südsee/ä #1?.jpg", "x" * 1024, "../../etc", "a b+c%20"])
def test_every_key_has_an_id_that_needs_no_escaping(key: str) -> None:
    assert len(document_id(key)) == 32
    assert set(document_id(key)) <= set("0123456789abcdef")
