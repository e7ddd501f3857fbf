"""The function that takes the steps of a migration, called by the command line: see `imagesearch.migration`.

{"action": …} with what the action needs; every answer is the `Status` that the step led to. An error is
raised, so that the caller learns its class and its sentence.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from imagesearch.entrypoints import migration_wiring, wiring
from imagesearch.errors import EventInvalidError
from imagesearch.migration.steps import Migration, Status

Handler = Callable[[dict[str, Any], object], Any]

_status = TypeAdapter(Status)


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Look(_Step):
    action: Literal["status"]

    def take(self, migration: Migration) -> Status:
        return migration.status()


class _Begin(_Step):
    action: Literal["begin"]
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    dimension: Annotated[int, Field(ge=1)]

    def take(self, migration: Migration) -> Status:
        return migration.begin(fingerprint=self.fingerprint, dimension=self.dimension)


class _Run(_Step):
    action: Literal["run"]
    run: Annotated[str, Field(min_length=1)]

    def take(self, migration: Migration) -> Status:
        return migration.note_run(self.run)


class _Check(_Step):
    action: Literal["check"]
    labelled: bool = False

    def take(self, migration: Migration) -> Status:
        return migration.check(labelled=self.labelled)


class _Switch(_Step):
    action: Literal["switch"]
    forced_by: str | None = None

    def take(self, migration: Migration) -> Status:
        return migration.switch(forced_by=self.forced_by)


class _Rollback(_Step):
    action: Literal["rollback"]

    def take(self, migration: Migration) -> Status:
        return migration.rollback()


class _Finish(_Step):
    action: Literal["finish"]
    forced_by: str | None = None

    def take(self, migration: Migration) -> Status:
        return migration.finish(forced_by=self.forced_by)


_Steps = _Look | _Begin | _Run | _Check | _Switch | _Rollback | _Finish
_steps: TypeAdapter[_Steps] = TypeAdapter(Annotated[_Steps, Field(discriminator="action")])


def build_handler(parts: Callable[[], Migration]) -> Handler:
    """Return the function's handler; `parts` is asked on every call."""

    def handler(event: dict[str, Any], _: object) -> Any:
        """Take one step, and return how things stand after it."""
        step = _step_of(event)
        status = step.take(parts())
        active = status.active.name if status.active else None
        wiring.logger().info("step taken", action=step.action, active=active)
        return _status.dump_python(status, mode="json")

    return handler


def _step_of(event: dict[str, Any]) -> _Steps:
    try:
        return _steps.validate_python(event)
    except ValidationError as error:
        raise EventInvalidError(f"The event is no step of a migration: {error}.") from error


handler = build_handler(migration_wiring.migration)
