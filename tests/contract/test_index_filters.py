"""What each kind of condition lets through, in memory and in OpenSearch, for vectors and for words."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from imagesearch.filters import AllOf, Among, AnyOf, BeginsWith, Between, Exists, Filter, Not
from imagesearch.models import Metadata
from imagesearch.queries import Words
from tests.builders import DIMENSION, TAKEN, a_reject, an_image, embedded
from tests.contract.indices import EAST, NORTH, Under, keys, unit

SEA, CAR, BARE = "a/1.jpg", "a/2.png", "b/3.jpg"
PICTURES = (
    replace(
        an_image(SEA),
        metadata=Metadata(
            title="holiday",
            caption="the sea",
            tags=("sea", "dog", "Old Town"),
            attributes={"category": "album/1", "price": 12.5, "taken": "2026-03-01", "favourite": False},
        ),
    ),
    replace(
        an_image(CAR),
        content_type="image/png",
        width=100,
        size=5_000_000_000,
        metadata=Metadata(
            title="holiday",
            tags=("car", "dog"),
            attributes={"category": "shop", "price": 20, "taken": "2026-03-01T18:00:00+02:00"},
        ),
    ),
    replace(an_image(BARE), last_modified=TAKEN + timedelta(days=1), metadata=Metadata(title="holiday")),
)


Cases = Sequence[tuple[Filter, Sequence[str]]]


def _gallery(under: Under) -> str:
    name = under.created()
    for image in PICTURES:
        under.index.put_image(name, embedded(image, EAST, NORTH if image.metadata.caption else None))
    under.index.put_rejected(name, a_reject("a/4.txt"))
    under.settle()
    return name


def _key_is(*given: str) -> Filter:
    return Among(field="key", values=given)


_VALUES: Cases = (
    (_key_is(SEA, "other"), [SEA]),
    (_key_is(), []),
    (Among(field="tags", values=("dog",)), [SEA, CAR]),
    (Among(field="tags", values=("Dog", "Old", "old town")), []),
    (Among(field="tags", values=("Old Town", "car")), [SEA, CAR]),
    (Among(field="content_type", values=("image/png",)), [CAR]),
    (Among(field="width", values=(100.0, 100.5)), [CAR]),
    (Among(field="width", values=(640.5,)), []),
    (Among(field="attributes.price", values=(12.5, 20)), [SEA, CAR]),
    (Among(field="attributes.favourite", values=(False,)), [SEA]),
    (Among(field="attributes.favourite", values=(True,)), []),
    (Among(field="attributes.category", values=("album/1",)), [SEA]),
)
_DATES: Cases = (
    (Among(field="attributes.taken", values=("2026-03-01",)), [SEA, CAR]),
    (Among(field="attributes.taken", values=("2026-03-01T16:00:00Z",)), [CAR]),
    (Among(field="last_modified", values=("2026-03-01T12:30:15+00:00",)), [SEA, CAR]),
    (Between(field="attributes.taken", gte="2026-03-01", lte="2026-03-01"), [SEA, CAR]),
    (Between(field="attributes.taken", gt="2026-03-01"), []),
    (Between(field="attributes.taken", lt="2026-03-01"), []),
    (Between(field="attributes.taken", gt="2026-03-01T15:59:59.999Z"), [CAR]),
    (Between(field="attributes.taken", gt="2026-03-01T16:00:00"), []),
    (Between(field="last_modified", gt="2026-03-01"), [BARE]),
    (Between(field="last_modified", lte="2026-03-01T12:30:15Z"), [SEA, CAR]),
)
_BOUNDS: Cases = (
    (Between(field="width", gte=100, lt=640), [CAR]),
    (Between(field="width", gt=100.5), [SEA, BARE]),
    (Between(field="width", gt=100), [SEA, BARE]),
    (Between(field="size", gt=4_999_999_999), [CAR]),
    (Between(field="attributes.price", lte=12.5), [SEA]),
    (Between(field="attributes.price", gt=12.5), [CAR]),
    (Between(field="attributes.price", gt=13, lt=12), []),
)
_PRESENCE: Cases = (
    (Exists(field="caption"), [SEA]),
    (Exists(field="title"), [SEA, CAR, BARE]),
    (Exists(field="tags"), [SEA, CAR]),
    (Exists(field="attributes.favourite"), [SEA]),
)
_PREFIXES: Cases = (
    (BeginsWith(field="key", prefix="a/"), [SEA, CAR]),
    (BeginsWith(field="key", prefix="A"), []),
    (BeginsWith(field="key", prefix=""), [SEA, CAR, BARE]),
    (BeginsWith(field="tags", prefix="Old"), [SEA]),
    (BeginsWith(field="attributes.category", prefix="album/"), [SEA]),
)
_JOINED: Cases = (
    (Not(condition=Among(field="tags", values=("sea",))), [CAR, BARE]),
    (Not(condition=Exists(field="attributes.price")), [BARE]),
    (Not(condition=Between(field="attributes.price", gt=15)), [SEA, BARE]),
    (AllOf(conditions=(Among(field="tags", values=("dog",)), _key_is(CAR, BARE))), [CAR]),
    (AnyOf(conditions=(_key_is(SEA), Between(field="width", lt=200))), [SEA, CAR]),
    (AllOf(conditions=()), [SEA, CAR, BARE]),
    (AnyOf(conditions=()), []),
    (Not(condition=AnyOf(conditions=(_key_is(SEA), AllOf(conditions=(_key_is(CAR),))))), [BARE]),
)


@pytest.mark.parametrize(
    "cases",
    [_VALUES, _DATES, _BOUNDS, _PRESENCE, _PREFIXES, _JOINED],
    ids=["values", "dates", "bounds", "presence", "prefixes", "joined"],
)
def test_a_condition_lets_through_what_it_says(under: Under, cases: Cases) -> None:
    name = _gallery(under)
    for condition, expected in cases:
        by_vector = under.nearest(name, EAST, k=10, where=condition)
        (by_words,) = under.index.search(name, [Words(text="holiday")], k=10, where=condition)
        assert sorted(keys(by_vector)) == sorted(keys(by_words)) == sorted(expected), condition


def test_a_condition_counts_for_captions_too(under: Under) -> None:
    name = _gallery(under)
    assert keys(under.nearest(name, NORTH, k=5, part="caption", where=_key_is(SEA, CAR))) == [SEA]
    assert under.nearest(name, NORTH, k=5, part="caption", where=_key_is(CAR)) == ()


def test_a_prefix_is_taken_literally(under: Under) -> None:
    name = under.created()
    for key in ("a*?/[x].jpg", "abc/x.jpg"):
        under.index.put_image(name, embedded(an_image(key), EAST))
    under.settle()
    where = BeginsWith(field="key", prefix="a*?/")
    assert keys(under.nearest(name, EAST, k=3, where=where)) == ["a*?/[x].jpg"]


def test_a_rare_album_still_fills_k(under: Under) -> None:
    name, chance = under.created(), random.Random(7)  # noqa: S311 - test data
    images = (an_image(f"{'rare' if number % 60 == 0 else 'common'}/{number}.jpg") for number in range(300))
    under.index.put_many(
        name, (embedded(image, unit(*(chance.gauss() for _ in range(DIMENSION)))) for image in images)
    )
    under.settle()
    assert len(under.nearest(name, EAST, k=5, where=BeginsWith(field="key", prefix="rare/"))) == 5


def test_the_largest_filter_that_requests_may_hold_is_taken(under: Under) -> None:
    name = _gallery(under)
    wide: Filter = AnyOf(
        conditions=(
            _key_is(*(f"{number:0>1000}" for number in range(999)), SEA),
            *(Between(field="width", gt=10_000 + number) for number in range(99)),
        )
    )
    for _ in range(3):
        wide = AllOf(conditions=(Not(condition=Not(condition=wide)),))
    assert keys(under.nearest(name, EAST, k=5, where=wide)) == [SEA]
