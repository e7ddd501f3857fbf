"""Searching, on in-memory parts: what is found, how it is scored, what is told of it."""

import math
from dataclasses import replace

import pytest

from imagesearch.errors import (
    ImageUnknownError,
    IndexMissingError,
    ModelMismatchError,
    QueryEmptyError,
    RequestInvalidError,
)
from imagesearch.filters import BeginsWith
from imagesearch.models import EmbeddedImage, Metadata, RejectedImage, document_id
from imagesearch.queries import Count, PictureExample, Query, TextExample, Wish
from tests.builders import (
    JPEG,
    OTHER_FINGERPRINT,
    PNG,
    CutoffAt,
    InMemoryHouse,
    a_query,
    an_image,
    embedded,
    in_memory_house,
)
from tests.searching import Compass, filled, keys, pictures_towards, searcher_of, towards

PICTURES = {"a/1.png": PNG + b"1", "a/2.png": PNG + b"2", "b/3.jpg": JPEG + b"3"}


def _gallery() -> InMemoryHouse:
    house = in_memory_house()
    for key, content in PICTURES.items():
        house.pictures.put(key, content)
        house.indexer.bring_in_line(key)
    return house


@pytest.mark.parametrize("key", PICTURES)
def test_a_picture_finds_itself_first(key: str) -> None:
    result = _gallery().searcher.search(a_query(PictureExample(content=PICTURES[key])))
    assert result.hits[0].image.key == key
    assert result.hits[0].score == pytest.approx(1)
    assert len(result.hits) == result.found == 3


def test_hits_are_ranked_and_linked() -> None:
    result = _gallery().searcher.search(a_query("sea", k=2))
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
    assert len(result.hits) == 2
    assert all(hit.image.key in hit.url and "ttl=60" in hit.url for hit in result.hits)
    assert all(hit.image.id in hit.thumbnail_url for hit in result.hits)


def test_a_filter_and_a_least_score_narrow_the_search() -> None:
    searcher = _gallery().searcher
    album = BeginsWith(field="key", prefix="a/")
    assert set(keys(searcher.search(a_query("sea", filter=album)))) == {"a/1.png", "a/2.png"}
    result = searcher.search(a_query(PictureExample(content=PICTURES["a/1.png"]), min_score=0.99))
    assert (keys(result), result.threshold, result.found) == (["a/1.png"], 0.99, 1)


def test_the_cutoff_is_asked_for_and_told() -> None:
    index = filled(pictures_towards({"near": 10, "far": 70}))
    searcher = searcher_of(index, cutoff=CutoffAt(0.9))
    result = searcher.search(a_query("0", cutoff="auto"))
    assert (keys(result), result.threshold) == (["near"], 0.9)
    assert searcher.search(a_query("0")).threshold is None


@pytest.mark.parametrize("texts", [(), ("",), ("  \n\t ",), (" ", "")])
def test_a_blank_query_is_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(QueryEmptyError):
        _gallery().searcher.search(a_query(*texts))


def test_a_model_other_than_the_indexs_is_refused_with_the_way_to_migrate() -> None:
    house = in_memory_house(model=OTHER_FINGERPRINT)
    with pytest.raises(ModelMismatchError, match=r"To migrate .*imagesearch migrate --model") as caught:
        house.searcher.search(a_query("sea"))
    assert OTHER_FINGERPRINT[:12] in caught.value.message


def test_the_model_of_the_index_is_the_one_that_is_asked() -> None:
    index, compass = filled([]), Compass()
    searcher_of(index, embedder=compass).search(a_query("0"))
    assert compass.asked == [(index.active().fingerprint, ["0"], [])]


def test_a_search_before_any_index_says_that_it_is_missing() -> None:
    house = in_memory_house()
    house.index.__init__()  # type: ignore[misc]
    with pytest.raises(IndexMissingError):
        house.searcher.search(a_query("sea"))


def test_timings_add_up() -> None:
    took = _gallery().searcher.search(a_query("sea")).took_ms
    assert min(took.encode, took.search, took.rest) >= 0
    assert took.encode + took.search + took.rest == pytest.approx(took.total, abs=0.01)


def test_of_picture_and_caption_the_nearer_one_gives_the_score() -> None:
    index = filled(
        [
            embedded(an_image("by caption", caption="c"), towards(80), towards(5)),
            embedded(an_image("by picture", caption="c"), towards(10), towards(90)),
            embedded(an_image("without caption"), towards(40)),
        ]
    )
    result = searcher_of(index).search(a_query("0", part="any"))
    assert keys(result) == ["by caption", "by picture", "without caption"]
    assert [hit.matched for hit in result.hits] == [
        ("caption", "picture"),
        ("picture", "caption"),
        ("picture",),
    ]
    for hit in result.hits:
        assert hit.score == max(hit.scores.values()) == hit.scores[hit.matched[0]]
    assert result.hits[0].scores["picture"] == pytest.approx((1 + math.cos(math.radians(80))) / 2)


def test_a_search_in_both_parts_finds_a_picture_whose_caption_alone_is_near() -> None:
    pictures = pictures_towards({f"{number:03}": number / 10 for number in range(150)})
    captioned = embedded(an_image("captioned", caption="c"), towards(179), towards(0))
    result = searcher_of(filled([*pictures, captioned])).search(a_query("0", part="any", k=2))
    assert set(keys(result)) == {"000", "captioned"}


def _said(key: str, degrees: float, title: str) -> EmbeddedImage:
    return embedded(replace(an_image(key), metadata=Metadata(title=title)), towards(degrees))


def test_a_hybrid_search_ranks_by_meaning_and_by_words() -> None:
    pictures = [
        _said("both", 40, "45 boats"),
        _said("meaning", 46, "sea"),
        _said("words", 90, "45 and 45"),
        _said("neither", 80, "car"),
    ]
    searcher = searcher_of(filled(pictures))
    result = searcher.search(a_query("45", hybrid=True))
    assert keys(result)[-1] == "neither"
    by_key = {hit.image.key: hit for hit in result.hits}
    assert by_key["both"].matched == ("picture", "words")
    assert by_key["neither"].matched == ("picture",)
    assert by_key["words"].matched == ("words", "picture")
    assert all(0 < hit.score <= 1 for hit in result.hits)


def test_the_first_by_every_way_has_the_score_1() -> None:
    pictures = [_said("first", 45, "45"), _said("second", 50, "50")]
    result = searcher_of(filled(pictures)).search(a_query("45", hybrid=True))
    assert [hit.score for hit in result.hits] == pytest.approx([1, 61 / 62 / 2])


def test_words_that_are_in_every_sentence_find_nothing_by_themselves() -> None:
    searcher = searcher_of(filled([_said("1", 0, "the sea"), _said("2", 0, "a car")]))
    found = searcher.search(a_query("The boats of a 45", hybrid=True)).hits
    assert {hit.matched for hit in found} == {("picture",)}


def test_a_hybrid_search_needs_a_text_that_is_to_be_found() -> None:
    searcher = searcher_of(filled([]))
    picture = Wish(example=PictureExample(content=b"0"))
    for wishes in ((picture,), (picture, _wish("90", -1))):
        with pytest.raises(RequestInvalidError, match="hybrid"):
            searcher.search(Query(wishes=wishes, hybrid=True))


def test_in_a_hybrid_search_the_cutoff_leaves_what_is_found_by_its_words() -> None:
    pictures = [_said("near", 40, "x"), _said("words", 200, "45"), _said("far", 200, "y")]
    searcher = searcher_of(filled(pictures), cutoff=CutoffAt(0.9))
    assert set(keys(searcher.search(a_query("45", hybrid=True, cutoff="auto")))) == {"near", "words"}


def test_embeddings_come_only_when_they_are_asked_for() -> None:
    searcher = searcher_of(filled(pictures_towards({"a": 10, "b": 20})))
    assert [hit.vector for hit in searcher.search(a_query("0")).hits] == [None, None]
    assert [hit.vector for hit in searcher.search(a_query("0", vectors=True)).hits] == [
        towards(10),
        towards(20),
    ]


def test_facets_count_the_values_of_all_pictures_that_are_found() -> None:
    pictures = [
        embedded(
            replace(
                an_image(f"{number}.jpg"),
                metadata=Metadata(
                    tags=("all", "even" if number % 2 == 0 else "odd"),
                    attributes={"favourite": True} if number < 3 else {},
                ),
            ),
            towards(number / 10),
        )
        for number in range(205)
    ]
    query = a_query("0", k=3, facets=("tags", "attributes.favourite", "attributes.price"))
    result = searcher_of(filled(pictures)).search(query)
    assert (len(result.hits), result.found) == (3, 205)
    tags = {"all": 205, "even": 103, "odd": 102}
    assert result.facets == {
        "tags": tuple(Count(value=tag, count=count) for tag, count in tags.items()),
        "attributes.favourite": (Count(value=True, count=3),),
        "attributes.price": (),
    }


def test_facets_do_not_count_what_the_query_leaves_out() -> None:
    index = filled(pictures_towards({"a/1": 0, "a/2": 90, "b/1": 0}))
    album = BeginsWith(field="key", prefix="a/")
    result = searcher_of(index).search(a_query("0", filter=album, min_score=0.9, facets=("key",)))
    assert result.facets == {"key": (Count(value="a/1", count=1),)}


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


@pytest.mark.parametrize("key", ["a", "Südsee/ä #1?.jpg", "x" * 1024, "../../etc", "a b+c%20"])
def test_every_key_has_an_id_that_needs_no_escaping(key: str) -> None:
    assert len(document_id(key)) == 32
    assert set(document_id(key)) <= set("0123456789abcdef")


def _wish(text: str, weight: float = 1.0) -> Wish:
    return Wish(example=TextExample(text=text), weight=weight)
