"""The function that takes and restores snapshots, called by the command line: see `imagesearch.backups`.

{"action": …} with what the action needs; the answer is the `Status` that the step led to, or, of a step that
cannot be taken, {"error": {"code", "message"}}, with "retry_after" (seconds) where that passes by itself.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from imagesearch.backups import Backups, Status
from imagesearch.entrypoints import backup_wiring
from imagesearch.entrypoints.stepping import Handler, StepModel, step_handler

Name = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,199}$")]

_status = TypeAdapter(Status)


class _Look(StepModel):
    action: Literal["status"]

    def take(self, backups: Backups) -> Status:
        return backups.status()


class _Create(StepModel):
    action: Literal["create"]

    def take(self, backups: Backups) -> Status:
        return backups.create()


class _OfSnapshot(StepModel):
    action: Literal["restore", "delete"]
    snapshot: Name

    def take(self, backups: Backups) -> Status:
        return backups.delete(self.snapshot) if self.action == "delete" else backups.restore(self.snapshot)


class _OfIndex(StepModel):
    action: Literal["adopt", "discard"]
    index: Name

    def take(self, backups: Backups) -> Status:
        return backups.adopt(self.index) if self.action == "adopt" else backups.discard(self.index)


class _Renew(StepModel):
    action: Literal["renew"]
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    dimension: Annotated[int, Field(ge=1)]

    def take(self, backups: Backups) -> Status:
        return backups.renew(fingerprint=self.fingerprint, dimension=self.dimension)


_Steps = _Look | _Create | _OfSnapshot | _OfIndex | _Renew
_steps: TypeAdapter[_Steps] = TypeAdapter(Annotated[_Steps, Field(discriminator="action")])


def build_handler(parts: Callable[[], Backups]) -> Handler:
    """Return the function's handler; `parts` is asked on every call."""
    return step_handler("backup", parts, steps=_steps, status=_status, subject=_subject)


def _subject(status: Status) -> dict[str, object]:
    return {"subject": status.subject}


handler = build_handler(backup_wiring.backups)
