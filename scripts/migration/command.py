"""All steps of a migration in their order, each taken only where it is still to be taken.

What was done is read from the record, the aliases and the bulk runs' files, so the command may be ended at
any moment, and the same command goes on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imagesearch.errors import GateFailedError
from imagesearch.migration.records import Check, Record, labels_key
from imagesearch.migration.steps import Status
from imagesearch.models import IndexInfo
from scripts.aws_errors import aws_errors
from scripts.bulk import runs as bulk
from scripts.bulk.continuing import attempt_of, last_look, look_at
from scripts.errors import CommandError
from scripts.migration.environments import Environment
from scripts.migration.gate_labels import read_gate_labels

Say = Callable[[str], None]


def planned(environment: Environment, model: str, *, labels: Path | None) -> list[str]:
    """What a migration to ``model`` is going to do, a line a step."""
    asked = f", and that {model} answers {labels.name} no worse" if labels else ""
    return [
        f"Migrating {environment.name} to {model}; searches go on all the while:",
        f"  1. deploy {model} beside the models that are there",
        "  2. make a new index, which live ingest writes beside the old one from then on",
        "  3. wait until no function works with the old list of indices",
        "  4. embed and index every picture into it by a bulk run; then again what changed meanwhile",
        f"  5. check that it holds the same pictures and finds the nearest{asked}",
        "  6. let searches use it; the old index is kept equal to the bucket, for a rollback",
    ]


@dataclass(frozen=True, kw_only=True)
class Command:
    """The steps of one environment's migration; ``say`` is told each that was taken."""

    environment: Environment
    say: Say
    pause: Callable[[float], None] = time.sleep

    def migrate(
        self, model: str, *, labels: Path | None = None, force: bool = False, rebuild: bool = False
    ) -> Status:
        """Bring the environment to ``model``, and return how things stand then.

        ``labels`` is a file of labelled queries that the new model must answer no worse than the old one.
        ``force`` switches though the check fails. ``rebuild`` makes a new index of the same model.
        """
        queries = read_gate_labels(labels) if labels else None
        for line in planned(self.environment, model, labels=labels):
            self.say(line)
        self.environment.deploy(model)
        return self._carry_on(self._begin(model, rebuild=rebuild), queries, force=force)

    def take_over(self, index: IndexInfo, *, force: bool = False) -> Status:
        """Bring an index that was restored beside the active one in line, and let searches use it."""
        status = self.environment.function().take(
            "begin", fingerprint=index.fingerprint, dimension=index.dimension, index=index.name
        )
        return self._carry_on(self._keep_both(status), None, force=force)

    def _carry_on(self, status: Status, queries: bytes | None, *, force: bool) -> Status:
        """Fill the new index, check it, and let searches use it."""
        record = _under_way(status)
        if status.active != record.new:
            self._load(record)
            self._check(queries, index=record.new.name)
        status = self._switch(force=force)
        self._tell_switched(status, _under_way(status))
        return status

    def rollback(self) -> Status:
        """Let searches use the old index again."""
        status = self.environment.function().take("rollback")
        record = _under_way(status)
        self.say(
            f"Searches use {record.old.name} again. {record.new.name} is still kept equal to the bucket."
        )
        self.say(f"Forward again: imagesearch migrate --model NAME{self.environment.option}")
        self.say(f"Give it up: imagesearch migrate --finish --force{self.environment.option}")
        return status

    def finish(self, *, force: bool = False) -> Status:
        """Remove the index that searches do not use, once nobody can need it any more."""
        function = self.environment.function()
        status = function.take("status")
        if status.migration is None or status.migration.retired_at is None:
            status = function.take("finish", forced_by=self._forced_by(force))
        record = _under_way(status)
        self.say(f"{record.retired} is no longer written.")
        self._wait(status, f"no function can use {record.retired} any more")
        status = function.take("finish")
        self.say(f"{record.retired} is removed; searches use {_active(status)}.")
        if record.retired == record.old.name and record.old.fingerprint != record.new.fingerprint:
            self.say(f"Its model may go: {self.environment.ending}")
        return status

    def _begin(self, model: str, *, rebuild: bool) -> Status:
        function, locked = self.environment.function(), self.environment.model(model)
        status = function.take("status")
        same = status.active is not None and status.active.fingerprint == locked.fingerprint
        if status.migration is None and same and not rebuild:
            raise CommandError(
                "model_active",
                f"Searches use {_active(status)}, which is of the model {model}. To build its index anew, "
                "with other shards for example, add --rebuild.",
            )
        status = function.take("begin", fingerprint=locked.fingerprint, dimension=locked.dimension)
        return self._keep_both(status)

    def _keep_both(self, status: Status) -> Status:
        """Wait until every function knows that there are two indices to be written."""
        record = _under_way(status)
        if status.active != record.new:
            self.say(f"{record.new.name} is written beside {record.old.name}.")
            self._wait(status, "no function works with the old list of indices any more")
        return status

    def _wait(self, status: Status, until: str) -> None:
        """Wait for functions that act on what the aliases were."""
        if status.wait_seconds > 0:
            self.say(f"Waiting {status.wait_seconds:.0f} s, until {until}.")
            self.pause(status.wait_seconds)

    def _load(self, record: Record) -> None:
        """Fill the new index, then catch up with what changed meanwhile, by a run of its own each time."""
        place = self.environment.bulk()
        fill, *others = record.runs or (self._named(),)
        self._run(place, fill, record)
        # A run that is complete may have looked before the latest change: only one begun now catches up.
        unended = others[-1] if others and not _is_complete(place, others[-1]) else None
        self._run(place, unended or self._named(), record)

    def _named(self) -> str:
        """The name of a new run, which the record knows before it is started."""
        run = bulk.new_name(datetime.now(UTC))
        self.environment.function().take("run", run=run)
        return run

    def _run(self, place: bulk.Place, run: str, record: Record) -> None:
        """See a run through: start it, go on with it or follow it, unless it is complete."""
        attempt = attempt_of(place, run, index=record.new.name)
        if attempt is None:
            return
        seen = last_look(place, attempt)
        if seen.status != "complete":
            raise CommandError(
                "migration_run_failed",
                f"The bulk run {run} failed: {seen.reason} Run the same command again: it goes on with it.",
            )
        self.say(f"Run {run}: {seen.planned} planned, {seen.indexed} indexed, {seen.rejected} rejected.")

    def _check(self, queries: bytes | None, *, index: str) -> None:
        """Have the indices compared, and say what was found: the switch is refused where that is too bad."""
        if queries is not None:
            place = self.environment.bulk()
            with aws_errors():
                place.s3.put_object(Bucket=place.bucket, Key=labels_key(index), Body=queries)
        record = _under_way(self.environment.function().take("check", labelled=queries is not None))
        for line in figures(record.check) if record.check else ():
            self.say(line)

    def _switch(self, *, force: bool) -> Status:
        try:
            return self.environment.function().take("switch", forced_by=self._forced_by(force))
        except CommandError as error:
            if error.code != GateFailedError.code:
                raise
            raise CommandError(
                error.code,
                f"{error.message} To switch all the same, add --force; to give the new index up: imagesearch "
                f"migrate --finish --force{self.environment.option}",
            ) from error

    def _forced_by(self, force: bool) -> str | None:
        return self.environment.caller() if force else None

    def _tell_switched(self, status: Status, record: Record) -> None:
        until = f"{status.drain_until:%Y-%m-%d %H:%M:%S} UTC" if status.drain_until else "now"
        option = self.environment.option
        self.say(f"Searches use {record.new.name}; {record.old.name} is kept equal to the bucket too.")
        self.say(f"Back, until the migration is finished: imagesearch migrate --rollback{option}")
        self.say(f"Finish it, from {until} on: imagesearch migrate --finish{option}")


def figures(check: Check) -> list[str]:
    """What a check found, a line each."""
    counts, recall, labelled = check.counts, check.recall, check.labelled
    lines = [
        f"Pictures: {counts.old} in the old index, {counts.new} in the new one.",
        f"Nearest found: {recall.value:.4f} over {recall.vectors} pictures; {recall.least} is asked for.",
    ]
    if labelled is not None:
        lines.append(
            f"Relevant found over {labelled.queries} labelled queries: {labelled.old:.4f} by the old model, "
            f"{labelled.new:.4f} by the new one."
        )
    return lines


def _is_complete(place: bulk.Place, run: str) -> bool:
    seen = look_at(place, run)
    return seen is not None and seen.status == "complete"


def _active(status: Status) -> str:
    return status.active.name if status.active else "no index"


def _under_way(status: Status) -> Record:
    if status.migration is None:
        raise CommandError("migration_missing", "Somebody else has finished the migration meanwhile.")
    return status.migration
