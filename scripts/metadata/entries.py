"""A file of metadata: JSON Lines or CSV, one picture a row, each row all that is said of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagesearch.errors import MetadataInvalidError
from imagesearch.metadata import Attributes, from_text, is_sidecar, read_sidecar, sidecar_key, validated
from imagesearch.models import Metadata
from scripts.rows import Faults, Row, is_csv, is_utf_8, read_rows

CODE = "metadata_invalid"
TAG_SEPARATOR = "|"
MAX_KEY_BYTES = 1024
"""Of any object's key (S3 user guide, "Naming Amazon S3 objects")."""

_COLUMNS = ("key", "title", "caption", "tags")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A picture's key and what is said of it; ``line`` is where."""

    line: int
    key: str
    metadata: Metadata

    @property
    def content(self) -> bytes | None:
        """The content of the picture's sidecar; None where nothing is said: then there is none."""
        return sidecar_content(self.metadata)


def entries(path: Path, *, attributes: Attributes, faults: Faults, prefix: str = "") -> Iterator[Entry]:
    """The entries of a file, their keys behind ``prefix``; a row that is none becomes a fault.

    Raises ``CommandError`` (``file_unsupported``, ``file_unreadable``).
    """
    rows = read_rows(path, faults, check_header=lambda names: _header_complaint(names, attributes))
    for row in rows:
        try:
            yield _entry(row, is_text=is_csv(path), attributes=attributes, prefix=prefix)
        except MetadataInvalidError as error:
            faults.add(row.line, error.message)


def checked(path: Path, *, attributes: Attributes, prefix: str = "") -> dict[str, int]:
    """Key → line of every entry of a file without a fault.

    Raises ``CommandError`` (``metadata_invalid``), which lists the faults, and what ``entries`` does.
    """
    faults = Faults(path=path, code=CODE)
    lines: dict[str, int] = {}
    for entry in entries(path, attributes=attributes, faults=faults, prefix=prefix):
        if entry.key in lines:
            faults.add(entry.line, f"It names {entry.key} again, as line {lines[entry.key]} does.")
        else:
            lines[entry.key] = entry.line
    faults.refuse_if_any()
    return lines


def sidecar_content(metadata: Metadata) -> bytes | None:
    """The one form of a sidecar that says this: JSON with sorted names; None where nothing is said."""
    said = {name: value for name, value in asdict(metadata).items() if value}
    return canonical(said) if said else None


def canonical(document: Mapping[str, Any]) -> bytes:
    """A sidecar's document as bytes, the same ones for equal documents. Raises MetadataInvalidError."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if not is_utf_8(text):
        raise MetadataInvalidError("The metadata holds half of a surrogate pair, which is no text.")
    content = text.encode()
    read_sidecar(content)
    return content


def key_complaint(key: object, *, prefix: str = "") -> str | None:
    """What keeps a value from being a picture's key behind ``prefix``; None where nothing does."""
    if not isinstance(key, str) or not key or not is_utf_8(key):
        return "It names no key."
    if is_sidecar(key):
        return f"{key} is a sidecar's key: name the picture's."
    if len(sidecar_key(prefix + key).encode()) > MAX_KEY_BYTES:
        return f"With .json behind it, its key has more than {MAX_KEY_BYTES} bytes: {key[:40]}…"
    return None


def _entry(row: Row, *, is_text: bool, attributes: Attributes, prefix: str) -> Entry:
    document = dict(row.fields)
    key = document.pop("key", None)
    if complaint := key_complaint(key, prefix=prefix):
        raise MetadataInvalidError(complaint)
    said = _from_cells(document, attributes) if is_text else document
    entry = Entry(line=row.line, key=f"{prefix}{key}", metadata=validated(said, attributes=attributes))
    sidecar_content(entry.metadata)
    return entry


def _from_cells(cells: Mapping[str, str], attributes: Attributes) -> dict[str, Any]:
    """What the cells of a CSV row say, as JSON would."""
    said: dict[str, Any] = {name: cells[name] for name in ("title", "caption") if name in cells}
    if "tags" in cells:
        said["tags"] = [tag for tag in map(str.strip, cells["tags"].split(TAG_SEPARATOR)) if tag]
    values = {name: from_text(cells[name], kind) for name, kind in attributes.items() if name in cells}
    return {**said, "attributes": values}


def _header_complaint(names: Sequence[str], attributes: Attributes) -> str | None:
    if "key" not in names:
        return "The header has no column 'key'."
    known = (*_COLUMNS, *sorted(attributes))
    unknown = [name for name in names if name not in known]
    return f"The column {unknown[0]!r} is unknown; there are {', '.join(known)}." if unknown else None
