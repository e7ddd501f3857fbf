"""Reading the events of the bulk run's state machine: a wrong one is refused, not taken for an empty one."""

import json
import re
from collections.abc import Mapping
from typing import Any, get_args

from imagesearch.bulk.planning import RunInput
from imagesearch.bulk.runs import Source
from imagesearch.errors import EventInvalidError

Event = Mapping[str, Any]

_RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LONGEST_SECONDS = 1e11
"""Step Functions tells a job's times in milliseconds; as seconds such a number lies in another millennium."""


def run_of(event: Event) -> str:
    """Return the name of the run. Raises EventInvalidError."""
    run = text_of(event, "run")
    if not _RUN.fullmatch(run):
        raise EventInvalidError(
            f"A run's name has up to 40 lower-case letters, digits and hyphens, not {run!r}."
        )
    return run


def text_of(event: Event, name: str) -> str:
    """Return a text of the event. Raises EventInvalidError."""
    value = event.get(name)
    if not isinstance(value, str):
        raise EventInvalidError(f"The event must hold the text {name!r}.")
    return value


def input_of(event: Event) -> RunInput:
    """Return what the run is begun with; `source`, `check` and `index` may be left out.

    Raises EventInvalidError.
    """
    source, check, index = event.get("source"), event.get("check"), event.get("index")
    if source not in (None, *get_args(Source)):
        raise EventInvalidError(f"The source is one of {', '.join(get_args(Source))}, not {source!r}.")
    if not isinstance(check, bool | None):
        raise EventInvalidError(f"'check' is true or false, not {check!r}.")
    if index is not None:
        index = text_of(event, "index")
    return RunInput(prefix=text_of(event, "prefix"), source=source, check=check, index=index)


def page_of(event: Event) -> int:
    """Return the number of the page to plan: 0 for the execution's own input. Raises EventInvalidError."""
    page = event.get("page", 0)
    if not isinstance(page, int) or isinstance(page, bool) or page < 0:
        raise EventInvalidError(f"A page is a number from 0, not {page!r}.")
    return page


def token_of(event: Event) -> str | None:
    """Return where to go on, which every page but the first needs. Raises EventInvalidError."""
    token = event.get("token")
    if (token is None) != (page_of(event) == 0) or not isinstance(token, str | None):
        raise EventInvalidError("The event must hold a 'token' for every page but the first.")
    return token


def ended_run_of(event: Event) -> str:
    """Return the run of an execution that was ended from outside, of which EventBridge tells.

    Raises EventInvalidError.
    """
    try:
        given = json.loads(text_of(event, "input"))
    except ValueError as error:
        raise EventInvalidError("The input of the ended execution is not valid JSON.") from error
    return run_of(given if isinstance(given, dict) else {})


def job_seconds_of(event: Event) -> dict[str, float]:
    """Return how long the transform job took, by its name; nothing where none ran, or none went through."""
    match event.get("state"):
        case {
            "transform": {
                "TransformJobName": str(name),
                "TransformStartTime": int() | float() as start,
                "TransformEndTime": int() | float() as end,
            }
        }:
            return {name: (end - start) / (1000 if start > _LONGEST_SECONDS else 1)}
    return {}
