"""The files that say what a bulk run is about: keys of pictures, and texts, with or without a picture."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeGuard

from imagesearch.metadata import MAX_CAPTION_CHARACTERS
from scripts.metadata.entries import key_complaint
from scripts.rows import CSV, JSON_LINES, Faults, Row, is_utf_8, open_text, read_rows

KEYS_INVALID = "keys_invalid"
TEXTS_INVALID = "texts_invalid"
MAX_ID_CHARACTERS = 1_000


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text on ``line``: the caption of ``picture``, a key, or one of its own that is known as ``id``."""

    line: int
    text: str
    picture: str | None = None
    id: str | None = None

    @property
    def name(self) -> str:
        """What the text is of."""
        return f"picture {self.picture}" if self.picture is not None else f"id {self.id}"


def checked_keys(path: Path) -> list[str]:
    """The keys of a file: one a line, the column ``key`` of CSV, or JSON Lines; repeated ones count once.

    Raises ``CommandError`` (``keys_invalid``) with every fault, ``file_unreadable``.
    """
    faults = Faults(path=path, code=KEYS_INVALID)
    keys: dict[str, None] = {}
    for row in _key_rows(path, faults):
        key = row.fields.get("key")
        if complaint := key_complaint(key):
            faults.add(row.line, complaint)
        else:
            keys[str(key)] = None
    faults.refuse_if_any()
    return list(keys)


def texts_of(path: Path, faults: Faults) -> Iterator[Text]:
    """The texts of a JSON Lines or CSV file; a row that is none becomes a fault.

    Raises ``CommandError`` (``file_unsupported``, ``file_unreadable``).
    """
    for row in read_rows(path, faults, check_header=_texts_header_complaint):
        if complaint := _text_complaint(row):
            faults.add(row.line, complaint)
        else:
            picture, name = row.fields.get("picture"), row.fields.get("id")
            yield Text(line=row.line, text=row.fields["text"].strip(), picture=picture, id=name)


def checked_texts(path: Path) -> tuple[list[str], int]:
    """The keys of the pictures that a file of texts gives captions, and how many texts of their own it has.

    Raises ``CommandError`` (``texts_invalid``) with every fault, and what ``texts_of`` does.
    """
    faults = Faults(path=path, code=TEXTS_INVALID)
    lines: dict[tuple[str | None, str | None], int] = {}
    for text in texts_of(path, faults):
        name = (text.picture, text.id)
        if name in lines:
            faults.add(text.line, f"It gives a second text to {text.name}, as line {lines[name]} does.")
        else:
            lines[name] = text.line
    faults.refuse_if_any()
    pictures = [picture for picture, _ in lines if picture is not None]
    return pictures, len(lines) - len(pictures)


def write_source(file: IO[bytes], *, keys: Iterable[str], texts: Iterable[Text]) -> None:
    """Write the run's source: a line for each key, and one for each text that no picture has."""
    for key in keys:
        _write_line(file, {"key": key})
    for text in texts:
        if text.id is not None:
            _write_line(file, {"id": text.id, "text": text.text})


def _write_line(file: IO[bytes], line: dict[str, str]) -> None:
    file.write(json.dumps(line).encode() + b"\n")


def _key_rows(path: Path, faults: Faults) -> Iterator[Row]:
    if path.suffix.lower() in (CSV, *JSON_LINES):
        yield from read_rows(path, faults, check_header=_keys_header_complaint)
        return
    with open_text(path, newline="\n") as file:
        for line, text in enumerate(file, start=1):
            if key := text.rstrip("\r\n"):
                yield Row(line=line, fields={"key": key})


def _text_complaint(row: Row) -> str | None:
    """What is wrong with a row of a file of texts."""
    picture, name, text = (row.fields.get(field) for field in ("picture", "id", "text"))
    if (picture is None) == (name is None):
        return "It must name either a picture, by its key, or an id."
    if picture is not None and (complaint := key_complaint(picture)):
        return complaint
    if name is not None and not (_is_text(name) and len(name) <= MAX_ID_CHARACTERS):
        return f"id must be a text of at most {MAX_ID_CHARACTERS} characters that is not blank."
    if not _is_text(text):
        return "text must be a text that is not blank."
    if len(text) > MAX_CAPTION_CHARACTERS:
        return f"text has {len(text)} characters; at most {MAX_CAPTION_CHARACTERS} are taken."
    return None


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip()) and is_utf_8(value)


def _keys_header_complaint(names: Sequence[str]) -> str | None:
    return None if "key" in names else "The header has no column 'key'."


def _texts_header_complaint(names: Sequence[str]) -> str | None:
    if "text" in names and ("picture" in names or "id" in names):
        return None
    return "The header needs the column 'text', and 'picture' or 'id'."
