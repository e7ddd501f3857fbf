"""The settings of each component: frozen, and checked when they are made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from stacks import limits

Architecture = Literal["arm64", "x86_64"]
ContainerImage = Literal["huggingface", "slim"]
Engine = Literal["faiss", "lucene"]
Space = Literal["cosinesimil", "l2"]
AttributeType = Literal["keyword", "number", "boolean", "date"]
LogRetentionDays = Literal[7, 30, 90, 365]

_GRAVITON = re.compile(r"ml\.[a-z]+\d+g[a-z]*\.")
_IMAGE_ADDRESS = re.compile(r"[a-z0-9./_-]+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?")
_ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_ORIGIN = re.compile(r"https?://[a-zA-Z0-9.*-]+(:(\d+|\*))?")
_METADATA_FIELDS = ("title", "caption", "tags", "attributes")
_ATTRIBUTES: Mapping[str, AttributeType] = MappingProxyType(
    {
        "category": "keyword",
        "brand": "keyword",
        "price": "number",
        "album": "keyword",
        "taken": "date",
        "favourite": "boolean",
    }
)


class SettingsError(ValueError):
    """Settings that no deployment can have; the message names the setting and what it may be."""


def require(condition: bool, message: str) -> None:
    """Raise SettingsError with `message` unless `condition` holds."""
    if not condition:
        raise SettingsError(message)


def _require_between(name: str, value: int, low: int, high: int) -> None:
    require(low <= value <= high, f"{name} must be from {low} to {high}, not {value}")


def _require_function(name: str, *, memory_mb: int, timeout_seconds: int) -> None:
    low, high = limits.LAMBDA_MINIMUM_MEMORY.value, limits.LAMBDA_MEMORY.value
    _require_between(f"{name}.memory_mb", memory_mb, low, high)
    _require_between(f"{name}.timeout_seconds", timeout_seconds, 1, limits.LAMBDA_SECONDS.value)


def _require_instances(name: str, instance_type: str, count: int) -> None:
    require(instance_type.startswith("ml."), f"{name}.instance_type {instance_type!r} lacks 'ml.'")
    require(
        not _GRAVITON.match(instance_type),
        f"{name}.instance_type {instance_type!r} has an Arm processor; image and artifact are for x86-64",
    )
    require(count >= 1, f"{name}.instance_count must be at least 1, not {count}")


@dataclass(frozen=True, kw_only=True)
class ServerlessEndpoint:
    """A model served without instances: nothing to pay while idle, a cold start after it."""

    memory_mb: int
    max_concurrency: int

    def __post_init__(self) -> None:
        """Check the memory step and the ranges of the service."""
        step, most = limits.SERVERLESS_MEMORY_STEP.value, limits.SERVERLESS_MEMORY.value
        _require_between("endpoint.memory_mb", self.memory_mb, step, most)
        require(
            self.memory_mb % step == 0,
            f"endpoint.memory_mb must be a multiple of {step}, not {self.memory_mb}",
        )
        _require_between(
            "endpoint.max_concurrency", self.max_concurrency, 1, limits.SERVERLESS_CONCURRENCY.value
        )

    @property
    def max_payload_bytes(self) -> int:
        """Largest request the endpoint accepts."""
        return limits.SERVERLESS_PAYLOAD.value


@dataclass(frozen=True, kw_only=True)
class RealTimeEndpoint:
    """A model on instances of its own: no cold start, paid by the hour."""

    instance_type: str
    instance_count: int

    def __post_init__(self) -> None:
        """Check the form of the instance type and that there is an instance."""
        _require_instances("endpoint", self.instance_type, self.instance_count)

    @property
    def max_payload_bytes(self) -> int:
        """Largest request the endpoint accepts."""
        return limits.REAL_TIME_PAYLOAD.value


@dataclass(frozen=True, kw_only=True)
class ContainerSettings:
    """What the models run in.

    `image` is SageMaker's own for Hugging Face, which brings torch, or the slim one of `serving_image/`,
    which is built while the environment is deployed, on `base_image`: Debian 13 with the Python that the
    artifacts' wheels are for. With a digest (`@sha256:`) that is the same for ever, else what its tag means
    on the day of the build. Without a registry's name it is Docker Hub's, which limits anonymous downloads: a
    mirror of your own has no such limit.
    """

    image: ContainerImage = "huggingface"
    base_image: str = "python:3.12-slim-trixie"

    def __post_init__(self) -> None:
        """Check the image's name and the form of the base image's address."""
        known = get_args(ContainerImage)
        require(self.image in known, f"container.image must be one of {', '.join(known)}, not {self.image!r}")
        require(
            bool(_IMAGE_ADDRESS.fullmatch(self.base_image)),
            f"container.base_image must be such as registry/name:tag@sha256:…, not {self.base_image!r}",
        )


@dataclass(frozen=True, kw_only=True)
class DomainSettings:
    """The OpenSearch domain.

    `emulated` says that the endpoint of the domain is an OpenSearch on this machine, as the local emulator
    answers it: plain HTTP, and no k-NN library but lucene's.
    """

    engine_version: str
    instance_type: str
    data_nodes: int
    availability_zones: int
    volume_gib: int
    manager_instance_type: str | None = None
    emulated: bool = False

    def __post_init__(self) -> None:
        """Check what the service would refuse after half an hour."""
        for name in (self.instance_type, self.manager_instance_type or "x.search"):
            require(name.endswith(".search"), f"domain: instance type {name!r} lacks '.search'")
        _require_between("domain.availability_zones", self.availability_zones, 1, 3)
        spread = self.data_nodes >= 1 and self.data_nodes % self.availability_zones == 0
        require(spread, f"domain.data_nodes must be a multiple of the zones, not {self.data_nodes}")
        least = limits.DOMAIN_MINIMUM_VOLUME.value
        require(
            self.volume_gib >= least, f"domain.volume_gib must be at least {least}, not {self.volume_gib}"
        )
        require(
            _version(self.engine_version) >= (2, 19), "domain.engine_version must be OpenSearch_2.19 or later"
        )

    @property
    def scheme(self) -> str:
        """Scheme of the domain's address."""
        return "http" if self.emulated else "https"


def _version(engine_version: str) -> tuple[int, int]:
    product, _, number = engine_version.partition("_")
    major, _, minor = number.partition(".")
    known = product == "OpenSearch" and major.isdecimal() and minor.isdecimal()
    require(known, f"domain.engine_version must be such as OpenSearch_3.3, not {engine_version!r}")
    return int(major), int(minor)


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """How vectors are indexed and searched.

    `engine` is the k-NN library, `space` the distance, `ef_search` the candidates looked at by a search.
    `attributes` are those that pictures may have, with their types. One that is added can be used after the
    next deployment; one of another type needs another name.
    """

    engine: Engine
    space: Space = "cosinesimil"
    shards: int = 1
    replicas: int = 0
    ef_search: int = 200
    attributes: Mapping[str, AttributeType] = field(default_factory=lambda: _ATTRIBUTES)

    def __post_init__(self) -> None:
        """Check the names OpenSearch knows and the ranges."""
        require(
            self.engine in ("faiss", "lucene"), f"index.engine must be faiss or lucene, not {self.engine!r}"
        )
        require(
            self.space in ("cosinesimil", "l2"), f"index.space must be cosinesimil or l2, not {self.space!r}"
        )
        require(self.shards >= 1, f"index.shards must be at least 1, not {self.shards}")
        require(self.replicas >= 0, f"index.replicas must not be negative, but is {self.replicas}")
        # With fewer candidates than 100 the recall of lucene's graph falls measurably.
        _require_between("index.ef_search", self.ef_search, 100, limits.NEIGHBOURS.value)
        for name, kind in self.attributes.items():
            _require_attribute(name, kind)


def _require_attribute(name: str, kind: str) -> None:
    """Check a name that S3 keeps as it is (it lowers all cases), and a type that has a mapping."""
    require(
        bool(_ATTRIBUTE_NAME.fullmatch(name)) and name not in _METADATA_FIELDS,
        f"index.attributes: {name!r} must be up to 64 lower-case letters, digits, - and _, beginning with a "
        f"letter, and none of {', '.join(_METADATA_FIELDS)}",
    )
    kinds = get_args(AttributeType)
    require(kind in kinds, f"index.attributes: {name} must be one of {', '.join(kinds)}, not {kind!r}")


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
    """The way of a picture from an event to the index."""

    memory_mb: int = 512
    timeout_seconds: int = 120
    invoke_timeout_seconds: int = 60
    batch_size: int = 10
    max_concurrency: int = 5
    max_receives: int = 5

    def __post_init__(self) -> None:
        """Check the ranges, and that the function outlives the call that it waits for."""
        _require_function("ingest", memory_mb=self.memory_mb, timeout_seconds=self.timeout_seconds)
        _require_between(
            "ingest.invoke_timeout_seconds", self.invoke_timeout_seconds, 1, limits.INVOCATION_SECONDS.value
        )
        outlives = self.invoke_timeout_seconds < self.timeout_seconds
        require(outlives, "ingest.invoke_timeout_seconds must be shorter than ingest.timeout_seconds")
        _require_between("ingest.batch_size", self.batch_size, 1, limits.QUEUE_BATCH.value)
        low, high = limits.QUEUE_MINIMUM_CONCURRENCY.value, limits.QUEUE_CONCURRENCY.value
        _require_between("ingest.max_concurrency", self.max_concurrency, low, high)
        require(self.max_receives >= 1, f"ingest.max_receives must be at least 1, not {self.max_receives}")
        _require_between(
            "ingest: visibility timeout", self.visibility_seconds, 1, limits.QUEUE_VISIBILITY_SECONDS.value
        )

    @property
    def visibility_seconds(self) -> int:
        """Visibility timeout of the queue: the multiple of the function's timeout that Lambda asks for."""
        return self.timeout_seconds * limits.QUEUE_VISIBILITY_FACTOR.value


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """The query API. `rate_per_second` and `burst` are those of the usage plan, per key.

    Pages of `web_origins` may send pictures to the image bucket and read them from it; an origin may hold one
    asterisk. A running function keeps the vectors of the last `encode_cache_size` texts and pictures.
    `fetch_urls` lets searches name pictures by their addresses on the public web, which the function fetches.
    """

    memory_mb: int = 1024
    timeout_seconds: int = 28
    invoke_timeout_seconds: int = 20
    rate_per_second: int = 20
    burst: int = 40
    max_results: int = 100
    url_ttl_seconds: int = 900
    encode_cache_size: int = 1000
    fetch_urls: bool = False
    web_origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges, and that every wait ends before the one around it."""
        _require_function("api", memory_mb=self.memory_mb, timeout_seconds=self.timeout_seconds)
        within = self.invoke_timeout_seconds < self.timeout_seconds < limits.API_SECONDS.value
        require(
            within, f"api: invoke_timeout_seconds < timeout_seconds < {limits.API_SECONDS.value} must hold"
        )
        require(1 <= self.rate_per_second <= self.burst, "api: 1 <= rate_per_second <= burst must hold")
        _require_between("api.max_results", self.max_results, 1, limits.NEIGHBOURS.value)
        _require_between("api.url_ttl_seconds", self.url_ttl_seconds, 1, limits.PRESIGNED_SECONDS.value)
        # As Python's numbers, 10,000 vectors of 512 take some 160 MB.
        _require_between("api.encode_cache_size", self.encode_cache_size, 1, 10_000)
        for origin in self.web_origins:
            known = _ORIGIN.fullmatch(origin) and origin.count("*") <= 1
            require(bool(known), f"api.web_origins must be such as https://search.example, not {origin!r}")


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
        _require_function("thumbnails", memory_mb=self.memory_mb, timeout_seconds=self.timeout_seconds)
        most = limits.API_SECONDS.value
        require(self.timeout_seconds < most, f"thumbnails.timeout_seconds must be below {most}")
        require(
            1 <= self.rate_per_second <= self.burst, "thumbnails: 1 <= rate_per_second <= burst must hold"
        )


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
        _require_instances("bulk", self.instance_type, self.instance_count)
        price, days = self.instance_price_per_hour, self.reconcile_days
        require(price is None or price > 0, f"bulk.instance_price_per_hour must be above 0, not {price}")
        require(days is None or days >= 1, f"bulk.reconcile_days must be at least 1, not {days}")
        self._check_requests()
        _require_between("bulk.index_concurrency", self.index_concurrency, 1, limits.MAP_CONCURRENCY.value)
        _require_function("bulk", memory_mb=self.memory_mb, timeout_seconds=self.timeout_seconds)
        _require_function(
            "bulk.index", memory_mb=self.index_memory_mb, timeout_seconds=self.index_timeout_seconds
        )

    def _check_requests(self) -> None:
        _require_between("bulk.max_payload_mb", self.max_payload_mb, 1, limits.TRANSFORM_PAYLOAD.value)
        concurrent = self.max_concurrent_transforms * self.max_payload_mb
        most = limits.TRANSFORM_CONCURRENT_PAYLOAD.value
        require(
            self.max_payload_mb <= concurrent <= most,
            f"bulk: max_concurrent_transforms x max_payload_mb must be at most {most}, not {concurrent}",
        )
        _require_between(
            "bulk.invocation_timeout_seconds",
            self.invocation_timeout_seconds,
            1,
            limits.TRANSFORM_SECONDS.value,
        )
        _require_between(
            "bulk.invocation_retries", self.invocation_retries, 0, limits.TRANSFORM_RETRIES.value
        )


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
        _require_between("migration.sample", self.sample, 1, limits.NEIGHBOURS.value)
        _require_function("migration", memory_mb=self.memory_mb, timeout_seconds=self.timeout_seconds)
