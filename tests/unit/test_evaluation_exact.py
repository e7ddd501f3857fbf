"""The graph of an index against a comparison with every vector, on in-memory parts."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from imagesearch.filters import Filter
from imagesearch.migration.labels import Label
from imagesearch.models import document_id
from imagesearch.queries import Match, Nearest, Words
from scripts.evaluation.exact import Behind, graph_recalls
from tests.builders import PNG, InMemoryHouse, in_memory_house

KEYS = [f"{number}.png" for number in range(20)]


class Forgetful:
    """An index whose graph has lost the nearest picture."""

    def __init__(self, house: InMemoryHouse) -> None:
        self._index = house.index
        self.active, self.vectors = house.index.active, house.index.vectors

    def search(
        self, index: str, legs: Sequence[Nearest | Words], *, k: int, where: Filter | None = None
    ) -> tuple[tuple[Match, ...], ...]:
        return tuple(found[1:] for found in self._index.search(index, legs, k=k + 1, where=where))


@pytest.fixture
def house() -> InMemoryHouse:
    house = in_memory_house()
    for key in KEYS:
        house.pictures.put(key, PNG + key.encode())
        house.indexer.bring_in_line(key)
    return house


def recalls(house: InMemoryHouse, index: object, labels: Sequence[Label], folder: Path) -> list[float]:
    behind = Behind(embedder=house.embedder, index=index, probe=house.index)  # type: ignore[arg-type]
    moves: list[tuple[int, int]] = []
    found = graph_recalls(
        labels,
        path=folder / "labels",
        k=10,
        behind=behind,
        move=lambda total, done: moves.append((total, done)),
    )
    assert moves == [(len(labels), done + 1) for done in range(len(labels))]
    return found


def labels_of(folder: Path) -> list[Label]:
    (folder / "own.png").write_bytes(PNG + b"own")
    relevant = {KEYS[0]: 1.0}
    return [
        Label(line=1, text="a dog", relevant=relevant),
        Label(line=2, picture=KEYS[3], relevant=relevant),
        Label(line=3, picture="./own.png", relevant=relevant),
    ]


def test_a_search_of_everything_finds_all_that_is_nearest(house: InMemoryHouse, tmp_path: Path) -> None:
    assert recalls(house, house.index, labels_of(tmp_path), tmp_path) == [1.0, 1.0, 1.0]


def test_every_query_misses_the_picture_that_the_graph_has_lost(house: InMemoryHouse, tmp_path: Path) -> None:
    assert recalls(house, Forgetful(house), labels_of(tmp_path), tmp_path) == [0.9, 0.9, 0.9]


def test_of_an_empty_index_nothing_is_missed(tmp_path: Path) -> None:
    empty = in_memory_house()
    label = Label(line=1, text="a dog", relevant={"a": 1.0})
    assert recalls(empty, empty.index, [label], tmp_path) == [1.0]
    assert empty.index.vectors(empty.index.active().name, [document_id("a")]) == {}
