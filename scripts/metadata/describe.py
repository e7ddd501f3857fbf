"""Brings the sidecars of a bucket in line with a file of metadata."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagesearch.metadata import Attributes, sidecar_key
from scripts.errors import CommandError
from scripts.metadata.entries import CODE, checked, entries
from scripts.metadata.sidecars import Outcome, Sidecar, present, write_all
from scripts.rows import Faults

PICTURES_NAMED = 10

OnProgress = Callable[[int, int], None]
"""Called with (rows in all, rows done) as work goes on."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """What became of a file's rows: rows = written + removed + unchanged.

    ``missing`` pictures do not lie in the bucket; the first of them are ``named``.
    """

    rows: int
    written: int
    removed: int
    unchanged: int
    missing: int
    named: tuple[str, ...]


def describe(
    path: Path,
    *,
    attributes: Attributes,
    s3: Any,
    bucket: str,
    prefix: str = "",
    dry_run: bool = False,
    on_progress: OnProgress = lambda _rows, _done: None,
) -> Described:
    """Let the pictures that a file names have the sidecars that it describes, its keys behind ``prefix``.

    A picture of which nothing is said has none. Sidecars that are as they should be are not written again,
    so a call that was cut off is continued by the same one. Raises ``CommandError`` (``metadata_invalid``)
    with every fault of the file before anything is written, and that of an unusable file or bucket.
    """
    keys = checked(path, attributes=attributes, prefix=prefix).keys()
    etags = present(s3, bucket=bucket, keys=[*keys, *map(sidecar_key, keys)])
    counts: dict[Outcome, int] = {"written": 0, "removed": 0, "unchanged": 0}
    sidecars = _sidecars(path, attributes=attributes, prefix=prefix)
    outcomes = write_all(s3, bucket=bucket, sidecars=sidecars, etags=etags, dry_run=dry_run)
    for done, outcome in enumerate(outcomes, start=1):
        counts[outcome] += 1
        on_progress(len(keys), done)
    missing = [key for key in keys if key not in etags]
    return Described(rows=len(keys), **counts, missing=len(missing), named=tuple(missing[:PICTURES_NAMED]))


def _sidecars(path: Path, *, attributes: Attributes, prefix: str) -> Iterator[Sidecar]:
    """The sidecars of a checked file, which is read again so that memory holds its keys only."""
    faults = Faults(path=path, code=CODE)
    for entry in entries(path, attributes=attributes, faults=faults, prefix=prefix):
        yield Sidecar(key=entry.key, content=entry.content)
    if faults.count:
        raise CommandError("file_changed", f"{path} changed while it was read. Run the command again.")
