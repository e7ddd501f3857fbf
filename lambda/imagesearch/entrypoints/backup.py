"""The function that takes and restores snapshots, called by the command line: see `imagesearch.backups`.

{"action": …} with what the action needs; the answer is the `Status` that the step led to, or, of a step that
cannot be taken, {"error": {"code", "message"}}, with "retry_after" (seconds) where that passes by itself.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from imagesearch.backups import Backups, Status
from imagesearch.entrypoints import backup_wiring, observing, wiring
from imagesearch.entrypoints.refusals import told
from imagesearch.errors import EventInvalidError, ImageSearchError, InternalError

Handler = Callable[[dict[str, Any], object], Any]
Name = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,199}$")]

_status = TypeAdapter(Status)


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Look(_Step):
    action: Literal["status"]

    def take(self, backups: Backups) -> Status:
        return backups.status()


class _Create(_Step):
    action: Literal["create"]

    def take(self, backups: Backups) -> Status:
        return backups.create()


class _OfSnapshot(_Step):
    action: Literal["restore", "delete"]
    snapshot: Name

    def take(self, backups: Backups) -> Status:
        return backups.delete(self.snapshot) if self.action == "delete" else backups.restore(self.snapshot)


class _OfIndex(_Step):
    action: Literal["adopt", "discard"]
    index: Name

    def take(self, backups: Backups) -> Status:
        return backups.adopt(self.index) if self.action == "adopt" else backups.discard(self.index)


class _Renew(_Step):
    action: Literal["renew"]
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    dimension: Annotated[int, Field(ge=1)]

    def take(self, backups: Backups) -> Status:
        return backups.renew(fingerprint=self.fingerprint, dimension=self.dimension)


_Steps = _Look | _Create | _OfSnapshot | _OfIndex | _Renew
_steps: TypeAdapter[_Steps] = TypeAdapter(Annotated[_Steps, Field(discriminator="action")])


def build_handler(parts: Callable[[], Backups]) -> Handler:
    """Return the function's handler; `parts` is asked on every call."""

    def handler(event: dict[str, Any], _: object) -> Any:
        """Take one step, and return how things stand after it."""
        step = _step_of(event)
        with observing.working_on(f"backup-{step.action}", action=step.action):
            return _taken(step, parts())

    return handler


def _taken(step: _Steps, backups: Backups) -> Any:
    try:
        status = step.take(backups)
    except InternalError:
        raise
    except ImageSearchError as refusal:
        wiring.logger().info("step refused", code=refusal.code, why=refusal.message)
        return {"error": told(refusal)}
    wiring.logger().info("step taken", subject=status.subject)
    return _status.dump_python(status, mode="json")


def _step_of(event: dict[str, Any]) -> _Steps:
    try:
        return _steps.validate_python(event)
    except ValidationError as error:
        raise EventInvalidError(f"The event is no step of a backup: {error}.") from error


handler = build_handler(backup_wiring.backups)
