"""A search as any client makes it: what users would notice is noticed by its failing."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from imagesearch.errors import ApiAnswerError, ApiUnavailableError
from imagesearch.ports import SearchApi

_NAMED = ("hits", "found", "took_ms", "model", "index")
_NAMED_OF_A_HIT = ("id", "key", "score", "url")


def _now() -> datetime:
    return datetime.now(UTC)


class Canary:
    """Searches once, coming back when the API asks for that, as long as `patience_seconds` last."""

    def __init__(
        self,
        *,
        api: SearchApi,
        patience_seconds: float,
        now: Callable[[], datetime] = _now,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._patience_seconds = patience_seconds
        self._now = now
        self._clock = clock
        self._pause = pause

    def search(self) -> float:
        """Return the seconds until a search was answered as it should be.

        Raises ApiUnavailableError where it was not in time, ApiAnswerError where it was answered otherwise.
        """
        # Another text every time: of one that was asked before the vector may be remembered.
        text = f"a photograph taken on {self._now():%A, %d %B %Y at %H:%M:%S}"
        begun = self._clock()
        while True:
            try:
                _check(self._api.search(text))
            except ApiUnavailableError as error:
                if self._clock() - begun + error.retry_after > self._patience_seconds:
                    raise
                self._pause(error.retry_after)
            else:
                return self._clock() - begun


def _check(answer: Mapping[str, Any]) -> None:
    missing = [name for name in _NAMED if name not in answer]
    if missing:
        raise ApiAnswerError(f"The answer to a search lacks {', '.join(missing)}.")
    for hit in answer["hits"]:
        if missing := [name for name in _NAMED_OF_A_HIT if name not in hit]:
            raise ApiAnswerError(f"A hit lacks {', '.join(missing)}.")
