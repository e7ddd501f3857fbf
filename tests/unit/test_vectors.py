"""A vector that is known by its text is the vector of its numbers."""

import json
import math
import random

import pytest

from imagesearch.vectors import WrittenVector, vector_json

TEXT = b"[0.60000000,-0.00000000,-0.80000000]"
NUMBERS = (0.6, 0.0, -0.8)


def test_a_written_vector_is_a_sequence_of_its_numbers() -> None:
    vector = WrittenVector(text=TEXT)
    assert (len(vector), vector[0], vector[-1], vector[1:]) == (3, 0.6, -0.8, (0.0, -0.8))
    assert list(vector) == list(NUMBERS)
    assert math.hypot(*vector) == pytest.approx(1)
    with pytest.raises(IndexError):
        vector[3]


def test_a_written_vector_equals_every_sequence_of_the_same_numbers() -> None:
    vector = WrittenVector(text=TEXT)
    for same in (NUMBERS, list(NUMBERS), WrittenVector(text=TEXT.replace(b"-0.0", b"0.0"))):
        assert vector == same
        assert same == vector
    assert {vector, NUMBERS} == {NUMBERS}
    for other in (NUMBERS[:2], [*NUMBERS, 0.0], (0.6, 0.0, 0.8), TEXT, "abc", None):
        assert vector != other


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"[0.00000000]", b"[-0.00000000,0.00000000]", b"[1.0]", TEXT + b"\n"]
)
def test_a_text_that_is_no_vector_of_the_agreed_form_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="eight decimals"):
        WrittenVector(text=text)


def test_one_number_suffices() -> None:
    assert WrittenVector(text=b"[-1.00000000]") == (-1.0,)


def test_numbers_are_written_as_the_model_writes_them_and_texts_stay() -> None:
    chance = random.Random(5)  # noqa: S311 - test data
    numbers = [chance.gauss() * 10 ** chance.randint(-9, 0) for _ in range(512)]
    vector = tuple(number / math.hypot(*numbers) for number in numbers)
    text = vector_json(vector)
    assert json.loads(text) == pytest.approx(vector, rel=0, abs=0.5e-8)
    assert vector_json(WrittenVector(text=text)) == text
    assert vector_json(tuple(WrittenVector(text=text))) == text
