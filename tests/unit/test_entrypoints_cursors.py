"""Cursors: what one names comes back exactly, and nothing else is taken for one."""

import base64
import json

import pytest

from imagesearch.entrypoints.cursors import read_cursor, write_cursor
from imagesearch.errors import CursorInvalidError
from imagesearch.queries import Position


@pytest.mark.parametrize("score", [0.0, 1.0, 0.1 + 0.2, 5e-324, 0.9999999999999999])
def test_a_position_comes_back_exactly(score: float) -> None:
    position = Position(index="images-5e-1", query="0f" * 32, score=score, id="5e" * 16)
    cursor = write_cursor(position)
    assert read_cursor(cursor) == position
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "content",
    [
        [],
        ["i", "q", 1, "d"],
        ["i", "q", 0.5],
        ["i", "q", "0.5", "d"],
        ["i", "q", 0.5, 7],
        {"score": 0.5},
        None,
    ],
)
def test_other_content_is_no_cursor(content: object) -> None:
    text = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
    with pytest.raises(CursorInvalidError):
        read_cursor(text)


@pytest.mark.parametrize("score", ["NaN", "Infinity", "1e999"])
def test_a_score_that_is_no_number_is_no_cursor(score: str) -> None:
    content = f'["i", "q", {score}, "d"]'.encode()
    with pytest.raises(CursorInvalidError):
        read_cursor(base64.urlsafe_b64encode(content).decode().rstrip("="))


@pytest.mark.parametrize("text", ["", "ä", "a b", "====", "A", "[" * 500])
def test_other_texts_are_no_cursors(text: str) -> None:
    with pytest.raises(CursorInvalidError):
        read_cursor(text)
