"""What is known of a migration: its record, a file of the artifact bucket that outlives both indices."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from imagesearch.errors import ArtifactDamagedError
from imagesearch.models import IndexInfo
from imagesearch.ports import ArtifactStore

MIGRATIONS = "migrations/"
"""The prefix of all records, and of the labelled queries that checks read."""

_RECORD = ".json"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many pictures searches find in each index; `differing` are keys that the two disagree about."""

    old: int
    new: int
    differing: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether both hold the same pictures."""
        return not self.differing


@dataclass(frozen=True, kw_only=True)
class Recall:
    """Which share of the really nearest pictures the new index's graph finds, over `vectors` searches."""

    value: float
    least: float
    vectors: int

    @property
    def passed(self) -> bool:
        """Whether it is as high as the settings ask for."""
        return self.value >= self.least


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Which share of the pictures that people hold relevant each index finds with its own model."""

    queries: int
    old: float
    new: float

    @property
    def passed(self) -> bool:
        """Whether the new model is no worse than the old one."""
        return self.new >= self.old


@dataclass(frozen=True, kw_only=True)
class Check:
    """How the new index compares with the old one; every recall is that of the first ten hits."""

    checked_at: datetime
    counts: Counts
    recall: Recall
    labelled: Labelled | None
    passed: bool
    faults: tuple[str, ...]

    @classmethod
    def of(
        cls, *, checked_at: datetime, counts: Counts, recall: Recall, labelled: Labelled | None
    ) -> "Check":
        """Return what these figures amount to; each of `faults` is a sentence."""
        faults = tuple(_faults(counts, recall, labelled))
        return cls(
            checked_at=checked_at,
            counts=counts,
            recall=recall,
            labelled=labelled,
            passed=not faults,
            faults=faults,
        )


def _faults(counts: Counts, recall: Recall, labelled: Labelled | None) -> Iterator[str]:
    if not counts.passed:
        yield (
            f"The old index has {counts.old} pictures and the new one {counts.new}; "
            f"they differ in {', '.join(counts.differing)}."
        )
    if not recall.passed:
        yield f"The new index finds {recall.value:.4f} of the nearest pictures; {recall.least} is asked for."
    if labelled is not None and not labelled.passed:
        yield (
            f"Over {labelled.queries} labelled queries the new model finds {labelled.new:.4f} of the "
            f"relevant pictures, the old one {labelled.old:.4f}."
        )


@dataclass(frozen=True, kw_only=True)
class Forced:
    """A refusal that somebody overrode: what was refused, who forced it, and when."""

    refusal: str
    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Record:
    """`migrations/<new index>.json`: one migration.

    `written_at` is when both indices began to be kept equal to the bucket; `runs` are the bulk runs into the
    new index. `retired` is the index that is given up: from `retired_at` on nobody writes it.
    """

    old: IndexInfo
    new: IndexInfo
    begun_at: datetime
    written_at: datetime | None = None
    runs: tuple[str, ...] = ()
    check: Check | None = None
    switched_at: datetime | None = None
    rolled_back_at: datetime | None = None
    retired: str | None = None
    retired_at: datetime | None = None
    finished_at: datetime | None = None
    forced: tuple[Forced, ...] = ()


_records = TypeAdapter(Record)


class RecordFiles:
    """Reads and writes the records of all migrations."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        self._artifacts = artifacts

    def names(self) -> Iterator[str]:
        """Yield the new index of every migration there ever was."""
        for key in self._artifacts.keys(MIGRATIONS):
            if key.endswith(_RECORD):
                yield key.removeprefix(MIGRATIONS).removesuffix(_RECORD)

    def unfinished(self) -> Record | None:
        """Return the migration that is under way, or None. Raises ArtifactDamagedError."""
        records = map(self._read, self.names())
        return next((each for each in records if each is not None and each.finished_at is None), None)

    def write(self, record: Record) -> Record:
        """Write a record, and return it."""
        self._artifacts.write(_key(record.new.name), _records.dump_json(record, indent=1))
        return record

    def _read(self, index: str) -> Record | None:
        content = self._artifacts.read(_key(index))
        if content is None:
            return None
        try:
            return _records.validate_json(content)
        except ValidationError as error:
            raise ArtifactDamagedError(f"The record {_key(index)} is damaged: {error}.") from error


def _key(index: str) -> str:
    return f"{MIGRATIONS}{index}{_RECORD}"


def labels_key(index: str) -> str:
    """Return where the labelled queries for the check of a new index lie."""
    return f"{MIGRATIONS}{index}.labels.jsonl"
