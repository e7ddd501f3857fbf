"""Waiting on a condition, with a deadline that is an error."""

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 240.0
"""Longer than the local queue's visibility timeout (180 s), after which a failed message comes again."""


def wait_for(condition: Callable[[], T | None], what: str) -> T:
    """The first answer of ``condition`` that is not None, asked ten times a second."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := condition()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE_SECONDS:.0f} s for {what}")
        Event().wait(0.1)
    return answer
