"""Labelled queries: texts or pictures, each with the pictures that people hold relevant to it.

One JSON object a line: {"text": …} or {"picture": key}, and "relevant": [keys].
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from imagesearch.errors import LabelsInvalidError

MAX_LABELS = 2_000
"""Each costs a call of either model's endpoint while the check waits."""

_NAMES = {"text", "picture", "relevant"}


@dataclass(frozen=True, kw_only=True)
class Label:
    """A query, which is a text or a picture's key, and the keys of the pictures that answer it."""

    line: int
    text: str | None = None
    picture: str | None = None
    relevant: tuple[str, ...]


def read_labels(content: bytes) -> tuple[Label, ...]:
    """Return the labels in their order. Raises LabelsInvalidError that names the first line at fault."""
    labels = tuple(_labels(content))
    if not labels:
        raise LabelsInvalidError("There is no labelled query.")
    if len(labels) > MAX_LABELS:
        raise LabelsInvalidError(f"There are {len(labels)} labelled queries; at most {MAX_LABELS} are taken.")
    return labels


def _labels(content: bytes) -> Iterator[Label]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield _label(number, line)


def _label(number: int, line: bytes) -> Label:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _fault(number, "is not valid JSON in UTF-8") from error
    if not isinstance(document, dict) or document.keys() - _NAMES or not _is_query(document):
        raise _fault(number, 'must be an object with either "text" or "picture", and with "relevant"')
    relevant = document.get("relevant")
    if not isinstance(relevant, list) or not relevant or not all(map(_is_text, relevant)):
        raise _fault(number, 'must list at least one key under "relevant"')
    return Label(
        line=number,
        text=document.get("text"),
        picture=document.get("picture"),
        relevant=tuple(dict.fromkeys(relevant)),
    )


def _is_query(document: dict[str, Any]) -> bool:
    given = [document[name] for name in ("text", "picture") if name in document]
    return len(given) == 1 and _is_text(given[0])


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _fault(number: int, what: str) -> LabelsInvalidError:
    return LabelsInvalidError(f"Line {number} of the labelled queries {what}.")
