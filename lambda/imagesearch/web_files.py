"""The search page's files: a bucket is made to hold what an archive holds, and the page's configuration."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

from imagesearch.errors import WebFilesInvalidError

CONFIGURATION = "config.json"
"""What the page asks for first: where the API is, and how to sign in."""
ENTRY = "index.html"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
}


@dataclass(frozen=True, kw_only=True)
class WebFile:
    """One file of the page, and the content type that a browser is told."""

    name: str
    content: bytes
    content_type: str


class WebBucket(Protocol):
    """The bucket that the page is served from."""

    def names(self) -> set[str]:
        """Return the names of all files."""

    def write(self, file: WebFile) -> None:
        """Write a file."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""


def publish(bucket: WebBucket, *, archive: bytes, configuration: Mapping[str, Any]) -> int:
    """Make `bucket` hold the archive's files and the configuration, and nothing else; return how many.

    The entry is written last and what is gone is removed after it: whoever loads the page meanwhile finds
    what it asks for. Raises WebFilesInvalidError before anything is written.
    """
    files = [*_unpacked(archive), _configured(configuration)]
    if not any(file.name == ENTRY for file in files):
        raise WebFilesInvalidError(f"The page's archive lacks {ENTRY}.")
    for file in sorted(files, key=lambda file: file.name == ENTRY):
        bucket.write(file)
    for name in bucket.names() - {file.name for file in files}:
        bucket.remove(name)
    return len(files)


def clear(bucket: WebBucket) -> None:
    """Remove every file."""
    for name in bucket.names():
        bucket.remove(name)


def content_type(name: str) -> str:
    """Return the content type of a file. Raises WebFilesInvalidError for a kind that the page has none of."""
    kind = PurePosixPath(name).suffix
    if kind not in _TYPES:
        raise WebFilesInvalidError(f"{name} is of none of the kinds that a page has: {', '.join(_TYPES)}.")
    return _TYPES[kind]


def _unpacked(archive: bytes) -> list[WebFile]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            return [_file(entry.filename, opened.read(entry)) for entry in entries]
    except zipfile.BadZipFile as error:
        raise WebFilesInvalidError(f"The page's archive cannot be read: {error}.") from error


def _configured(configuration: Mapping[str, Any]) -> WebFile:
    return _file(CONFIGURATION, json.dumps(configuration, sort_keys=True).encode())


def _file(name: str, content: bytes) -> WebFile:
    return WebFile(name=name, content=content, content_type=content_type(name))
