"""Labelled queries: texts or pictures, each with the pictures that people hold relevant to it.

One JSON object a line: {"text": …} or {"picture": key}, and "relevant": [keys] or {key: grade}.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from imagesearch.errors import LabelsInvalidError

MAX_LABELS = 2_000
"""Each costs a call of either model's endpoint while the check waits."""

_NAMES = {"text", "picture", "relevant"}


@dataclass(frozen=True, kw_only=True)
class Label:
    """A query, which is a text or a picture's key, and the pictures that answer it: keys and their grades.

    A grade is more than 0, and 1 where none was given.
    """

    line: int
    text: str | None = None
    picture: str | None = None
    relevant: Mapping[str, float]


def read_labels(content: bytes) -> tuple[Label, ...]:
    """Return the labels in their order. Raises LabelsInvalidError that names the first line at fault."""
    labels = tuple(_labels(content))
    if not labels:
        raise LabelsInvalidError("There is no labelled query.")
    if len(labels) > MAX_LABELS:
        raise LabelsInvalidError(f"There are {len(labels)} labelled queries; at most {MAX_LABELS} are taken.")
    return labels


def _labels(content: bytes) -> Iterator[Label]:
    return (label_of(number, line) for number, line in label_lines(content))


def label_lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank with their numbers."""
    return ((number, line) for number, line in enumerate(content.split(b"\n"), start=1) if line.strip())


def label_of(number: int, line: bytes) -> Label:
    """Return what a line says. Raises LabelsInvalidError that names the line."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _fault(number, "is not valid JSON in UTF-8") from error
    if not isinstance(document, dict) or document.keys() - _NAMES or not _is_query(document):
        raise _fault(number, 'must be an object with either "text" or "picture", and with "relevant"')
    return Label(
        line=number,
        text=document.get("text"),
        picture=document.get("picture"),
        relevant=_relevant(number, document.get("relevant")),
    )


def _relevant(number: int, given: object) -> Mapping[str, float]:
    if isinstance(given, list):
        if given and all(map(_is_text, given)):
            return dict.fromkeys(given, 1.0)
    elif isinstance(given, dict) and all(map(_is_text, given)):
        if not all(map(_is_grade, given.values())):
            raise _fault(number, 'must give grades that are numbers from 0 on under "relevant"')
        if graded := {key: float(grade) for key, grade in given.items() if grade > 0}:
            return graded
    raise _fault(number, 'must list at least one key under "relevant"')


def _is_grade(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_query(document: dict[str, Any]) -> bool:
    given = [document[name] for name in ("text", "picture") if name in document]
    return len(given) == 1 and _is_text(given[0])


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _fault(number: int, what: str) -> LabelsInvalidError:
    return LabelsInvalidError(f"Line {number} of the labelled queries {what}.")
