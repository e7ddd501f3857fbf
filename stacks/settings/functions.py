"""What the functions run on, and those of live ingest and of thumbnails."""

from dataclasses import dataclass
from typing import Literal, get_args

from stacks import limits
from stacks.settings.checks import require, require_between, require_function

Architecture = Literal["arm64", "x86_64"]
LogRetentionDays = Literal[7, 30, 90, 365]


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """What all functions share. `wheels_of_this_machine`: they run here, on wheels of this platform."""

    python: str = "3.14"
    architecture: Architecture = "arm64"
    wheels_of_this_machine: bool = False
    tracing: bool = True
    log_level: str = "INFO"
    log_retention_days: LogRetentionDays = 30

    def __post_init__(self) -> None:
        """Check the Python version and the architecture."""
        major, _, minor = self.python.partition(".")
        known = major == "3" and minor.isdecimal() and int(minor) >= 11
        require(known, f"functions.python must be 3.11 or later, not {self.python!r}")
        known = self.architecture in ("arm64", "x86_64")
        require(known, f"functions.architecture must be arm64 or x86_64, not {self.architecture!r}")
        days = get_args(LogRetentionDays)
        require(
            self.log_retention_days in days,
            f"functions.log_retention_days must be one of {days}, not {self.log_retention_days}",
        )


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """The way of a picture from an event to the index.

    An event that fails comes again after the visibility timeout, six times the function's, and is given up
    after `max_receives`: 21 outlast four hours without an index or a model.
    """

    memory_mb: int = 512
    timeout_seconds: int = 120
    invoke_timeout_seconds: int = 60
    batch_size: int = 10
    max_concurrency: int = 5
    max_receives: int = 21

    def __post_init__(self) -> None:
        """Check the ranges, and that the function outlives the call that it waits for."""
        require_function("ingest", memory_mb=self.memory_mb, timeout_seconds=self.timeout_seconds)
        require_between(
            "ingest.invoke_timeout_seconds", self.invoke_timeout_seconds, 1, limits.INVOCATION_SECONDS.value
        )
        outlives = self.invoke_timeout_seconds < self.timeout_seconds
        require(outlives, "ingest.invoke_timeout_seconds must be shorter than ingest.timeout_seconds")
        require_between("ingest.batch_size", self.batch_size, 1, limits.QUEUE_BATCH.value)
        low, high = limits.QUEUE_MINIMUM_CONCURRENCY.value, limits.QUEUE_CONCURRENCY.value
        require_between("ingest.max_concurrency", self.max_concurrency, low, high)
        require_between(
            "ingest: visibility timeout", self.visibility_seconds, 1, limits.QUEUE_VISIBILITY_SECONDS.value
        )
        # Half of the queue's retention is left for events that wait behind others.
        longest = self.retention_days * 24 * 3600 // 2
        require_between("ingest.max_receives", self.max_receives, 1, longest // self.visibility_seconds)

    @property
    def visibility_seconds(self) -> int:
        """Visibility timeout of the queue: the multiple of the function's timeout that Lambda asks for."""
        return self.timeout_seconds * limits.QUEUE_VISIBILITY_FACTOR.value

    @property
    def retention_days(self) -> int:
        """How long an event may wait in the queue; dead letters, counted from the same day, twice as long."""
        return limits.QUEUE_RETENTION_DAYS.value // 2


@dataclass(frozen=True, kw_only=True)
class ThumbnailSettings:
    """The function that makes thumbnails, one at a time.

    Decoding one picture may take 1.1 GB, as in the model's container, which must fit beside the function.
    `rate_per_second` and `burst` are those of all who ask together: a page shows many thumbnails at once.
    """

    memory_mb: int = 2048
    timeout_seconds: int = 25
    rate_per_second: int = 100
    burst: int = 200

    def __post_init__(self) -> None:
        """Check the function, and that it ends before the API's wait for it."""
        require_function("thumbnails", memory_mb=self.memory_mb, timeout_seconds=self.timeout_seconds)
        most = limits.API_SECONDS.value
        require(self.timeout_seconds < most, f"thumbnails.timeout_seconds must be below {most}")
        require(
            1 <= self.rate_per_second <= self.burst, "thumbnails: 1 <= rate_per_second <= burst must hold"
        )
