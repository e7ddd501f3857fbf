"""The check of a new index: what it counts, what it measures, what it refuses to judge by."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest

from imagesearch.adapters.in_memory import InMemoryEmbedder
from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.errors import ArtifactMissingError, LabelsInvalidError
from imagesearch.migration.gate import Gate
from imagesearch.migration.labels import MAX_LABELS, Label, read_labels
from imagesearch.migration.records import Check, Recall, labels_key
from imagesearch.models import EmbeddedImage, document_id
from imagesearch.queries import Match, Nearest
from tests.builders import OTHER_FINGERPRINT, PNG, a_reject
from tests.migration import DIMENSION, NEW, OLD, PICTURES, MigrationHouse, loaded


def check(house: MigrationHouse, *, labelled: bool = False) -> Check:
    house.migration().check(labelled=labelled)
    found = house.known_record().check
    assert found is not None
    return found


def lose(house: MigrationHouse, *keys: str) -> None:
    for key in keys:
        house.house.index.delete(NEW, document_id(key))


def label(house: MigrationHouse, lines: Iterable[Mapping[str, object]]) -> None:
    content = "".join(json.dumps(line) + "\n" for line in lines)
    house.artifacts.write(labels_key(NEW), content.encode())


def test_an_index_with_the_same_pictures_passes() -> None:
    found = check(loaded())
    assert (found.passed, found.faults) == (True, ())
    assert (found.counts.old, found.counts.new, found.counts.differing) == (12, 12, ())
    assert (found.recall.value, found.recall.least, found.recall.vectors) == (1.0, 0.95, 12)
    assert found.labelled is None


def test_an_empty_library_passes() -> None:
    house = loaded()
    for key in PICTURES:
        house.house.pictures.remove(key)
        house.indexer.bring_in_line(key)
    found = check(house)
    assert (found.passed, found.counts.new, found.recall.vectors) == (True, 0, 0)


def test_what_the_new_index_lacks_is_named() -> None:
    house = loaded()
    lose(house, PICTURES[3], PICTURES[7])
    found = check(house)
    assert (found.passed, found.counts.new) == (False, 10)
    assert found.counts.differing == (PICTURES[3], PICTURES[7])
    assert PICTURES[3] in found.faults[0]


def test_at_most_ten_differing_keys_are_named() -> None:
    house = loaded()
    lose(house, *PICTURES[:11])
    assert check(house).counts.differing == PICTURES[:10]


def test_what_only_the_new_index_has_is_named() -> None:
    house = loaded()
    house.house.index.delete(OLD, document_id(PICTURES[2]))
    assert check(house).counts.differing == (PICTURES[2],)


def test_a_picture_that_only_one_model_rejects_is_named() -> None:
    house = loaded()
    house.house.index.put_rejected(NEW, a_reject(PICTURES[5]))
    assert check(house).counts.differing == (PICTURES[5],)


def test_a_picture_that_arrives_in_one_index_after_the_other_is_no_difference() -> None:
    house = loaded()
    house.house.pictures.put("late.png", PNG + b"late")
    old = house.house.index.active()
    indexer = house.indexer
    indexer._settle(old, "late.png")
    counts = iter((lambda: None, lambda: indexer.bring_in_line("late.png")))

    def arrive(seconds: float) -> None:
        del seconds
        next(counts)()

    house.wait = arrive  # type: ignore[method-assign, assignment]
    found = check(house)
    assert (found.counts.old, found.counts.new, found.counts.differing) == (13, 12, ())
    assert found.passed


class _Graph:
    """An index whose searches find what `rank` makes of all pictures, the nearest first."""

    def __init__(self, index: InMemoryVectorIndex, rank: Callable[[list[Match]], list[Match]]) -> None:
        self._index = index
        self._rank = rank

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def search(self, index: str, legs: Sequence[Nearest], *, k: int) -> tuple[tuple[Match, ...], ...]:
        return tuple(tuple(self._rank(list(found))[:k]) for found in self._index.search(index, legs, k=1_000))


def recall(house: MigrationHouse, rank: Callable[[list[Match]], list[Match]]) -> Recall:
    """What the check measures where searches rank the pictures so."""
    index = house.house.index
    graph: Any = _Graph(index, rank)
    gate = Gate(
        index=graph,
        probe=index,
        embedder=house.models,
        artifacts=house.artifacts,
        min_recall=0.95,
        sample=20,
    )
    old, new = index.written()
    return gate.check(old=old, new=new, labelled=False).recall


def test_a_graph_that_misses_two_of_the_ten_nearest_fails() -> None:
    found = recall(loaded(), lambda matches: matches[2:])
    assert found.value == pytest.approx(0.8)
    assert not found.passed


def test_a_search_that_finds_too_few_fails() -> None:
    found = recall(loaded(), lambda matches: matches[:5])
    assert found.value == pytest.approx(0.5)
    assert not found.passed


def test_pictures_that_are_equally_near_are_as_good_as_each_other() -> None:
    house = loaded()
    for number in range(40):
        house.house.pictures.put(f"same/{number}.png", PNG)
        house.indexer.bring_in_line(f"same/{number}.png")
    found = recall(
        house,
        lambda matches: sorted(matches, key=lambda match: (round(match.score, 9), match.image.id))[::-1],
    )
    assert found.value == 1.0


def test_labelled_queries_are_asked_of_each_model_by_its_own_index() -> None:
    house = loaded()
    label(house, [{"picture": key, "relevant": [key]} for key in PICTURES])
    found = check(house, labelled=True)
    assert found.labelled is not None
    assert (found.labelled.queries, found.labelled.old, found.labelled.new) == (12, 1.0, 1.0)
    assert found.passed


def test_a_model_that_finds_less_of_what_people_hold_relevant_fails() -> None:
    house = loaded()
    asked = [{"picture": key, "relevant": [key]} for key in PICTURES[:4]]
    label(house, asked)
    turn_away(house, PICTURES[0])
    for number in range(20):
        house.put(f"other/{number}.png")
    found = check(house, labelled=True)
    assert found.labelled is not None
    assert (found.labelled.old, found.labelled.new, found.passed) == (1.0, 0.75, False)
    assert "0.7500" in found.faults[-1]


def turn_away(house: MigrationHouse, key: str) -> None:
    """Let the new index hold the opposite of a picture's vector."""
    model = InMemoryEmbedder(
        fingerprint=OTHER_FINGERPRINT, dimension=DIMENSION, pictures=house.house.pictures
    )
    vector = tuple(-number for number in model.embed_stored(fingerprint="", key=key).vector)
    image = house.house.index.get(NEW, document_id(key))
    house.house.index.put_image(NEW, EmbeddedImage(image=image, vector=vector))  # type: ignore[arg-type]


def test_texts_are_labelled_queries_too_and_relevant_ones_beyond_ten_are_not_asked_for() -> None:
    house = loaded()
    label(house, [{"text": "a dog on a beach", "relevant": list(PICTURES)}])
    found = check(house, labelled=True)
    assert found.labelled is not None
    assert (found.labelled.old, found.labelled.new) == (1.0, 1.0)


def test_labelled_queries_that_are_not_there_are_no_check() -> None:
    house = loaded()
    with pytest.raises(ArtifactMissingError, match="labels"):
        house.migration().check(labelled=True)
    assert house.known_record().check is None


def test_a_relevant_picture_that_is_none_is_named_with_its_line() -> None:
    house = loaded()
    label(house, [{"text": "a", "relevant": [PICTURES[0]]}, {"text": "b", "relevant": ["gone.png"]}])
    with pytest.raises(LabelsInvalidError, match=r"Line 2 .*gone\.png"):
        house.migration().check(labelled=True)


def test_a_query_picture_that_cannot_be_embedded_is_named_with_its_line() -> None:
    house = loaded()
    label(house, [{"picture": "gone.png", "relevant": [PICTURES[0]]}])
    with pytest.raises(LabelsInvalidError, match="Line 1 "):
        house.migration().check(labelled=True)


def test_labels_are_read_in_their_order_without_blank_lines_and_repetitions() -> None:
    content = b'\n{"text": "a", "relevant": ["x", "x", "y"]}\r\n\n{"picture": "p", "relevant": ["z"]}'
    assert read_labels(content) == (
        Label(line=2, text="a", relevant={"x": 1, "y": 1}),
        Label(line=4, picture="p", relevant={"z": 1}),
    )


def test_grades_are_read_and_those_of_zero_are_none() -> None:
    (label,) = read_labels(b'{"text": "a", "relevant": {"x": 3, "y": 0.5, "z": 0}}')
    assert label.relevant == {"x": 3, "y": 0.5}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "valid JSON"),
        ("\udce4", "valid JSON"),
        ("[" * 100_000, "valid JSON"),
        ("[]", "either"),
        ('{"relevant": ["x"]}', "either"),
        ('{"text": "a", "picture": "b", "relevant": ["x"]}', "either"),
        ('{"text": " ", "relevant": ["x"]}', "either"),
        ('{"text": "a", "relevant": ["x"], "weight": 1}', "either"),
        ('{"text": "a"}', "at least one key"),
        ('{"text": "a", "relevant": []}', "at least one key"),
        ('{"text": "a", "relevant": "x"}', "at least one key"),
        ('{"text": "a", "relevant": [1]}', "at least one key"),
        ('{"text": "a", "relevant": {}}', "at least one key"),
        ('{"text": "a", "relevant": {"x": 0}}', "at least one key"),
        ('{"text": "a", "relevant": {"x": -1}}', "grades"),
        ('{"text": "a", "relevant": {"x": NaN}}', "grades"),
        ('{"text": "a", "relevant": {"x": true}}', "grades"),
    ],
)
def test_a_line_that_is_no_label_is_named(line: str, message: str) -> None:
    good = '{"text": "a", "relevant": ["x"]}\n'
    with pytest.raises(LabelsInvalidError, match=f"Line 2 .*{message}"):
        read_labels((good + line).encode("utf-8", "surrogateescape"))


def test_no_labels_and_too_many_are_refused() -> None:
    with pytest.raises(LabelsInvalidError, match="no labelled query"):
        read_labels(b"\n\n")
    line = b'{"text": "a", "relevant": ["x"]}\n'
    assert len(read_labels(line * MAX_LABELS)) == MAX_LABELS
    with pytest.raises(LabelsInvalidError, match=f"at most {MAX_LABELS}"):
        read_labels(line * (MAX_LABELS + 1))
