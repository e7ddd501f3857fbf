"""The library of a soak: which pictures it begins with, and what they are said to be."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from tests.e2e.library import Library
from tests.pictures import corrupt, jpeg
from tests.soak.ledger import NOTHING, Ledger, Version

STEADY, CHANGING, BULK = "steady/", "changing/", "bulk/"
"""Folders: of pictures that nobody changes, of those that writers change, and of those that only bulk runs
index."""
STEADY_COUNT, CHANGING_COUNT, BULK_COUNT = 24, 90, 24
GROUPS = 4
"""Each steady picture belongs to one of them by its tag."""
TEXTS = ("a red square", "something blue", "a dark night", "green fields")
"""What the order of the steady pictures is known for."""


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Writes pictures and sidecars into the bucket, and into the ledger what it writes."""

    library: Library
    ledger: Ledger

    def put(self, name: str, seed: int) -> None:
        """Put a picture, or another one in its place; what its sidecar says stays."""
        key, content = self.library.key(name), jpeg(seed=seed)
        version = Version(etag=etag_of(content), seed=seed, tags=self._tags_beside(key))
        with self.ledger.writing(key, version):
            self.library.put(name, content)

    def damage(self, name: str, seed: int) -> None:
        """Put what cannot be decoded; each seed has bytes of its own."""
        key, content = self.library.key(name), corrupt() + seed.to_bytes(8)
        version = Version(etag=etag_of(content), tags=self._tags_beside(key), is_damaged=True)
        with self.ledger.writing(key, version):
            self.library.put(name, content)

    def delete(self, name: str) -> None:
        """Remove a picture and its sidecar."""
        with self.ledger.writing(self.library.key(name), NOTHING):
            self.library.delete(f"{name}.json")
            self.library.delete(name)

    def describe(self, name: str, *tags: str) -> None:
        """Write a picture's sidecar."""
        key = self.library.key(name)
        present = self.ledger.versions()[key]
        version = Version(etag=present.etag, seed=present.seed, tags=tags, is_damaged=present.is_damaged)
        with self.ledger.writing(key, version):
            self.library.put(f"{name}.json", json.dumps({"tags": tags}).encode())

    def _tags_beside(self, key: str) -> tuple[str, ...]:
        return self.ledger.versions().get(key, NOTHING).tags


def etag_of(content: bytes) -> str:
    """The ETag that S3 gives to bytes which are put at once."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def group_of(number: int) -> str:
    """The tag of the steady picture with this number."""
    return f"group-{number % GROUPS}"


def steady() -> dict[str, str]:
    """The steady pictures' names, each with its tag."""
    return {f"{STEADY}{number:03}.jpg": group_of(number) for number in range(STEADY_COUNT)}


def changing() -> list[str]:
    """The names that writers write under."""
    return [f"{CHANGING}{number:03}.jpg" for number in range(CHANGING_COUNT)]


def bulk() -> list[str]:
    """The names of the pictures that the index loses before each bulk run."""
    return [f"{BULK}{number:03}.jpg" for number in range(BULK_COUNT)]


def load(writer: Writer) -> Iterator[str]:
    """Put everything that is there in the beginning, and yield each name."""
    for seed, name in enumerate([*steady(), *bulk(), *changing()]):
        writer.put(name, seed)
        if name in steady():
            writer.describe(name, steady()[name])
        yield name
