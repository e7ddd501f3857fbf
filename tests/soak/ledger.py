"""What the bucket should hold, as those who write it know, and since when searches must show it.

A change is eventual. It counts as settled, and whatever contradicts it as wrong, once the API has shown it in
answer to a request that was sent

- when nobody could be at work any more who had looked at the object before the change: the ingest function's
  time, in seconds, after it was written;
- while no bulk run was under way, which may write what it has looked at minutes ago, and verifies it in the
  end.

A settled state stays settled until its object is written again.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from imagesearch_client import ImageState


@dataclass(frozen=True, kw_only=True)
class Version:
    """What lies under a key; without an ETag nothing does. ``seed`` draws the picture again."""

    etag: str | None = None
    seed: int | None = None
    tags: tuple[str, ...] = ()
    is_damaged: bool = False

    @property
    def is_findable(self) -> bool:
        """Whether searches must find it."""
        return self.etag is not None and not self.is_damaged

    def is_shown_by(self, state: ImageState | None) -> bool:
        """Whether this is what the API says of the key."""
        if state is None or self.etag is None:
            return state is None and self.etag is None
        shown = (state.etag, state.tags, state.state == "rejected")
        return shown == (self.etag, () if self.is_damaged else self.tags, self.is_damaged)


NOTHING = Version()


@dataclass
class _Entry:
    version: Version = NOTHING
    written: float = 0.0
    writing: bool = False
    settled: float | None = None
    etags: set[str] = field(default_factory=set)


class Ledger:
    """The state of every key that was ever written. Threads share it; times are those of ``clock``."""

    def __init__(self, *, settle_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._settle_seconds = settle_seconds
        self._clock = clock
        self._entries: dict[str, _Entry] = defaultdict(_Entry)
        self._bulk_runs = 0
        self._lock = threading.Lock()

    @contextmanager
    def writing(self, key: str, version: Version) -> Iterator[None]:
        """Write the key in the body, which leaves it at ``version``; its present state is settled no more.

        Where the body fails nobody knows what was written, and the key never settles again.
        """
        with self._lock:
            entry = self._entries[key]
            entry.writing, entry.settled = True, None
            if version.etag is not None:
                entry.etags.add(version.etag)
        yield
        with self._lock:
            entry.version, entry.written, entry.writing = version, self._clock(), False

    @contextmanager
    def bulk_run(self) -> Iterator[None]:
        """A bulk run is under way in the body: nothing settles meanwhile."""
        with self._lock:
            self._bulk_runs += 1
        try:
            yield
        finally:
            with self._lock:
                self._bulk_runs -= 1

    def observe(self, key: str, state: ImageState | None, *, asked: float) -> bool:
        """Take note of what the API said of a key in answer to a request sent then; tell if it is settled."""
        with self._lock:
            entry = self._entries[key]
            late_enough = asked >= entry.written + self._settle_seconds
            if entry.writing or self._bulk_runs or not late_enough or not entry.version.is_shown_by(state):
                return False
            entry.settled = asked if entry.settled is None else entry.settled
            return True

    def settled(self, key: str, *, since: float) -> Version | None:
        """What the key has held, settled, from then until now; None where that is not certain."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.writing or entry.settled is None or entry.settled > since:
                return None
            return entry.version

    def due(self) -> list[str]:
        """The keys that could be observed to be settled by now."""
        with self._lock:
            now = self._clock()
            return [
                key
                for key, each in self._entries.items()
                if each.settled is None and not each.writing and now >= each.written + self._settle_seconds
            ]

    def versions(self) -> dict[str, Version]:
        """What lies under every key that was ever written, as of the last write."""
        with self._lock:
            return {key: each.version for key, each in self._entries.items()}

    def keys(self, *, settled_since: float) -> list[str]:
        """The keys whose picture searches must have found from then until now."""
        return [
            key
            for key in self.versions()
            if (version := self.settled(key, since=settled_since)) is not None and version.is_findable
        ]

    def was_put(self, key: str) -> bool:
        """Whether anything was ever written under the key."""
        with self._lock:
            return key in self._entries and bool(self._entries[key].etags)

    def had_etag(self, key: str, etag: str) -> bool:
        """Whether the key ever held the content of this ETag."""
        with self._lock:
            return key in self._entries and etag in self._entries[key].etags
