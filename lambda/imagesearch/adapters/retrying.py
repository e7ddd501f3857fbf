"""Asking again what may succeed in a moment, after growing random pauses."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

RETRY_SHARE = 0.25
"""The part of the time for a call in which a new attempt may begin; one attempt may take the rest."""

_FIRST_PAUSE_SECONDS = 0.1

Answer = TypeVar("Answer")


def persistently(
    attempt: Callable[[], Answer],
    *,
    seconds: float,
    is_worth_retrying: Callable[[Exception], bool],
    pause: Callable[[float], None],
) -> Answer:
    """Return what the first attempt returns that succeeds, of those begun in the retry share of `seconds`.

    Raises what the last attempt raises, and at once what another attempt would not change.
    """
    last_start = time.monotonic() + seconds * RETRY_SHARE
    longest = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return attempt()
        except Exception as error:
            if not is_worth_retrying(error) or time.monotonic() + longest > last_start:
                raise
        # Random, so that many who were refused together do not come back together.
        pause(random.uniform(longest / 2, longest))  # noqa: S311 - jitter, no secret
        longest *= 2
