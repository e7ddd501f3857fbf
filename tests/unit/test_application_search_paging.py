"""Pages: none repeats a hit or loses one, whatever the scores, and a position fits its own query only."""

import random
from dataclasses import replace
from typing import Any

import pytest

from imagesearch.errors import CursorExpiredError, CursorInvalidError
from imagesearch.filters import Among, BeginsWith
from imagesearch.models import EmbeddedImage, Metadata, document_id
from imagesearch.queries import PictureExample, Query
from imagesearch.searching.paging import DEPTH, FUSED_WINDOW, WINDOW, digest
from tests.builders import a_query, an_image, an_index, embedded
from tests.searching import filled, keys, pages, pictures_towards, searcher_of, towards


def _all_keys(pictures: list[EmbeddedImage], query: Query) -> list[str]:
    return [key for page in pages(searcher_of(filled(pictures)), query) for key in keys(page)]


@pytest.mark.parametrize("k", [1, 7, 100])
@pytest.mark.parametrize("count", [0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 230])
def test_pages_hold_every_picture_once_and_in_order(count: int, k: int) -> None:
    degrees = {f"{number:04}": number / 10 for number in range(count)}
    assert _all_keys(pictures_towards(degrees), a_query("0", k=k)) == sorted(degrees)


@pytest.mark.parametrize("k", [7, 50, 100])
def test_pictures_of_one_score_are_neither_repeated_nor_lost(k: int) -> None:
    degrees = {"first": 0.0} | {f"{number}": 20.0 for number in range(200)} | {"last": 40.0}
    expected = ["first", *sorted((str(number) for number in range(200)), key=document_id), "last"]
    assert _all_keys(pictures_towards(degrees), a_query("0", k=k)) == expected


def test_scores_of_several_ways_are_paged_through_like_any_others() -> None:
    chance = random.Random(3)  # noqa: S311 - test data
    pictures = [
        embedded(
            an_image(str(number), caption="c"),
            towards(chance.choice([10, 20, 90])),
            towards(chance.choice([0, 45, 170])),
        )
        for number in range(260)
    ]
    found = _all_keys(pictures, a_query("0", part="any", k=9))
    assert len(found) == len(set(found)) == 260


def test_nothing_lies_deeper_than_the_largest_window() -> None:
    degrees = {f"{number:04}": number / 100 for number in range(DEPTH + 50)}
    found = _all_keys(pictures_towards(degrees), a_query("0", k=100))
    assert found == sorted(degrees)[:DEPTH]


def test_more_pictures_of_one_score_than_the_largest_window_holds_still_give_pages() -> None:
    found = _all_keys(
        pictures_towards({str(number): 5.0 for number in range(DEPTH + 50)}), a_query("0", k=100)
    )
    assert len(found) == len(set(found)) == DEPTH


def test_a_hybrid_search_is_paged_within_its_own_window() -> None:
    pictures = [
        embedded(replace(an_image(f"{number:03}"), metadata=Metadata(title="45")), towards(number / 10))
        for number in range(FUSED_WINDOW + 30)
    ]
    found = _all_keys(pictures, a_query("45", hybrid=True, k=13))
    assert len(found) == len(set(found)) >= FUSED_WINDOW


def test_pages_keep_to_filter_and_least_score() -> None:
    degrees = {f"{'ab'[number % 2]}/{number:03}": number / 4 for number in range(300)}
    query = a_query("0", k=10, filter=BeginsWith(field="key", prefix="a/"), min_score=0.97)
    found = _all_keys(pictures_towards(degrees), query)
    assert found == sorted(key for key in degrees if key.startswith("a/"))[: len(found)]
    assert 30 < len(found) < 100


def test_the_last_page_names_no_next_one() -> None:
    searcher = searcher_of(filled(pictures_towards({"a": 0, "b": 10, "c": 20})))
    assert searcher.search(a_query("0", k=3)).next is None
    page = searcher.search(a_query("0", k=2))
    assert page.next is not None
    assert searcher.search(a_query("0", k=2, after=page.next)).next is None


def test_what_is_written_between_two_pages_makes_none_of_the_others_appear_twice() -> None:
    index = filled(pictures_towards({f"{number:02}": 10 + number for number in range(20)}))
    searcher = searcher_of(index)
    first = searcher.search(a_query("0", k=10))
    index.put_many(index.active().name, pictures_towards({"nearer": 1, "farther": 25.5}))
    index.delete(index.active().name, document_id("05"))
    second = searcher.search(a_query("0", k=20, after=first.next))
    assert keys(second) == [*(f"{number:02}" for number in range(10, 16)), "farther", "16", "17", "18", "19"]


def test_the_next_page_may_have_another_size() -> None:
    searcher = searcher_of(filled(pictures_towards({f"{number}": number for number in range(10)})))
    page = searcher.search(a_query("0", k=2))
    assert keys(searcher.search(a_query("0", k=3, after=page.next, explain=True, vectors=True))) == list(
        "234"
    )


@pytest.mark.parametrize(
    "other",
    [
        a_query("1"),
        a_query("0", part="any"),
        a_query("0", min_score=0.1),
        a_query("0", cutoff="auto"),
        a_query("0", collapse=True),
        a_query("0", hybrid=True),
        a_query("0", filter=BeginsWith(field="key", prefix="")),
        a_query(PictureExample(content=b"0")),
    ],
)
def test_a_position_in_another_ranking_is_refused(other: Query) -> None:
    searcher = searcher_of(filled(pictures_towards({f"{number}": number for number in range(10)})))
    position = searcher.search(a_query("0", k=2)).next
    with pytest.raises(CursorInvalidError):
        searcher.search(replace(other, after=position))


def test_a_position_in_an_index_that_is_no_longer_searched_has_expired() -> None:
    index = filled(pictures_towards({f"{number}": number for number in range(10)}))
    searcher = searcher_of(index)
    position = searcher.search(a_query("0", k=2)).next
    second = an_index("images-5e5e5e5e5e5e-2")
    index.create(second)
    index.point_alias(second.name)
    with pytest.raises(CursorExpiredError, match="search again"):
        searcher.search(a_query("0", k=2, after=position))


def test_queries_that_rank_differently_have_different_digests() -> None:
    ranking: list[dict[str, Any]] = [
        {},
        {"part": "caption"},
        {"filter": Among(field="key", values=("a", "b"))},
        {"filter": Among(field="key", values=("a, b",))},
        {"filter": Among(field="tags", values=("a", "b"))},
        {"min_score": 0.5},
    ]
    queries = [a_query("0", **each) for each in ranking]
    queries += [a_query(PictureExample(content=content)) for content in (b"0", b"1")]
    assert len({digest(query) for query in queries}) == len(queries)
    assert digest(a_query("0")) == digest(a_query("0", k=3, facets=("tags",), vectors=True, explain=True))
