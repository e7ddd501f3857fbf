"""Bulk runs: a whole library through the state machine, started, continued, followed and looked at."""

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from scripts.aws_errors import aws_errors
from scripts.bulk.files import RunFiles, known_runs
from scripts.bulk.progress import Counts, Progress
from scripts.errors import CommandError
from scripts.target import Target

ATTEMPT = re.compile(r"(?P<run>.+?)(-r(?P<resumed>\d+)|_.*)?")
"""The name of an execution: that of its run, with a number when the run was resumed.

EventBridge, which starts runs by schedule, puts an underscore and letters of its own behind it.
"""

GOING = ("RUNNING", "PENDING_REDRIVE")
POLL_SECONDS = 2.0
POLL_SHARE = 0.1
"""The share of its time that following a run may spend asking."""


class Run(Counts):
    """A bulk run as it is now; ``reason`` says why a failed one failed.

    Its ``source`` is a ``prefix`` or a ``file``; one with ``check`` counts and changes nothing. What its
    transform jobs cost is an estimate, and None where the settings name no price.
    """

    run: str
    status: Literal["running", "complete", "failed"]
    prefix: str = ""
    source: str = "prefix"
    check: bool = False
    index: str | None = None
    missing_shards: tuple[str, ...] = ()
    started: str | None = None
    finished: str | None = None
    seconds: float | None = None
    pictures_per_second: float | None = None
    instance_seconds: float | None = None
    cost_usd: float | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the bulk runs of one deployment are: their state machine's ARN, and the bucket of their files."""

    step_functions: Any
    s3: Any
    state_machine: str
    bucket: str

    def files(self, run: str) -> RunFiles:
        """The files of ``run``."""
        return RunFiles(s3=self.s3, bucket=self.bucket, run=run)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One execution of a run; ``resumed`` is how often the run had been resumed by then."""

    run: str
    execution: str
    resumed: int
    is_going: bool


def find_place(target: Target) -> Place:
    """The bulk runs of ``target``, or the ``CommandError`` that says what to set."""
    return Place(
        step_functions=target.step_functions(),
        s3=target.s3(),
        state_machine=target.bulk_state_machine(),
        bucket=target.artifact_bucket(),
    )


def start(
    place: Place,
    *,
    prefix: str = "",
    source: Path | None = None,
    index: str | None = None,
    check: bool = False,
    run: str | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Attempt:
    """Start a run over every picture whose key begins with ``prefix``; it goes on by itself.

    ``source`` is a file of lines {"key"} or {"id", "text"} to read instead of the bucket's listing; ``index``
    one that is written beside the active one, to be filled instead of it; ``check`` changes nothing.
    ``run`` is its name, where that had to be known before.
    """
    run = run or new_name(now())
    given: dict[str, Any] = {"run": run, "prefix": prefix}
    if source is not None:
        place.files(run).upload(place.files(run).keys.source, source)
        given["source"] = "file"
    if index is not None:
        given["index"] = index
    if check:
        given["check"] = True
    return _start(place, given, resumed=0)


def new_name(now: datetime) -> str:
    """A name for a run that is started now; names sort as their runs were started."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def resume(place: Place, run: str) -> Attempt:
    """Go on with a run that ended before it was complete: what it has embedded is not embedded again.

    Raises ``CommandError`` (``run_unknown``, ``run_active``).
    """
    attempt = _find_attempt(place, run)
    if attempt is not None and attempt.is_going:
        raise _active(run)
    execution = _describe(place, attempt)
    known = _beginning(place.files(run), execution)
    # What the run has not written into its own files yet, only its first execution's input says.
    given = json.loads(execution["input"]) if execution else {"run": run, "prefix": known["prefix"]}
    return _start(place, given, resumed=attempt.resumed + 1 if attempt else 1)


def follow(place: Place, attempt: Attempt, *, pause: Callable[[float], None] = time.sleep) -> Iterator[Run]:
    """The run as it goes on, at every look, and at last as it ended."""
    files = place.files(attempt.run)
    progress = Progress(files)
    while True:
        began = time.monotonic()
        # An execution that has just been started is not always known at once.
        execution = _describe(place, attempt) or {"status": "RUNNING"}
        run = _state(files, progress, execution)
        yield run
        if run.status != "running":
            return
        pause(max(POLL_SECONDS, (time.monotonic() - began) * (1 / POLL_SHARE - 1)))


def show(place: Place, run: str) -> Run:
    """A run as it is now. Raises ``CommandError`` (``run_unknown``)."""
    files = place.files(run)
    return _state(files, Progress(files), _describe(place, _find_attempt(place, run)))


def going(place: Place, run: str) -> Attempt | None:
    """The attempt of ``run`` that is going on; None when the run has ended, or was never heard of."""
    attempt = _find_attempt(place, run)
    return attempt if attempt is not None and attempt.is_going else None


def newest(place: Place, *, count: int) -> list[Run]:
    """The ``count`` runs that were started last, the newest first."""
    attempts = list(_attempts(place))
    latest = {attempt.run: attempt for attempt in reversed(attempts)}
    # Not every run's name is a time; Step Functions knows the order, but forgets it.
    forgotten = known_runs(place.s3, bucket=place.bucket) - latest.keys()
    runs = [*reversed(latest), *sorted(forgotten, reverse=True)]
    return [
        _state(files, Progress(files), _describe(place, latest.get(files.run)))
        for files in map(place.files, runs[:count])
    ]


def _start(place: Place, given: Mapping[str, Any], *, resumed: int) -> Attempt:
    run = given["run"]
    with aws_errors():
        try:
            answer = place.step_functions.start_execution(
                stateMachineArn=place.state_machine,
                name=f"{run}-r{resumed}" if resumed else run,
                input=json.dumps(given),
            )
        except place.step_functions.exceptions.ExecutionAlreadyExists as error:
            raise _active(run) from error
    return Attempt(run=run, execution=answer["executionArn"], resumed=resumed, is_going=True)


def _find_attempt(place: Place, run: str) -> Attempt | None:
    """The latest attempt of ``run``; None when Step Functions knows none, which it forgets after 90 days."""
    return next((attempt for attempt in _attempts(place) if attempt.run == run), None)


def _attempts(place: Place) -> Iterator[Attempt]:
    """Every attempt of every run, the newest first."""
    listing = place.step_functions.get_paginator("list_executions")
    with aws_errors():
        for page in listing.paginate(stateMachineArn=place.state_machine):
            yield from map(_attempt, page["executions"])


def _attempt(execution: Mapping[str, Any]) -> Attempt:
    name = ATTEMPT.fullmatch(execution["name"])
    assert name is not None
    return Attempt(
        run=name["run"],
        execution=execution["executionArn"],
        resumed=int(name["resumed"] or 0),
        is_going=execution["status"] in GOING,
    )


@aws_errors()
def _describe(place: Place, attempt: Attempt | None) -> dict[str, Any] | None:
    if attempt is None:
        return None
    try:
        answer: dict[str, Any] = place.step_functions.describe_execution(executionArn=attempt.execution)
    except place.step_functions.exceptions.ExecutionDoesNotExist:
        return None
    return answer


def _state(files: RunFiles, progress: Progress, execution: Mapping[str, Any] | None) -> Run:
    if execution is not None and execution["status"] in GOING:
        return Run(status="running", **_beginning(files, execution), **progress.look().model_dump())
    report = files.read(files.keys.report) or {}
    if report.get("status") == "complete":
        return Run.model_validate({**report, "embedded": report["planned"]})
    known = _beginning(files, execution) | report | progress.look().model_dump()
    return Run.model_validate({**known, "status": "failed", "reason": _reason(execution)})


def _beginning(files: RunFiles, execution: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a run is about, from its first file, or from what it was started with."""
    if (written := files.read(files.keys.description)) is not None:
        return written
    if execution is None:
        raise CommandError(
            "run_unknown", f"There is no run {files.run} in this deployment. See: imagesearch runs list."
        )
    return {"prefix": "", **json.loads(execution.get("input", "{}")), "run": files.run}


def _reason(execution: Mapping[str, Any] | None) -> str:
    """Why an execution ended, in one sentence."""
    if execution is None:
        return "What ended it is no longer known: Step Functions keeps that for 90 days."
    status = execution["status"]
    cause = _sentence(execution.get("cause") or "") or execution.get("error")
    if cause is None:
        return {
            "SUCCEEDED": "It ended without a report.",
            "ABORTED": "It was aborted.",
            "TIMED_OUT": "It took longer than its state machine allows.",
        }.get(status, f"It ended as {status}.")
    return cause if cause.endswith((".", "!", "?")) else f"{cause}."


def _sentence(cause: str) -> str:
    """What a person can use of a cause, which is often a JSON document with a sentence in it."""
    try:
        document = json.loads(cause)
    except ValueError:
        return " ".join(cause.split())
    if isinstance(document, dict):
        for name in ("errorMessage", "FailureReason", "Cause", "cause", "Error"):
            if document.get(name):
                return _sentence(str(document[name]))
    return " ".join(cause.split())


def _active(run: str) -> CommandError:
    return CommandError(
        "run_active",
        f"Run {run} is still going: it cannot be resumed. Look at it: imagesearch runs show {run}.",
    )
