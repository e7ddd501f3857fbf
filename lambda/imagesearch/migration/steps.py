"""The steps of a migration, each of which may be repeated at any time and goes on where it stopped.

begin → (bulk runs into the new index) → check → switch → finish; rollback undoes a switch. The record is the
memory of what cannot be seen from the aliases, and a step that takes a right away writes the record first.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from imagesearch.errors import (
    DrainNotOverError,
    GateFailedError,
    GateMissingError,
    IndexMissingError,
    IndexRetiredError,
    MigrationActiveError,
    MigrationMissingError,
    MigrationOutdatedError,
    NotSwitchedError,
)
from imagesearch.fingerprints import SHORT, refuse_other_model
from imagesearch.index_setup import next_index_name
from imagesearch.migration.gate import Gate
from imagesearch.migration.records import Forced, Record, RecordFiles
from imagesearch.models import IndexInfo, Quantisation
from imagesearch.ports import ArtifactStore, Embedder, IndexAdministration

REMEMBERED_SECONDS = 5.0
"""How old `VectorIndex.active` and `written` may be at most."""

_PROBE = "a photograph"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How new indices are made, and how long the steps wait for functions that know the old state.

    `longest_invocation_seconds` is the longest that a function works with what it remembers of the aliases.
    """

    alias: str
    space: str
    shards: int
    replicas: int
    drain_hours: float
    longest_invocation_seconds: float
    quantisation: Quantisation = "none"

    @property
    def settling(self) -> timedelta:
        """How long after a change of the aliases a function may still act on what was before."""
        return timedelta(seconds=self.longest_invocation_seconds + REMEMBERED_SECONDS)

    @property
    def drain(self) -> timedelta:
        """How long after a switch both indices stay, so that it can be rolled back."""
        return timedelta(hours=self.drain_hours)


@dataclass(frozen=True, kw_only=True)
class Status:
    """Which indices there are, and the migration that is under way, if any.

    `wait_seconds` is how long the next step must wait for functions that know the old state, and
    `drain_until` when a switch becomes final.
    """

    active: IndexInfo | None
    written: tuple[IndexInfo, ...]
    indices: tuple[IndexInfo, ...]
    migration: Record | None
    wait_seconds: float
    drain_until: datetime | None


class Migration:
    """Takes the steps, one migration at a time."""

    def __init__(
        self,
        *,
        administration: IndexAdministration,
        embedder: Embedder,
        artifacts: ArtifactStore,
        gate: Gate,
        policy: Policy,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._administration = administration
        self._embedder = embedder
        self._records = RecordFiles(artifacts)
        self._gate = gate
        self._policy = policy
        self._clock = clock

    def status(self) -> Status:
        """Return how things stand; without an index, with none."""
        record = self._records.unfinished()
        try:
            written = self._administration.written()
        except IndexMissingError:
            written = ()
        drained = record.switched_at and record.switched_at + self._policy.drain if record else None
        return Status(
            active=written[0] if written else None,
            written=written,
            indices=self._administration.indices(),
            migration=record,
            wait_seconds=self._wait(record) if record else 0.0,
            drain_until=drained,
        )

    def begin(self, *, fingerprint: str, dimension: int, index: str | None = None) -> Status:
        """Make an index for this model, and let live ingest write it beside the active one.

        The same model again is a rebuild; `index` is one that was restored from a snapshot, to be taken
        instead of a new one. Raises MigrationActiveError, and ModelMismatchError or ModelUnavailableError
        where no endpoint of this model answers: without one, ingest would stand still.
        """
        record = self._records.unfinished()
        if record is not None and not _is_the_same(record, fingerprint=fingerprint, index=index):
            raise MigrationActiveError(
                f"The migration to {record.new.name} is under way, and there can be only one. Go on with it, "
                "or end it: imagesearch migrate --finish."
            )
        if record is None:
            record = self._begin(fingerprint, dimension, index)
        if record.written_at is None:
            self._write_both(record)
        return self.status()

    def note_run(self, run: str) -> Status:
        """Remember that this bulk run loads the new index, before it is started."""
        record = self._record()
        if run not in record.runs:
            self._records.write(replace(record, runs=(*record.runs, run)))
        return self.status()

    def check(self, *, labelled: bool = False) -> Status:
        """Compare the indices, and remember how they compare. Raises what `Gate.check` does."""
        record = self._record()
        check = self._gate.check(old=record.old, new=record.new, labelled=labelled)
        self._records.write(replace(record, check=check))
        return self.status()

    def switch(self, *, forced_by: str | None = None) -> Status:
        """Let searches use the new index, from one moment to the next.

        Raises GateMissingError; GateFailedError unless somebody forces it, which the record keeps; and
        IndexRetiredError.
        """
        record = self._record()
        self._require_written(record, record.new)
        if self._active_of(record) != record.new:
            record = self._passed(record, forced_by)
            self._administration.point_alias(record.new.name)
        if record.switched_at is None:
            self._records.write(replace(record, switched_at=self._clock()))
        return self.status()

    def rollback(self) -> Status:
        """Let searches use the old index again, which has been kept equal to the bucket all the while.

        Raises NotSwitchedError where they do already, and IndexRetiredError once it is no longer kept.
        """
        record = self._record()
        self._require_written(record, record.old)
        if self._active_of(record) == record.old and record.switched_at is None:
            raise NotSwitchedError(f"Searches use {record.old.name}: there is nothing to roll back.")
        self._administration.point_alias(record.old.name)
        self._records.write(replace(record, switched_at=None, check=None, rolled_back_at=self._clock()))
        return self.status()

    def finish(self, *, forced_by: str | None = None) -> Status:
        """Give up the index that searches do not use: first nobody writes it any more, then it is removed.

        Each call takes one of these steps. Raises DrainNotOverError before the drain is over, and
        NotSwitchedError where the new index would be given up, unless somebody forces it; and
        DrainNotOverError, forced or not, while functions may still know the index that is to be removed.
        """
        record = self._record()
        if record.retired is None or record.retired_at is None:
            self._retire(record, forced_by)
        else:
            self._remove(record, record.retired)
        return self.status()

    def _begin(self, fingerprint: str, dimension: int, index: str | None) -> Record:
        active = self._administration.active()
        new = self._restored(index, fingerprint) if index else self._new(fingerprint, dimension)
        (embedding,) = self._embedder.embed(fingerprint=fingerprint, texts=[_PROBE])
        refuse_other_model(new, embedding)
        return self._records.write(Record(old=active, new=new, begun_at=self._clock()))

    def _new(self, fingerprint: str, dimension: int) -> IndexInfo:
        return IndexInfo(
            name=self._new_name(fingerprint),
            fingerprint=fingerprint,
            dimension=dimension,
            space=self._policy.space,
            quantisation=self._policy.quantisation,
        )

    def _new_name(self, fingerprint: str) -> str:
        """Return the next free name of a model's indices; those of removed indices are never used again."""
        known = {*self._records.names(), *(index.name for index in self._administration.indices())}
        return next_index_name(self._policy.alias, fingerprint, known)

    def _restored(self, name: str, fingerprint: str) -> IndexInfo:
        """Return an index that is there already, to be taken as the new one."""
        for index in self._administration.indices():
            if (index.name, index.fingerprint) == (name, fingerprint):
                return index
        raise IndexMissingError(f"There is no index {name} of the model {fingerprint[:SHORT]}.")

    def _write_both(self, record: Record) -> None:
        self._administration.put_template(shards=self._policy.shards, replicas=self._policy.replicas)
        self._administration.create(record.new)
        self._administration.write_to([record.old.name, record.new.name])
        self._records.write(replace(record, written_at=self._clock()))

    def _passed(self, record: Record, forced_by: str | None) -> Record:
        """Return the record of a migration that may switch."""
        if record.check is None:
            raise GateMissingError(f"{record.new.name} has not been checked since it was loaded: check it.")
        if record.check.passed:
            return record
        refusal = " ".join(record.check.faults)
        if forced_by is None:
            raise GateFailedError(f"{record.new.name} does not take over: {refusal}")
        return self._forced(record, refusal, forced_by)

    def _retire(self, record: Record, forced_by: str | None) -> None:
        """Let nobody write the index that searches do not use.

        The record names it first: an index that missed a write must never become searched or written again.
        """
        if record.retired is None:
            switched = self._active_of(record) == record.new
            record = self._drained(record, forced_by) if switched else self._given_up(record, forced_by)
            loser = record.old if switched else record.new
            record = self._records.write(replace(record, retired=loser.name))
        self._administration.write_to([])
        self._records.write(replace(record, retired_at=self._clock()))

    def _drained(self, record: Record, forced_by: str | None) -> Record:
        """Return the record of a migration whose switch is old enough to be final."""
        if record.switched_at is None:
            record = self._records.write(replace(record, switched_at=self._clock()))
        assert record.switched_at is not None
        until = record.switched_at + self._policy.drain
        if self._clock() >= until:
            return record
        refusal = f"The old index {record.old.name} is kept for a rollback until {_told(until)}."
        if forced_by is None:
            raise DrainNotOverError(f"{refusal} Finish then, or force it.")
        return self._forced(record, refusal, forced_by)

    def _given_up(self, record: Record, forced_by: str | None) -> Record:
        """Return the record of a migration that is ended in favour of the old index."""
        refusal = f"Searches use the old index {record.old.name}: to finish now gives {record.new.name} up."
        if forced_by is None:
            raise NotSwitchedError(f"{refusal} Go on with the migration, or force it.")
        return self._forced(record, refusal, forced_by)

    def _remove(self, record: Record, retired: str) -> None:
        """Remove the retired index once no function can remember it."""
        seconds = self._wait(record)
        if seconds > 0:
            raise DrainNotOverError(
                f"Functions may know {retired} for another {seconds:.0f} s. Finish again after that."
            )
        self._administration.remove(retired)
        self._records.write(replace(record, finished_at=self._clock()))

    def _wait(self, record: Record) -> float:
        """Return for how many seconds functions may still act on the aliases as they were."""
        changed = record.retired_at or record.written_at
        if changed is None:
            return 0.0
        return max(0.0, (changed + self._policy.settling - self._clock()).total_seconds())

    def _record(self) -> Record:
        record = self._records.unfinished()
        if record is None:
            raise MigrationMissingError(
                "No migration is under way. Begin one: imagesearch migrate --model NAME."
            )
        return record

    def _active_of(self, record: Record) -> IndexInfo:
        """Return which of the migration's indices searches use. Raises MigrationOutdatedError."""
        active = self._administration.active()
        for index in (record.old, record.new):
            if index.name == active.name:
                return index
        raise MigrationOutdatedError(
            f"The alias leads to {active.name}, but the migration is from {record.old.name} to "
            f"{record.new.name}. Point it at one of these two first."
        )

    def _require_written(self, record: Record, index: IndexInfo) -> None:
        written = {each.name for each in self._administration.written()}
        if record.retired == index.name or index.name not in written:
            raise IndexRetiredError(
                f"{index.name} is no longer kept equal to the bucket, so searches cannot use it. Finish this "
                "migration (imagesearch migrate --finish), then begin a new one."
            )

    def _forced(self, record: Record, refusal: str, by: str) -> Record:
        """Write down who overrode what, before it has any effect."""
        forced = Forced(refusal=refusal, by=by, at=self._clock())
        return self._records.write(replace(record, forced=(*record.forced, forced)))


def _is_the_same(record: Record, *, fingerprint: str, index: str | None) -> bool:
    """Tell whether a migration that is under way is the one that is asked for."""
    named = index is None or record.new.name == index
    return named and record.new.fingerprint == fingerprint and not record.retired


def _told(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
