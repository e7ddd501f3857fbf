"""Vectors: how they are written as JSON, those that are handed on as they were written, and products."""

import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import mul
from typing import overload

from imagesearch.models import Vector

_FORM = re.compile(rb"\[-?\d\.\d{8}(?:,-?\d\.\d{8})*\]")
_OF_ZEROS = b"[-0.,]"
_DIMENSIONS = 8
"""How many lengths of vectors are remembered: a function meets one, or two while the model is changed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WrittenVector(Sequence[float]):
    """A vector that is known by its text, such as `[0.60000000,-0.80000000]`, and equal to its numbers.

    They are read only when someone looks at them. Every one has a single digit before the point and eight
    after it, which is how the model's lines hold them; raises ValueError for any other text, and for zeros
    only.
    """

    text: bytes

    def __post_init__(self) -> None:
        """Refuse what is not a vector, so that the text can go into any JSON unread."""
        if not _FORM.fullmatch(self.text) or not self.text.strip(_OF_ZEROS):
            raise ValueError("A written vector is a JSON array of numbers with eight decimals, not all zero.")

    def __len__(self) -> int:
        return self.text.count(b",") + 1

    @overload
    def __getitem__(self, place: int) -> float: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[float, ...]: ...
    def __getitem__(self, place: int | slice) -> float | tuple[float, ...]:
        return self._numbers[place]

    def __iter__(self) -> Iterator[float]:
        return iter(self._numbers)

    def __eq__(self, other: object) -> bool:
        return self._numbers == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._numbers)

    @cached_property
    def _numbers(self) -> tuple[float, ...]:
        return tuple(json.loads(self.text))


def vector_json(vector: Vector) -> bytes:
    """Return a vector as JSON: of one with the length 1, float32 holds no more than eight decimals."""
    return vector.text if isinstance(vector, WrittenVector) else _format(len(vector)) % tuple(vector)


@lru_cache(_DIMENSIONS)
def _format(dimension: int) -> bytes:
    return b"[%b]" % b",".join([b"%.8f"] * dimension)


def dot(one: Vector, other: Vector) -> float:
    """Return the scalar product of two vectors of one dimension: of unit vectors, their cosine."""
    if sys.version_info >= (3, 12):
        return math.sumprod(one, other)
    total: float = sum(map(mul, one, other))
    return total
