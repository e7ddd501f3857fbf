"""How far a bulk run is, counted from its files: the state machine itself says only that it runs.

Each look reads what is new since the one before, so that a run of a million pictures is cheap to follow.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import BaseModel, ConfigDict

from scripts.bulk.files import RunFiles

READERS = 16


class Counts(BaseModel):
    """Pictures by how far they are: planned = indexed + rejected when a run is complete.

    ``skipped`` are unchanged since they were indexed. ``embedded`` is reckoned from the shards that are done,
    and exact at the end. ``planning`` says that ``planned`` still grows.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    listed: int = 0
    skipped: int = 0
    planned: int = 0
    embedded: int = 0
    indexed: int = 0
    rejected: int = 0
    planning: bool = False


class Progress:
    """Counts one run again and again."""

    def __init__(self, files: RunFiles) -> None:
        self._files = files
        self._is_planned = False
        self._pages: dict[str, dict[str, Any]] = {}
        self._weights: dict[str, float] = {}
        self._embedded = _Folder(files, files.keys.embeddings)
        self._markers = _Folder(files, files.keys.results)
        self._indexed = self._rejected = 0

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
            self._weights |= {_stem(shard): page["planned"] / len(shards) for shard in shards}

    def _read_markers(self, names: list[str]) -> None:
        with ThreadPoolExecutor(READERS) as readers:
            for marker in readers.map(self._files.read, (self._files.keys.results + name for name in names)):
                self._indexed += (marker or {}).get("indexed", 0)
                self._rejected += (marker or {}).get("rejected", 0)

    def _counts(self) -> Counts:
        def total(name: str) -> int:
            return sum(page.get(name, 0) for page in self._pages.values())

        return Counts(
            listed=total("listed"),
            skipped=total("skipped"),
            planned=total("planned"),
            embedded=round(sum(self._weights.get(shard, 0) for shard in self._embedded.shards)),
            indexed=self._indexed,
            rejected=self._rejected,
            planning=not self._is_planned,
        )


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
