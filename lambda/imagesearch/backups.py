"""Copies of the index, taken and brought back; every call may be repeated.

A copy becomes an index of its own name beside whatever there is, and never takes the place of an index that
searches use: where there is one, that is left to a migration, which compares the two first. Where the index
is lost, the restored one, or a new and empty one, becomes the index that searches use, and a bulk run over
everything brings it in line with the bucket.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from imagesearch.errors import (
    IndexLiveError,
    IndexMissingError,
    IndexUnreadyError,
    SnapshotUnknownError,
    SnapshotUnusableError,
)
from imagesearch.fingerprints import SHORT
from imagesearch.index_setup import next_index_name
from imagesearch.migration.records import RecordFiles
from imagesearch.models import IndexInfo, Quantisation
from imagesearch.ports import ArtifactStore, IndexAdministration, SnapshotStore, VectorIndex
from imagesearch.snapshots import Snapshot


@dataclass(frozen=True, kw_only=True)
class IndexPolicy:
    """How an index is made."""

    alias: str
    space: str
    shards: int
    replicas: int
    quantisation: Quantisation = "none"


@dataclass(frozen=True, kw_only=True)
class Status:
    """Which snapshots and indices there are, the newest snapshot first.

    `active` is what searches use. The `unready` indices lack some of their pictures: they are being restored,
    or have lost a part. `subject` is the snapshot or the index that the step was about.
    """

    snapshots: tuple[Snapshot, ...]
    active: IndexInfo | None
    written: tuple[IndexInfo, ...]
    indices: tuple[IndexInfo, ...]
    unready: tuple[str, ...]
    subject: str | None = None


class Backups:
    """Takes snapshots of the active index, and makes indices of them."""

    def __init__(
        self,
        *,
        snapshots: SnapshotStore,
        administration: IndexAdministration,
        index: VectorIndex,
        artifacts: ArtifactStore,
        policy: IndexPolicy,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._snapshots = snapshots
        self._administration = administration
        self._index = index
        self._records = RecordFiles(artifacts)
        self._policy = policy
        self._clock = clock

    def status(self, *, subject: str | None = None) -> Status:
        """Return how things stand; without an index, with none."""
        try:
            written = self._administration.written()
        except IndexMissingError:
            written = ()
        return Status(
            snapshots=tuple(sorted(self._snapshots.all(), key=lambda each: each.name, reverse=True)),
            active=written[0] if written else None,
            written=written,
            indices=self._administration.indices(),
            unready=self._snapshots.unready(),
            subject=subject,
        )

    def create(self) -> Status:
        """Begin a snapshot of the active index, which goes on by itself. Raises IndexMissingError."""
        active = self._administration.active()
        name = f"{self._clock():%Y%m%d-%H%M%S}"
        self._snapshots.begin(name, active, pictures=self._index.count(active.name))
        return self.status(subject=name)

    def delete(self, snapshot: str) -> Status:
        """Delete a snapshot, running or not. Raises SnapshotUnknownError."""
        self._snapshots.delete(snapshot)
        return self.status(subject=snapshot)

    def restore(self, snapshot: str) -> Status:
        """Begin to make an index of a snapshot, under the one name that the snapshot's index has here.

        An index of that name, restored or being restored, stays as it is. Raises SnapshotUnknownError, and
        SnapshotUnusableError for one that is not complete.
        """
        found = self._snapshot(snapshot)
        name = f"{self._policy.alias}-{found.index.fingerprint[:SHORT]}-{found.name}"
        if name not in {index.name for index in self._administration.indices()}:
            self._administration.put_template(shards=self._policy.shards, replicas=self._policy.replicas)
            self._snapshots.restore(found, into=name, replicas=self._policy.replicas)
        return self.status(subject=name)

    def adopt(self, index: str) -> Status:
        """Let searches use a restored index where they have none.

        Raises IndexLiveError where they have one, IndexUnreadyError before it is whole, IndexMissingError.
        """
        status = self.status(subject=index)
        if status.active is not None and status.active.name == index:
            return status
        self._require_lost(status)
        if index not in {each.name for each in status.indices}:
            raise IndexMissingError(f"There is no index {index}. Restore it first.")
        if index in status.unready:
            raise IndexUnreadyError(f"The index {index} is not restored yet.")
        return self._take_over(index)

    def renew(self, *, fingerprint: str, dimension: int) -> Status:
        """Let searches use a new, empty index where they have none; where they have one, it stays."""
        status = self.status()
        if status.active is not None and status.active.name not in status.unready:
            return replace(status, subject=status.active.name)
        taken = {*self._records.names(), *(each.name for each in status.indices)}
        new = IndexInfo(
            name=next_index_name(self._policy.alias, fingerprint, taken),
            fingerprint=fingerprint,
            dimension=dimension,
            space=self._policy.space,
            quantisation=self._policy.quantisation,
        )
        self._administration.put_template(shards=self._policy.shards, replicas=self._policy.replicas)
        self._administration.create(new)
        return self._take_over(new.name)

    def discard(self, index: str) -> Status:
        """Remove an index that is neither searched nor written. Raises IndexInUseError."""
        self._administration.remove(index)
        return self.status(subject=index)

    def _snapshot(self, name: str) -> Snapshot:
        found = next((each for each in self._snapshots.all() if each.name == name), None)
        if found is None:
            raise SnapshotUnknownError(f"There is no snapshot {name}. See: imagesearch backup list.")
        if found.state != "complete":
            raise SnapshotUnusableError(
                f"The snapshot {name} is {found.state}: {found.fault or 'wait until it is complete'}."
            )
        return found

    def _require_lost(self, status: Status) -> None:
        if status.active is not None and status.active.name not in status.unready:
            raise IndexLiveError(
                f"Searches use {status.active.name}. A restored index takes its place by a migration only."
            )

    def _take_over(self, index: str) -> Status:
        """Point the aliases at an index; a migration between lost indices is over."""
        record = self._records.unfinished()
        if record is not None:
            self._records.write(replace(record, finished_at=self._clock()))
        self._administration.point_alias(index)
        self._administration.write_to([])
        return self.status(subject=index)
