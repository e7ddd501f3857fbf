"""What is looked at while the environment works, and who hears of it."""

import re
from dataclasses import dataclass

from stacks.settings.checks import require, require_between

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, kw_only=True)
class MonitoringSettings:
    """Dashboard, log queries, metrics of the application, and with `alarms` the alarms.

    Alarms go to a topic, and from there to the addresses of `notify`, each of which is asked for its consent
    first. Every `canary_minutes` the API is searched as its callers do; None leaves that to people. A search
    is slow that takes longer than `slow_search_ms`, and a picture late that has waited for longer than
    `late_ingest_seconds`.
    """

    alarms: bool = True
    notify: tuple[str, ...] = ()
    canary_minutes: int | None = None
    slow_search_ms: int = 3000
    late_ingest_seconds: int = 900

    def __post_init__(self) -> None:
        """Check the ranges, and the form of the addresses."""
        for address in self.notify:
            known = _ADDRESS.fullmatch(address)
            require(bool(known), f"monitoring.notify must be addresses such as a@b.example, not {address!r}")
        require(self.alarms or not self.notify, "monitoring.notify needs monitoring.alarms")
        if self.canary_minutes is not None:
            # An alarm looks back over two of them, a day at most.
            require_between("monitoring.canary_minutes", self.canary_minutes, 1, 12 * 60)
        require_between("monitoring.slow_search_ms", self.slow_search_ms, 1, 29_000)
        require_between("monitoring.late_ingest_seconds", self.late_ingest_seconds, 60, 24 * 3600)
