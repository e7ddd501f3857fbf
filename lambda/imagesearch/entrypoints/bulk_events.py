"""Reading the events of the bulk run's state machine: a wrong one is refused, not taken for an empty one."""

import re
from collections.abc import Mapping
from typing import Any

from imagesearch.errors import EventInvalidError

Event = Mapping[str, Any]

_RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


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
