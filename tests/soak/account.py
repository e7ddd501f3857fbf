"""What a soak has seen so far: requests and their outcomes, writes, bulk runs, and what broke."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.soak.oracle import Outcome, Verdict


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request: when it was sent, how long it took, and what its answer was."""

    kind: str
    started: float
    seconds: float
    verdict: Verdict


@dataclass
class Account:
    """Threads append to it; ``settled`` counts changes that the API has shown for good.

    ``broken`` says what went wrong beside the requests: a thread that ended, a bulk run never completed.
    """

    requests: list[Request] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)
    bulk: Counter[str] = field(default_factory=Counter)
    settled: int = 0
    broken: list[str] = field(default_factory=list)

    def add(self, kind: str, started: float, verdict: Verdict) -> None:
        """Note a request that has just ended."""
        seconds = time.monotonic() - started
        self.requests.append(Request(kind=kind, started=started, seconds=seconds, verdict=verdict))

    @contextmanager
    def watching(self, what: str) -> Iterator[None]:
        """Note that the body ended by an error, whatever it is: the soak goes on and has failed."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - any error of a thread breaks the soak
            self.broken.append(f"{what}: {error!r}")

    def outcomes(self) -> dict[str, Counter[Outcome]]:
        """How many requests of each kind ended how."""
        counts: dict[str, Counter[Outcome]] = {}
        for request in self.requests:
            counts.setdefault(request.kind, Counter())[request.verdict.outcome] += 1
        return counts

    def codes(self) -> Counter[str]:
        """How often each status and code was answered in place of what was asked for."""
        return Counter(each.verdict.code for each in self.requests if each.verdict.outcome == "refused")

    def wrong(self) -> list[str]:
        """What was wrong with each wrong answer."""
        return [
            f"{each.kind}: {each.verdict.code}: {each.verdict.reason}"
            for each in self.requests
            if each.verdict.outcome == "wrong"
        ]

    def milliseconds(self, *, windows: Sequence[tuple[float, float]], inside: bool) -> list[float]:
        """How long the answered requests took that fell into any of the windows, or into none."""
        return [
            each.seconds * 1000
            for each in self.requests
            if each.verdict.outcome == "right" and _meets(each, windows) is inside
        ]


def _meets(request: Request, windows: Sequence[tuple[float, float]]) -> bool:
    ended = request.started + request.seconds
    return any(request.started <= end and ended >= begin for begin, end in windows)
