"""How every index ranks: by vectors and by words, best first, ties in one order."""

import math
from dataclasses import replace

import pytest

from imagesearch.filters import AnyOf, Between
from imagesearch.models import Metadata, document_id
from imagesearch.queries import Nearest, VectorPart, Words
from tests.builders import a_reject, an_image, embedded
from tests.contract.indices import EAST, NORTH, NORTH_EAST, SOUTH, WEST, Under, keys, unit


def _three_pictures(under: Under, name: str) -> None:
    pictures = {"a/east.jpg": EAST, "a/north.jpg": NORTH, "b/north-east.jpg": NORTH_EAST}
    under.index.put_many(name, [embedded(an_image(key), vector) for key, vector in pictures.items()])
    under.settle()


def test_the_nearest_pictures_come_first(under: Under) -> None:
    name = under.created()
    _three_pictures(under, name)
    assert keys(under.nearest(name, EAST, k=3)) == ["a/east.jpg", "b/north-east.jpg", "a/north.jpg"]


def test_the_score_of_cosine_is_one_plus_cosine_halved(under: Under) -> None:
    name = under.created()
    _three_pictures(under, name)
    under.index.put_image(name, embedded(an_image("west.jpg"), WEST))
    under.settle()
    scores = [match.score for match in under.nearest(name, EAST, k=4)]
    assert scores == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, 0], abs=1e-6)


def test_the_score_of_l2_is_the_inverse_of_one_plus_the_squared_distance(under: Under) -> None:
    name = under.created(space="l2")
    _three_pictures(under, name)
    scores = [match.score for match in under.nearest(name, EAST, k=3)]
    assert scores == pytest.approx([1, 1 / (1 + 2 - math.sqrt(2)), 1 / 3], abs=1e-6)


def test_k_limits_the_matches_and_may_exceed_the_index(under: Under) -> None:
    name = under.created()
    _three_pictures(under, name)
    assert len(under.nearest(name, EAST, k=2)) == 2
    assert len(under.nearest(name, EAST, k=1000)) == 3


def test_an_empty_index_has_no_matches(under: Under) -> None:
    name = under.created()
    assert under.index.search(name, [Nearest(part="picture", vector=EAST), Words(text="sea")], k=5) == (
        (),
        (),
    )


def test_pictures_of_one_score_come_in_the_order_of_their_ids(under: Under) -> None:
    name = under.created()
    under.index.put_many(name, [embedded(an_image(f"{number}.jpg"), EAST) for number in range(30)])
    under.settle()
    ids = [match.image.id for match in under.nearest(name, EAST, k=30)]
    assert ids == sorted(document_id(f"{number}.jpg") for number in range(30))


def _two_captioned_pictures(under: Under, name: str) -> None:
    """One is in the east and called west, the other in the north and called north-east."""
    east, north = an_image("a/east.jpg", caption="west"), an_image("b/north.jpg", caption="north-east")
    under.index.put_many(name, [embedded(east, EAST, WEST), embedded(north, NORTH, NORTH_EAST)])
    under.index.put_image(name, embedded(an_image("a/south.jpg"), SOUTH))
    under.settle()


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("picture", ["a/east.jpg", "a/south.jpg", "b/north.jpg"]),
        ("caption", ["b/north.jpg", "a/east.jpg"]),
    ],
)
def test_the_part_says_which_vectors_are_compared(
    under: Under, part: VectorPart, expected: list[str]
) -> None:
    name = under.created()
    _two_captioned_pictures(under, name)
    assert keys(under.nearest(name, unit(1, -0.1, 0, 0), k=3, part=part)) == expected


def test_several_ways_of_asking_are_answered_each_by_itself(under: Under) -> None:
    name = under.created()
    _two_captioned_pictures(under, name)
    legs: list[Nearest | Words] = [
        Nearest(part="caption", vector=WEST),
        Words(text="north"),
        Nearest(part="picture", vector=NORTH),
    ]
    by_caption, by_words, by_picture = under.index.search(name, legs, k=2)
    assert keys(by_caption) == ["a/east.jpg", "b/north.jpg"]
    assert keys(by_words) == ["b/north.jpg"]
    assert keys(by_picture)[0] == "b/north.jpg"
    assert len(by_picture) == 2


def _described_pictures(under: Under, name: str) -> None:
    said = {
        "1.jpg": Metadata(title="Harbour", caption="two red boats in the evening"),
        "2.jpg": Metadata(caption="a red car", tags=("street", "Old Town")),
        "3.jpg": Metadata(tags=("boat", "evening sun"), title="Südsee"),
        "4.jpg": Metadata(),
    }
    for key, metadata in said.items():
        vector = None if metadata.caption is None else NORTH
        under.index.put_image(name, embedded(replace(an_image(key), metadata=metadata), EAST, vector))
    under.index.put_rejected(name, a_reject("boat.txt"))
    under.settle()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("harbour", {"1.jpg"}),
        ("RED", {"1.jpg", "2.jpg"}),
        ("town", {"2.jpg"}),
        ("sun boat", {"3.jpg"}),
        ("südsee", {"3.jpg"}),
        ("evening", {"1.jpg", "3.jpg"}),
        ("zebra", set()),
        ('"knn_vector" \\u0041 {} \n \u2028', set()),
    ],
)
def test_words_are_found_in_title_caption_and_tags(under: Under, text: str, expected: set[str]) -> None:
    name = under.created()
    _described_pictures(under, name)
    (matches,) = under.index.search(name, [Words(text=text)], k=10)
    assert set(keys(matches)) >= expected
    if text != "sun boat":
        assert set(keys(matches)) == expected


def test_the_picture_with_more_of_the_words_and_the_rarer_ones_comes_first(under: Under) -> None:
    name = under.created()
    _described_pictures(under, name)
    (matches,) = under.index.search(name, [Words(text="red boats evening")], k=10)
    assert keys(matches)[0] == "1.jpg"
    assert matches[0].score > matches[1].score > 0


def test_a_long_text_is_searched_by_its_first_words_beside_the_longest_filter(under: Under) -> None:
    name = under.created()
    _described_pictures(under, name)
    where = AnyOf(conditions=tuple(Between(field="width", gt=number) for number in range(100)))
    for text in ("harbour" + "".join(f" {chr(0x4E00 + number)}" for number in range(500)), "harbour " * 1000):
        (matches,) = under.index.search(name, [Words(text=text)], k=10, where=where)
        assert keys(matches) == ["1.jpg"]


def test_a_changed_description_is_found_by_its_new_words_only(under: Under) -> None:
    name = under.created()
    _described_pictures(under, name)
    assert under.index.describe(name, replace(an_image("3.jpg"), metadata=Metadata(title="Mountain")), None)
    under.settle()
    old, new = under.index.search(name, [Words(text="südsee"), Words(text="mountain")], k=10)
    assert (keys(old), keys(new)) == ([], ["3.jpg"])


def test_the_vectors_of_pictures_are_read_by_their_ids(under: Under) -> None:
    name = under.created()
    _two_captioned_pictures(under, name)
    under.index.put_rejected(name, a_reject("reject.txt"))
    east, south = document_id("a/east.jpg"), document_id("a/south.jpg")
    asked = [east, south, document_id("reject.txt"), document_id("absent")]
    pictures = under.index.vectors(name, asked)
    assert set(pictures) == {east, south}
    assert pictures[east] == pytest.approx(EAST)
    assert list(under.index.vectors(name, asked, part="caption")) == [east]
    assert under.index.vectors(name, []) == {}
