"""What a trial has done, kept in its folder, so that the same command goes on after whatever happened."""

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from scripts.errors import CommandError
from scripts.local.processes import write_atomically
from scripts.verify_aws.site import LOCK, Site

NAME = "record.json"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A step that was taken: its command, how long it took, and what it said."""

    name: str
    command: str
    seconds: float
    passed: bool
    said: str


@dataclass(kw_only=True)
class Record:
    """One trial in one place; times are those of the clock, in seconds.

    ``account`` is a digest, since the folder may be shown to others. ``standing_since`` is when what costs
    something was begun. Once it is ``going``, nothing is done but the destruction.
    """

    environment: str
    region: str
    account: str
    begun: float
    standing_since: float | None = None
    jobs: int = 0
    going: bool = False
    taken: list[Taken] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What it is called by: when it was begun."""
        return f"{datetime.fromtimestamp(self.begun, UTC):%Y%m%d-%H%M%S}"

    @property
    def passed(self) -> set[str]:
        """The names of the steps that need not be taken again."""
        return {step.name for step in self.taken if step.passed}

    def save(self, folder: Path) -> None:
        """Write it into ``folder``."""
        write_atomically(folder / NAME, json.dumps(asdict(self), indent=2) + "\n")


def begin(site: Site) -> Record:
    """The record of a trial of which nothing is done."""
    return Record(
        environment=site.environment, region=site.region, account=digest_of(site.account), begun=time.time()
    )


def find(folder: Path, site: Site) -> Record | None:
    """The record in ``folder``. Raises CommandError (``record_unreadable``, ``record_of_another``)."""
    path = folder / NAME
    try:
        written = json.loads(path.read_text("utf-8"))
        taken = [Taken(**step) for step in written.pop("taken")]
        record = Record(**written, taken=taken)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CommandError(
            "record_unreadable",
            f"{path} is no record of a trial: {error}. Remove what may stand, {' '.join(site.destroying)}, "
            "and then the file.",
        ) from error
    here = (site.environment, site.region, digest_of(site.account))
    if (record.environment, record.region, record.account) != here:
        raise CommandError(
            "record_of_another",
            f"{path} tells of {record.environment} in {record.region} in "
            f"{'this' if record.account == here[2] else 'another'} account, which may stand still: go on "
            "there, with its credentials and its region; or name another folder: --folder",
        )
    return record


def forget(folder: Path) -> None:
    """Remove the record, and the lock of its models: nothing of what they tell stands any more."""
    for name in (NAME, LOCK):
        (folder / name).unlink(missing_ok=True)


def digest_of(account: str) -> str:
    """What an account is known by to those who know its number."""
    return hashlib.sha256(account.encode()).hexdigest()[:16]
