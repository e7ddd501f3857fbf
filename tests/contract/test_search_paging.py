"""Paging through an index: in memory, and through the real OpenSearch."""

from dataclasses import replace

import pytest

from imagesearch.filters import BeginsWith
from imagesearch.models import Metadata
from imagesearch.queries import Query
from tests.builders import a_query, an_image, embedded
from tests.contract.indices import Under
from tests.searching import keys, pages, searcher_of, towards

EQUAL = 200


@pytest.fixture
def filled(under: Under) -> Under:
    """200 pictures of one vector, some nearer and farther ones, all in one album but the last."""
    name = under.created()
    under.administration.point_alias(name)
    degrees = {
        "a/nearer": 1.0,
        **{f"a/{number}": 20.0 for number in range(EQUAL)},
        "a/farther": 40.0,
        "b": 60.0,
    }
    said = Metadata(title="45", caption="c")
    under.index.put_many(
        name,
        [
            embedded(replace(an_image(key), metadata=said), towards(each), towards(90 - each))
            for key, each in degrees.items()
        ],
    )
    under.settle()
    return under


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (a_query("0", k=7), EQUAL + 3),
        (a_query("0", k=100), EQUAL + 3),
        (a_query("0", k=7, filter=BeginsWith(field="key", prefix="a/")), EQUAL + 2),
        (a_query("0", k=7, min_score=0.9), EQUAL + 1),
        (a_query("0", k=7, part="any"), EQUAL + 3),
        (a_query("45", k=7, hybrid=True), EQUAL),
    ],
    ids=["small pages", "large pages", "filter", "least score", "both parts", "hybrid"],
)
def test_pictures_of_equal_scores_are_neither_repeated_nor_lost(
    filled: Under, query: Query, count: int
) -> None:
    found = [key for page in pages(searcher_of(filled.index), query) for key in keys(page)]
    assert len(set(found)) == len(found)
    assert len(found) >= count if query.hybrid else len(found) == count


def test_the_nearest_is_first_and_the_farthest_last_on_pages_too(filled: Under) -> None:
    found = [key for page in pages(searcher_of(filled.index), a_query("0", k=50)) for key in keys(page)]
    assert (found[0], found[-2:]) == ("a/nearer", ["a/farther", "b"])


def test_near_duplicates_are_shown_as_one(filled: Under) -> None:
    result = searcher_of(filled.index).search(a_query("0", collapse=True, facets=("content_type",)))
    assert result.found == len(result.hits) == 1
    assert [count.count for count in result.facets["content_type"]] == [1]
    assert len(result.hits[0].duplicates) == EQUAL + 2
