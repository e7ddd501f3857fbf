"""The function that takes the steps of a migration, called by the command line: see `imagesearch.migration`.

{"action": …} with what the action needs; the answer is the `Status` that the step led to, or, of a step that
cannot be taken, {"error": {"code", "message"}}, with "retry_after" (seconds) where that passes by itself.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from imagesearch.entrypoints import migration_wiring
from imagesearch.entrypoints.stepping import Handler, StepModel, step_handler
from imagesearch.migration.steps import Migration, Status

_status = TypeAdapter(Status)


class _Look(StepModel):
    action: Literal["status"]

    def take(self, migration: Migration) -> Status:
        return migration.status()


class _Begin(StepModel):
    action: Literal["begin"]
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    dimension: Annotated[int, Field(ge=1)]
    index: str | None = None

    def take(self, migration: Migration) -> Status:
        return migration.begin(fingerprint=self.fingerprint, dimension=self.dimension, index=self.index)


class _Run(StepModel):
    action: Literal["run"]
    run: Annotated[str, Field(min_length=1)]

    def take(self, migration: Migration) -> Status:
        return migration.note_run(self.run)


class _Check(StepModel):
    action: Literal["check"]
    labelled: bool = False

    def take(self, migration: Migration) -> Status:
        return migration.check(labelled=self.labelled)


class _Switch(StepModel):
    action: Literal["switch"]
    forced_by: str | None = None

    def take(self, migration: Migration) -> Status:
        return migration.switch(forced_by=self.forced_by)


class _Rollback(StepModel):
    action: Literal["rollback"]

    def take(self, migration: Migration) -> Status:
        return migration.rollback()


class _Finish(StepModel):
    action: Literal["finish"]
    forced_by: str | None = None

    def take(self, migration: Migration) -> Status:
        return migration.finish(forced_by=self.forced_by)


_Steps = _Look | _Begin | _Run | _Check | _Switch | _Rollback | _Finish
_steps: TypeAdapter[_Steps] = TypeAdapter(Annotated[_Steps, Field(discriminator="action")])


def build_handler(parts: Callable[[], Migration]) -> Handler:
    """Return the function's handler; `parts` is asked on every call."""
    return step_handler("migration", parts, steps=_steps, status=_status, subject=_subject)


def _subject(status: Status) -> dict[str, object]:
    # A migration is called by the index that it makes.
    return {
        "active": status.active.name if status.active else None,
        "migration": status.migration.new.name if status.migration else None,
    }


handler = build_handler(migration_wiring.migration)
