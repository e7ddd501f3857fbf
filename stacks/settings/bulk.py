"""What concerns whole libraries: bulk runs, and changes of the model."""

from dataclasses import dataclass

from stacks import limits
from stacks.settings.checks import require, require_between, require_function, require_instances


@dataclass(frozen=True, kw_only=True)
class BulkSettings:
    """The bulk run: the instances that embed a library, and the functions around them.

    `max_concurrent_transforms` requests are sent to each instance at once, each a shard of at most
    `max_payload_mb`. `index_concurrency` shards are indexed at once. `memory_mb` and `timeout_seconds` are
    those of the functions that plan, prepare and finish. `instance_price_per_hour` is in USD, for an estimate
    of what a run costs. Every `reconcile_days` a run over everything starts; None leaves that to people.
    """

    instance_type: str
    instance_count: int
    instance_price_per_hour: float | None = None
    reconcile_days: int | None = None
    # While the container works on one shard, the next one is on its way.
    max_concurrent_transforms: int = 2
    max_payload_mb: int = 6
    invocation_timeout_seconds: int = 600
    invocation_retries: int = 3
    index_concurrency: int = 4
    memory_mb: int = 1024
    timeout_seconds: int = 900
    index_memory_mb: int = 1024
    index_timeout_seconds: int = 900

    def __post_init__(self) -> None:
        """Check the ranges of batch transform, of the map and of the functions."""
        require_instances("bulk", self.instance_type, self.instance_count)
        price, days = self.instance_price_per_hour, self.reconcile_days
        require(price is None or price > 0, f"bulk.instance_price_per_hour must be above 0, not {price}")
        require(days is None or days >= 1, f"bulk.reconcile_days must be at least 1, not {days}")
        self._check_requests()
        require_between("bulk.index_concurrency", self.index_concurrency, 1, limits.MAP_CONCURRENCY.value)
        require_function("bulk", memory_mb=self.memory_mb, timeout_seconds=self.timeout_seconds)
        require_function(
            "bulk.index", memory_mb=self.index_memory_mb, timeout_seconds=self.index_timeout_seconds
        )

    def _check_requests(self) -> None:
        require_between("bulk.max_payload_mb", self.max_payload_mb, 1, limits.TRANSFORM_PAYLOAD.value)
        concurrent = self.max_concurrent_transforms * self.max_payload_mb
        most = limits.TRANSFORM_CONCURRENT_PAYLOAD.value
        require(
            self.max_payload_mb <= concurrent <= most,
            f"bulk: max_concurrent_transforms x max_payload_mb must be at most {most}, not {concurrent}",
        )
        require_between(
            "bulk.invocation_timeout_seconds",
            self.invocation_timeout_seconds,
            1,
            limits.TRANSFORM_SECONDS.value,
        )
        require_between("bulk.invocation_retries", self.invocation_retries, 0, limits.TRANSFORM_RETRIES.value)


@dataclass(frozen=True, kw_only=True)
class MigrationSettings:
    """The change of the model: what a new index must reach, and how long the old one stays after the switch.

    `min_recall` is the share of the ten really nearest pictures that a search must find, taken over `sample`
    pictures.
    """

    drain_hours: int
    min_recall: float = 0.95
    sample: int = 200
    memory_mb: int = 1024
    timeout_seconds: int = 900

    def __post_init__(self) -> None:
        """Check the ranges and the function."""
        require(self.drain_hours >= 0, f"migration.drain_hours must not be negative: {self.drain_hours}")
        require(0 <= self.min_recall <= 1, f"migration.min_recall must be from 0 to 1, not {self.min_recall}")
        require_between("migration.sample", self.sample, 1, limits.NEIGHBOURS.value)
        require_function("migration", memory_mb=self.memory_mb, timeout_seconds=self.timeout_seconds)
