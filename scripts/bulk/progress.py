"""How far a bulk run is, counted from its files: the state machine itself says only that it runs.

Each look reads what is new since the one before, so that a run of a million pictures is cheap to follow.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

from pydantic import BaseModel, ConfigDict

from imagesearch.bulk.runs import Plan
from scripts.bulk.files import RunFiles

READERS = 16

_OF_PAGES = tuple(field.name for field in fields(Plan) if field.name != "shards")
"""The counts that every page of a plan holds."""


class Counts(BaseModel):
    """What a run has found and done: planned = indexed + kept + rejected when it is complete.

    ``skipped`` are unchanged since they were indexed, ``described`` ones have another description only;
    ``planned`` are ``missing`` from the index or ``stale`` there. ``orphaned`` documents have no object.
    ``kept`` texts have no picture, and ``undescribed`` pictures are indexed without their invalid metadata.
    ``embedded`` is reckoned from the shards that are done, and exact at the end. ``planning`` says that the
    plan still grows.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    listed: int = 0
    skipped: int = 0
    described: int = 0
    planned: int = 0
    missing: int = 0
    stale: int = 0
    orphaned: int = 0
    embedded: int = 0
    indexed: int = 0
    kept: int = 0
    rejected: int = 0
    undescribed: int = 0
    planning: bool = False

    @property
    def done(self) -> int:
        """How many of those planned are done with."""
        return self.indexed + self.kept + self.rejected

    @property
    def differences(self) -> int:
        """How many documents are not, or were not, what the bucket says."""
        return self.missing + self.stale + self.described + self.orphaned


class Progress:
    """Counts one run again and again."""

    def __init__(self, files: RunFiles) -> None:
        self._files = files
        self._is_planned = False
        self._pages: dict[str, dict[str, Any]] = {}
        self._weights: dict[str, float] = {}
        self._embedded = _Folder(files, files.keys.embeddings)
        self._markers = _Folder(files, files.keys.results)
        self._results = Counter[str]()

    def look(self) -> Counts:
        """The counts as of now."""
        if not self._is_planned:
            self._is_planned = self._files.read(self._files.keys.plan) is not None
            self._read_pages()
        if self._is_planned and self._weights:
            self._embedded.look(list(self._weights))
            self._read_markers(self._markers.look(list(self._weights)))
        return self._counts()

    def _read_pages(self) -> None:
        folder = self._files.keys.pages
        for name in self._files.names(folder, after=max(self._pages, default="")):
            page = self._pages[name] = self._files.read(folder + name) or {}
            shards = page.get("shards", [])
            in_shards = page.get("planned", 0) - page.get("rejected", 0)
            self._weights |= {_stem(shard): in_shards / len(shards) for shard in shards}

    def _read_markers(self, names: list[str]) -> None:
        with ThreadPoolExecutor(READERS) as readers:
            for marker in readers.map(self._files.read, (self._files.keys.results + name for name in names)):
                self._results.update(marker or {})

    def _counts(self) -> Counts:
        counts = Counter(self._results)
        for page in self._pages.values():
            counts.update({name: page.get(name, 0) for name in _OF_PAGES})
        embedded = round(sum(self._weights.get(shard, 0) for shard in self._embedded.shards))
        return Counts(**counts, embedded=embedded, planning=not self._is_planned)


class _Folder:
    """A folder with one file a shard, written in any order.

    Listed again only from the first shard that was missing at the last look.
    """

    def __init__(self, files: RunFiles, folder: str) -> None:
        self.shards: set[str] = set()
        self._files = files
        self._folder = folder
        self._reach = 0

    def look(self, expected: list[str]) -> list[str]:
        """The files that are new since the last look, of the shards ``expected`` in their order."""
        after = expected[self._reach - 1] if self._reach else ""
        new = [
            name for name in self._files.names(self._folder, after=after) if _stem(name) not in self.shards
        ]
        self.shards.update(map(_stem, new))
        while self._reach < len(expected) and expected[self._reach] in self.shards:
            self._reach += 1
        return new


def _stem(name: str) -> str:
    """A shard's name without the endings that its files have: shard, embeddings, marker."""
    return name.split(".", 1)[0]
