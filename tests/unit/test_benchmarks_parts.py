"""The parts' own arithmetic and material; what they measure needs a machine for itself."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.bulk_run import seconds_by_state
from benchmarks.documents import image_of, number_of, state_of
from benchmarks.folders import ListedPictures
from benchmarks.photographs import find_photographs
from benchmarks.vectors import unit_vectors
from scripts.errors import CommandError

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def event(kind: str, name: str, second: float) -> dict[str, Any]:
    return {
        "timestamp": BEGUN + timedelta(seconds=second),
        f"state{kind}EventDetails": {"name": name},
    }


def test_the_seconds_of_a_state_are_those_of_all_its_visits() -> None:
    events = [
        {"timestamp": BEGUN, "type": "ExecutionStarted"},
        *(event("Entered", "Plan", 0), event("Exited", "Plan", 2)),
        *(event("Entered", "Plan", 3), event("Exited", "Plan", 4.5)),
        *(event("Entered", "Transform", 5), event("Exited", "Transform", 65)),
    ]
    assert seconds_by_state(events) == {"Plan": 3.5, "Transform": 60.0}


def test_an_unknown_part_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(CommandError, match="indexing, index_memory, bulk_run"):
        main(["speed"])


def test_vectors_have_length_one_and_are_the_same_each_time() -> None:
    vectors = unit_vectors(50, 32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(50), abs=1e-6)
    assert np.array_equal(vectors, unit_vectors(50, 32))
    assert vectors.dtype == np.float32


def test_the_library_that_is_only_listed_agrees_with_its_documents() -> None:
    pictures = ListedPictures(2_500)
    listed = list(pictures.listing(after=state_of(997).key))
    assert [number_of(state.key) for state in listed] == list(range(998, 2_500))
    assert listed == sorted(listed, key=lambda state: state.key)
    assert pictures.look(listed[0].key) == listed[0]
    image = image_of(998)
    assert (image.key, image.etag, image.last_modified) == (
        *(listed[0].key, listed[0].etag, listed[0].last_modified),
    )


def test_pictures_of_one_original_differ_in_their_bytes_and_not_in_what_they_show(tmp_path: Path) -> None:
    original = tmp_path / "photos" / "a.jpg"
    original.parent.mkdir()
    Image.linear_gradient("L").convert("RGB").save(original)
    photographs = find_photographs({"IMAGESEARCH_PHOTOS": str(tmp_path)})
    first, second = (photographs.picture(number) for number in (1, 2))
    assert first != second
    assert decoded(first) == decoded(second) == decoded(original.read_bytes())


def decoded(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).tobytes()
