"""Snapshots in memory, of the index in memory; taken and restored at once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.errors import SnapshotUnknownError
from imagesearch.models import EmbeddedImage, IndexInfo, RejectedImage
from imagesearch.snapshots import Snapshot


class InMemorySnapshots:
    """Copies of indices of `index`; `lost` names those that are said to lack a part."""

    def __init__(
        self, index: InMemoryVectorIndex, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._index = index
        self._clock = clock
        self._kept: dict[str, tuple[Snapshot, dict[str, EmbeddedImage | RejectedImage]]] = {}
        self.lost: set[str] = set()

    def begin(self, name: str, index: IndexInfo, *, pictures: int) -> None:
        """Copy an index."""
        taken = Snapshot(
            name=name, index=index, pictures=pictures, state="complete", started_at=self._clock()
        )
        self._kept[name] = taken, self._index.documents(index.name)

    def all(self) -> tuple[Snapshot, ...]:
        """Return every snapshot."""
        return tuple(snapshot for snapshot, _ in self._kept.values())

    def delete(self, name: str) -> None:
        """Forget a snapshot. Raises SnapshotUnknownError."""
        if self._kept.pop(name, None) is None:
            raise SnapshotUnknownError(f"There is no snapshot {name}.")

    def fail(self, name: str, fault: str) -> None:
        """Let a snapshot be one that failed."""
        snapshot, documents = self._kept[name]
        self._kept[name] = replace(snapshot, state="failed", fault=fault), documents

    def restore(self, snapshot: Snapshot, *, into: str, replicas: int) -> None:  # noqa: ARG002
        """Make an index of a snapshot."""
        _, documents = self._kept[snapshot.name]
        self._index.create(replace(snapshot.index, name=into))
        self._index.put_many(into, documents.values())

    def unready(self) -> tuple[str, ...]:
        """Return the indices that are said to lack a part."""
        return tuple(sorted(self.lost))
