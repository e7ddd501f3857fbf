"""The function that takes the steps of a migration, called by the command line: see `imagesearch.migration`.

{"action": …} with what the action needs; the answer is the `Status` that the step led to, or, of a step that
cannot be taken, {"error": {"code", "message"}}, with "retry_after" (seconds) where that passes by itself.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from imagesearch.entrypoints import migration_wiring, observing, wiring
from imagesearch.entrypoints.refusals import told
from imagesearch.errors import EventInvalidError, ImageSearchError, InternalError
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
    index: str | None = None

    def take(self, migration: Migration) -> Status:
        return migration.begin(fingerprint=self.fingerprint, dimension=self.dimension, index=self.index)


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
        with observing.working_on(f"migration-{step.action}", action=step.action):
            return _taken(step, parts())

    return handler


def _taken(step: _Steps, migration: Migration) -> Any:
    try:
        status = step.take(migration)
    except InternalError:
        raise
    except ImageSearchError as refusal:
        wiring.logger().info("step refused", code=refusal.code, why=refusal.message)
        return {"error": told(refusal)}
    # A migration is called by the index that it makes.
    under_way = status.migration.new.name if status.migration else None
    active = status.active.name if status.active else None
    wiring.logger().info("step taken", active=active, migration=under_way)
    return _status.dump_python(status, mode="json")


def _step_of(event: dict[str, Any]) -> _Steps:
    try:
        return _steps.validate_python(event)
    except ValidationError as error:
        raise EventInvalidError(f"The event is no step of a migration: {error}.") from error


handler = build_handler(migration_wiring.migration)
