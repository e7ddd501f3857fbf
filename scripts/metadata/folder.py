"""What a folder of pictures says of them: sidecars beside them, or one file of metadata for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagesearch.errors import MetadataInvalidError
from imagesearch.metadata import Attributes, read_sidecar, sidecar_key, validated
from imagesearch.models import Metadata
from scripts.errors import CommandError
from scripts.metadata.entries import CODE, entries
from scripts.rows import Faults

METADATA_FILES = ("metadata.jsonl", "metadata.csv")
"""The names under which a folder's metadata is found; at most one of them may be there."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A picture's sidecar, and what it says; ``metadata`` is None where the sidecar is invalid.

    Without ``content`` nothing is said, and there is to be no sidecar.
    """

    content: bytes | None
    metadata: Metadata | None


@dataclass(frozen=True, kw_only=True)
class FolderMetadata:
    """The descriptions of a folder's pictures, by their paths; ``files`` are those that hold them.

    ``missing`` are the keys that the file of metadata names and the folder does not hold.
    """

    descriptions: Mapping[Path, Description] = field(default_factory=dict)
    files: frozenset[Path] = frozenset()
    missing: tuple[str, ...] = ()


def find_files(folder: Path, *, pictures: Sequence[Path], others: Sequence[Path]) -> frozenset[Path]:
    """Those of a folder's other files that describe its pictures."""
    beside = {_sidecar_path(picture) for picture in pictures}
    beside |= {folder / name for name in METADATA_FILES}
    return frozenset(beside.intersection(others))


def read_folder(
    folder: Path, *, pictures: Sequence[Path], files: frozenset[Path], attributes: Attributes
) -> FolderMetadata:
    """What ``files`` of a folder say of its ``pictures``.

    Raises ``CommandError`` (``metadata_invalid``) for a faulty file of metadata, and where two files speak
    of one picture. A faulty sidecar goes as it is: the index says what is wrong with it.
    """
    tables = [folder / name for name in METADATA_FILES if folder / name in files]
    if len(tables) > 1:
        raise CommandError(CODE, f"{folder} holds {' and '.join(METADATA_FILES)}: keep one of them.")
    described = {
        picture: _read_sidecar(_sidecar_path(picture), attributes)
        for picture in pictures
        if _sidecar_path(picture) in files
    }
    rows = _read_table(tables[0], folder, described, attributes) if tables else {}
    known = set(pictures)
    return FolderMetadata(
        descriptions=described | {path: row for path, row in rows.items() if path in known},
        files=files,
        missing=tuple(path.relative_to(folder).as_posix() for path in rows if path not in known),
    )


def _sidecar_path(picture: Path) -> Path:
    return Path(sidecar_key(str(picture)))


def _read_sidecar(path: Path, attributes: Attributes) -> Description:
    content = path.read_bytes()
    try:
        metadata = validated(read_sidecar(content), attributes=attributes)
    except MetadataInvalidError:
        return Description(content=content, metadata=None)
    return Description(content=content, metadata=metadata)


def _read_table(
    table: Path, folder: Path, described: Mapping[Path, Description], attributes: Attributes
) -> dict[Path, Description]:
    faults = Faults(path=table, code=CODE)
    lines: dict[Path, int] = {}
    rows: dict[Path, Description] = {}
    for entry in entries(table, attributes=attributes, faults=faults):
        path = folder / entry.key
        if path in described:
            faults.add(entry.line, f"{entry.key} has a sidecar of its own beside it: keep one of them.")
        elif path in rows:
            faults.add(entry.line, f"It names {entry.key} again, as line {lines[path]} does.")
        lines[path] = entry.line
        rows[path] = Description(content=entry.content, metadata=entry.metadata)
    faults.refuse_if_any()
    return rows
