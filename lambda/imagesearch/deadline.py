"""The moment by which the work under way must be done, known to all that waits for others meanwhile."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from imagesearch.errors import DeadlineError

_LEAST_SECONDS = 0.5
"""With less time than this nothing is begun: no other service could answer, and be heard, within it."""
_RETRY_AFTER_SECONDS = 5

_end: ContextVar[float] = ContextVar("end", default=math.inf)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let what is done in the body take so long at most, by this thread; a sooner end around it stays."""
    token = _end.set(min(_end.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _end.reset(token)


def seconds_left(*, at_most: float) -> float:
    """Return how long what is given `at_most` may take. Raises DeadlineError where it is too late."""
    left = _end.get() - time.monotonic()
    if left < _LEAST_SECONDS:
        raise DeadlineError(
            "The request took too long to be answered. Try again in a moment: a model may be starting.",
            retry_after=_RETRY_AFTER_SECONDS,
        )
    return min(left, at_most)
