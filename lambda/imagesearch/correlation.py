"""The id of what is being worked on, known to all that asks other services meanwhile.

It goes along with their requests, so that one id finds a request in the logs of each.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LONGEST = 64
_UNFIT = re.compile(r"[^\x21-\x7e]")
"""What no header may hold, or would hold in another form."""

_current: ContextVar[str | None] = ContextVar("correlation_id", default=None)


@contextmanager
def correlated(identifier: str) -> Iterator[None]:
    """Let what is done in the body be known by this id; of a longer one than 64 characters by their first."""
    token = _current.set(_UNFIT.sub("", identifier)[:_LONGEST] or None)
    try:
        yield
    finally:
        _current.reset(token)


def correlation_id() -> str | None:
    """Return the id of what is being worked on, in the form that fits a header; None where there is none."""
    return _current.get()
