"""What is known of a snapshot: a copy of one index, kept outside the search engine."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from imagesearch.models import IndexInfo

SnapshotState = Literal["running", "complete", "failed"]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A copy of `index`, which had so many `pictures` when it was begun; `fault` says why it failed."""

    name: str
    index: IndexInfo
    pictures: int
    state: SnapshotState
    started_at: datetime
    seconds: float = 0.0
    fault: str | None = None
