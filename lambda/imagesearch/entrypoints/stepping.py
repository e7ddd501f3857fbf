"""Functions each of whose calls is a step of a longer process, which the command line leads."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from imagesearch.entrypoints import observing, wiring
from imagesearch.errors import EventInvalidError, ImageSearchError, InternalError, UnavailableError

Handler = Callable[[dict[str, Any], object], Any]
Parts = TypeVar("Parts")
Status = TypeVar("Status")


class StepModel(BaseModel):
    """What a call says of its step, and nothing besides.

    A step has an `action`, its name, and is taken by `take(parts)`, which returns how things stand after it.
    """

    model_config = ConfigDict(extra="forbid", strict=True)


def step_handler(
    process: str,
    parts: Callable[[], Parts],
    *,
    steps: TypeAdapter[Any],
    status: TypeAdapter[Status],
    subject: Callable[[Status], Mapping[str, Any]],
) -> Handler:
    """Return a handler that takes a step of `process`, and answers with the status after it.

    A step that cannot be taken is answered by {"error": {"code", "message"}}. `parts` is asked on every call;
    `subject` is what the log says of a status.
    """

    def handler(event: dict[str, Any], _: object) -> Any:
        """Take one step, and return how things stand after it."""
        step = step_of(event)
        with observing.working_on(f"{process}-{step.action}", action=step.action):
            try:
                reached: Status = step.take(parts())
            except InternalError:
                raise
            except ImageSearchError as refusal:
                wiring.logger().info("step refused", code=refusal.code, why=refusal.message)
                return {"error": _told(refusal)}
            wiring.logger().info("step taken", **subject(reached))
            return status.dump_python(reached, mode="json")

    def step_of(event: dict[str, Any]) -> Any:
        try:
            return steps.validate_python(event)
        except ValidationError as error:
            raise EventInvalidError(f"The event is no step of a {process}: {error}.") from error

    return handler


def _told(refusal: ImageSearchError) -> dict[str, Any]:
    """Return code and message, and, of what passes by itself, `retry_after` in seconds."""
    passing = {"retry_after": refusal.retry_after} if isinstance(refusal, UnavailableError) else {}
    return {"code": refusal.code, "message": refusal.message, **passing}
