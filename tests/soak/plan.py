"""Which faults a soak injects, and when: drawn from a seed, so that a run can be repeated."""

import random
from dataclasses import dataclass
from enum import StrEnum

MINUTE = 60.0
LATEST_START = 15.0
"""Seconds into its minute at which a fault begins at the latest.

Without this play a fault each minute, and a queue that delivers again after three, would always meet alike.
"""


class Kind(StrEnum):
    """What goes wrong."""

    OPENSEARCH_KILLED = "OpenSearch killed"
    MODEL_KILLED = "model server killed"
    OPENSEARCH_DELAYED = "OpenSearch far away, then cut off"
    MODEL_DELAYED = "model far away, then cut off"
    DISK_FULL = "disk nearly full"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A fault, and the seconds from the beginning at which it is due."""

    kind: Kind
    due: float


def plan(*, seed: int, minutes: float) -> tuple[Planned, ...]:
    """One fault for each whole minute; all kinds come once before any comes again."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    kinds: list[Kind] = []
    while len(kinds) < int(minutes):
        kinds += chance.sample(list(Kind), len(Kind))
    return tuple(
        Planned(kind=kind, due=minute * MINUTE + chance.uniform(0, LATEST_START))
        for minute, kind in enumerate(kinds[: int(minutes)])
    )
