"""The cut-off that a query finds by itself, on collections whose directions are drawn by chance."""

import math
import random
from collections.abc import Sequence

import pytest

from imagesearch.adapters.in_memory_index import InMemoryVectorIndex, score
from imagesearch.models import IndexInfo, Vector
from imagesearch.queries import VectorPart
from imagesearch.searching.cutoff import (
    LEAST_PICTURES,
    SAMPLE,
    BackgroundCutoff,
    least_cosine,
    score_of,
)
from tests.builders import FINGERPRINT, an_image, embedded

DIMENSION = 64
SPACES = ["cosinesimil", "l2"]


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Collection:
    """An index in memory, filled as a test needs it."""

    def __init__(self, *, space: str = "cosinesimil", number: int = 1) -> None:
        self.memory = InMemoryVectorIndex()
        self.clock = Clock()
        self.cutoff = BackgroundCutoff(probe=self.memory, clock=self.clock)
        self.info = self.index(space=space, number=number)
        self._vectors: dict[str, Vector] = {}

    def index(self, *, space: str = "cosinesimil", number: int) -> IndexInfo:
        name = f"images-{FINGERPRINT[:12]}-{number}"
        info = IndexInfo(name=name, fingerprint=FINGERPRINT, dimension=DIMENSION, space=space)
        self.memory.create(info)
        return info

    def put(self, vectors: Sequence[Vector], *, name: str = "other", captions: Sequence[Vector] = ()) -> None:
        for number, vector in enumerate(vectors):
            caption = captions[number] if captions else None
            image = an_image(f"{name}-{number}", caption="A." if caption else None)
            self.memory.put_image(self.info.name, embedded(image, vector, caption))
            self._vectors[image.key] = vector

    def left(self, query: Vector) -> set[str]:
        """The keys of the pictures that the cut-off leaves."""
        threshold = self.cutoff.threshold(self.info, query, "picture")
        return {
            key for key, each in self._vectors.items() if score(self.info.space, query, each) >= threshold
        }


def directions(count: int, *, seed: int = 5) -> list[Vector]:
    chance = random.Random(seed)  # noqa: S311 - test data
    return [unit([chance.gauss() for _ in range(DIMENSION)]) for _ in range(count)]


def unit(numbers: Sequence[float]) -> Vector:
    norm = math.hypot(*numbers)
    return tuple(number / norm for number in numbers)


def near(query: Vector, count: int, *, noise: float = 0.05) -> list[Vector]:
    """Vectors about the query's direction."""
    chance = random.Random(9)  # noqa: S311 - test data
    return [unit([number + noise * chance.gauss() for number in query]) for _ in range(count)]


def gapped(vectors: Sequence[Vector]) -> list[Vector]:
    """The same, moved in one direction, as the pictures of a model lie apart from its texts."""
    return [unit([vector[0] + 2, *vector[1:]]) for vector in vectors]


QUERY = directions(1, seed=77)[0]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(
    ("relevant", "others"), [(1, 40), (3, 40), (1, 200), (10, 200), (1, 2_000), (10, 2_000), (100, 2_000)]
)
def test_pictures_that_fit_are_left_and_others_are_not(space: str, relevant: int, others: int) -> None:
    collection = Collection(space=space)
    collection.put(directions(others))
    collection.put(near(QUERY, relevant), name="fitting")
    assert collection.left(QUERY) == {f"fitting-{number}" for number in range(relevant)}


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("others", [LEAST_PICTURES, 40, 200, 2_000])
def test_where_nothing_fits_nothing_is_left(space: str, others: int) -> None:
    collection = Collection(space=space)
    collection.put(directions(others))
    queries = directions(20, seed=78)
    assert sum(bool(collection.left(query)) for query in queries) <= 3


def test_scores_that_all_lie_higher_raise_the_cut_off() -> None:
    fitting = near(QUERY, 2)
    cutoffs = []
    for moved in (lambda vectors: vectors, gapped):
        collection = Collection()
        collection.put(moved(directions(100)))
        collection.put(moved(fitting), name="fitting")
        (query,) = moved([QUERY])
        assert collection.left(query) == {"fitting-0", "fitting-1"}
        cutoffs.append(collection.cutoff.threshold(collection.info, query, "picture"))
    assert cutoffs[1] > cutoffs[0] + 0.1


@pytest.mark.parametrize("others", [0, 1, LEAST_PICTURES - 1])
def test_in_a_handful_of_pictures_nothing_is_cut(others: int) -> None:
    collection = Collection()
    collection.put(directions(others))
    assert len(collection.left(QUERY)) == others


@pytest.mark.parametrize("space", SPACES)
def test_among_equal_pictures_none_is_cut(space: str) -> None:
    collection = Collection(space=space)
    collection.put([directions(1)[0]] * 50)
    for query in directions(5, seed=3):
        assert len(collection.left(query)) == 50


def test_the_picture_itself_is_never_cut() -> None:
    collection = Collection()
    vectors = directions(30)
    collection.put(vectors)
    for number, vector in enumerate(vectors):
        assert f"other-{number}" in collection.left(vector)


def test_of_two_parts_the_stricter_cut_off_counts() -> None:
    collection = Collection()
    collection.put(directions(50), captions=gapped(directions(50, seed=6)))
    (query,) = gapped([QUERY])
    by_part = {
        part: collection.cutoff.threshold(collection.info, query, part) for part in ("picture", "caption")
    }
    assert collection.cutoff.threshold(collection.info, query, "any") == max(by_part.values())
    assert by_part["caption"] > by_part["picture"]


def test_without_captions_both_parts_are_cut_as_the_pictures_are() -> None:
    collection = Collection()
    collection.put(directions(50))
    pictures = collection.cutoff.threshold(collection.info, QUERY, "picture")
    assert collection.cutoff.threshold(collection.info, QUERY, "any") == pictures
    assert collection.cutoff.threshold(collection.info, QUERY, "caption") == 0


@pytest.mark.parametrize("space", SPACES)
def test_a_cosine_has_the_score_that_the_index_gives(space: str) -> None:
    for other in directions(10):
        cosine = math.fsum(a * b for a, b in zip(QUERY, other, strict=True))
        assert score_of(space, cosine) == pytest.approx(score(space, QUERY, other))


def test_a_normal_background_is_cut_where_its_own_mean_and_deviation_say() -> None:
    chance = random.Random(1)  # noqa: S311 - test data
    background = [chance.gauss(0.2, 0.03) for _ in range(100_000)]
    deviations = math.log(len(background) / 0.2) / math.sqrt(2)
    assert least_cosine(background) == pytest.approx(0.2 + 0.03 * deviations, rel=0.01)


class CountingProbe(InMemoryVectorIndex):
    """Counts how often a sample is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[str, str]] = []

    def sample(self, index: str, count: int, *, part: VectorPart = "picture") -> tuple[Vector, ...]:
        self.reads.append((index, part))
        return super().sample(index, count, part=part)


@pytest.mark.parametrize(("pictures", "seconds"), [(SAMPLE, 300), (SAMPLE - 1, 10)])
def test_a_sample_is_read_again_after_a_while(pictures: int, seconds: int) -> None:
    probe, clock = CountingProbe(), Clock()
    cutoff = BackgroundCutoff(probe=probe, clock=clock)
    info = IndexInfo(name="images-1", fingerprint=FINGERPRINT, dimension=DIMENSION, space="cosinesimil")
    probe.create(info)
    for number, vector in enumerate(directions(pictures)):
        probe.put_image(info.name, embedded(an_image(f"{number}"), vector))
    for now, reads in ((0, 1), (seconds - 1, 1), (seconds, 2), (seconds + 1, 2)):
        clock.now = now
        cutoff.threshold(info, QUERY, "picture")
        assert len(probe.reads) == reads


def test_another_index_has_a_background_of_its_own() -> None:
    collection = Collection()
    collection.put(directions(100))
    before = collection.cutoff.threshold(collection.info, QUERY, "picture")
    collection.info = collection.index(number=2)
    collection.put(gapped(directions(100)))
    assert collection.cutoff.threshold(collection.info, QUERY, "picture") != before
