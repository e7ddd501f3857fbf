"""How long the parts of an answer take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from imagesearch.queries import Timings


class Stopwatch:
    """Measures since it was made; what is in no part is the rest."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._parts = {"encode": 0.0, "search": 0.0}

    @contextmanager
    def part(self, name: Literal["encode", "search"]) -> Iterator[None]:
        """Add the time that the body takes to a part."""
        started = time.perf_counter()
        yield
        self._parts[name] += time.perf_counter() - started

    def read(self) -> Timings:
        """Return what was measured so far, in milliseconds."""
        total = time.perf_counter() - self._started
        parts = {**self._parts, "rest": total - sum(self._parts.values()), "total": total}
        return Timings(**{name: round(seconds * 1000, 3) for name, seconds in parts.items()})
