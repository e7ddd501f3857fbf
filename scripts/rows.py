"""Files of rows that people write, as JSON Lines or CSV: read row by row, with all their faults at once."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from scripts.errors import CommandError

JSON_LINES = (".jsonl", ".ndjson")
CSV = ".csv"
FAULTS_SHOWN = 20

HeaderCheck = Callable[[Sequence[str]], str | None]
"""Says what is wrong with the columns of a CSV file; None where nothing is."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row and the line on which it begins; the cells of a CSV file are texts, empty ones are absent."""

    line: int
    fields: Mapping[str, Any]


@dataclass(kw_only=True)
class Faults:
    """What is wrong with a file; ``code`` is that of the error which refuses it."""

    path: Path
    code: str
    count: int = 0
    _first: list[str] = field(default_factory=list, init=False, repr=False)

    def add(self, line: int, message: str) -> None:
        """Note a fault of a line, as a sentence."""
        self.count += 1
        if self.count <= FAULTS_SHOWN:
            self._first.append(f"  line {line}: {message}")

    def refuse_if_any(self) -> None:
        """Raise the ``CommandError`` that lists the first faults."""
        if self.count:
            more = [f"  and {self.count - FAULTS_SHOWN} more"] if self.count > FAULTS_SHOWN else []
            faults = "1 fault" if self.count == 1 else f"{self.count} faults"
            heading = f"{self.path} has {faults}; nothing was written."
            raise CommandError(self.code, "\n".join([heading, *self._first, *more]))


def is_csv(path: Path) -> bool:
    """Whether a file is CSV by its name."""
    return path.suffix.lower() == CSV


def read_rows(path: Path, faults: Faults, *, check_header: HeaderCheck) -> Iterator[Row]:
    """The rows of a JSON Lines or CSV file in UTF-8, blank lines left out; what is no row becomes a fault.

    Raises ``CommandError`` (``file_unsupported``, ``file_unreadable``).
    """
    if is_csv(path):
        with open_text(path, newline="") as file:
            yield from _csv_rows(file, faults, check_header)
    elif path.suffix.lower() in JSON_LINES:
        with open_text(path, newline="\n") as file:
            yield from _json_rows(file, faults)
    else:
        raise CommandError(
            "file_unsupported", f"{path} is neither JSON Lines (.jsonl) nor CSV (.csv) by its name."
        )


def open_text(path: Path, *, newline: str) -> TextIO:
    """Open a file of texts that is read more than once; bytes that are no UTF-8 become surrogates.

    Raises ``CommandError`` (``file_unreadable``).
    """
    if not path.is_file():
        raise CommandError("file_unreadable", f"{path} is no file. Name one that can be read twice, no pipe.")
    try:
        return path.open(encoding="utf-8-sig", errors="surrogateescape", newline=newline)
    except OSError as error:
        raise CommandError("file_unreadable", f"{path} cannot be read: {error.strerror}.") from error


def is_utf_8(text: str) -> bool:
    """Whether a text of `open_text` was UTF-8 in its file."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json_rows(file: TextIO, faults: Faults) -> Iterator[Row]:
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            document = json.loads(text) if is_utf_8(text) else None
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict):
            yield Row(line=line, fields=document)
        else:
            faults.add(line, "It is no JSON object in UTF-8.")


def _csv_rows(file: TextIO, faults: Faults, check_header: HeaderCheck) -> Iterator[Row]:
    records = _csv_records(file, faults)
    line, header = next(records, (1, []))
    names = [cell.strip() for cell in header]
    if complaint := _header_complaint(names) or check_header(names):
        faults.add(line, complaint)
        return
    for line, cells in records:
        if len(cells) != len(names):
            faults.add(line, f"It has {len(cells)} cells, the header {len(names)}.")
        elif not all(map(is_utf_8, cells)):
            faults.add(line, "It is not in UTF-8.")
        else:
            present = {name: cell for name, cell in zip(names, cells, strict=True) if cell.strip()}
            yield Row(line=line, fields=present)


def _csv_records(file: TextIO, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, each with the line on which it begins."""
    reader = csv.reader(file, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        faults.add(line, f"From here on it is no CSV: {error}.")


def _header_complaint(names: Sequence[str]) -> str | None:
    if not all(map(is_utf_8, names)):
        return "The header is not in UTF-8."
    if "" in names:
        return "The header has a column without a name."
    twice = sorted({name for name in names if names.count(name) > 1})
    return f"The header has the column {twice[0]!r} twice." if twice else None
