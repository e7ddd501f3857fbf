"""Where vectors lie and how they are searched: the domain, and the indices in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from stacks import limits
from stacks.settings.checks import require, require_between

Engine = Literal["faiss", "lucene"]
Space = Literal["cosinesimil", "l2"]
Quantisation = Literal["none", "fp16", "byte", "on_disk"]
AttributeType = Literal["keyword", "number", "boolean", "date"]

_ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_QUANTISED_BY: Mapping[Quantisation, Engine] = MappingProxyType(
    {"fp16": "faiss", "byte": "lucene", "on_disk": "faiss"}
)
"""The only engine that makes vectors smaller in each of these ways by itself."""
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


@dataclass(frozen=True, kw_only=True)
class DomainSettings:
    """The OpenSearch domain.

    Dedicated managers are three. With `standby` one of three zones holds a copy that answers nothing until
    another zone fails. `volume_iops` and `volume_throughput` (MiB/s) are those of each node's gp3 volume.
    Changes that take new nodes happen in the ten hours from `off_peak_hour` (UTC; None is AWS's own choice,
    the region's night), and so do updates of the service's software with `automatic_updates`.

    With `fine_grained_access` the domain itself decides, besides IAM, who may do what with which indices. It
    cannot be taken back.

    `emulated` says that the endpoint of the domain is an OpenSearch on this machine, as the local emulator
    answers it: plain HTTP, and no k-NN library but lucene's.
    """

    engine_version: str
    instance_type: str
    data_nodes: int
    availability_zones: int
    volume_gib: int
    volume_iops: int = limits.VOLUME_BASE_IOPS.value
    volume_throughput: int = limits.VOLUME_BASE_THROUGHPUT.value
    manager_instance_type: str | None = None
    standby: bool = False
    off_peak_hour: int | None = None
    automatic_updates: bool = True
    fine_grained_access: bool = False
    emulated: bool = False

    def __post_init__(self) -> None:
        """Check what the service would refuse after half an hour."""
        for name in (self.instance_type, self.manager_instance_type or "x.search"):
            require(name.endswith(".search"), f"domain: instance type {name!r} lacks '.search'")
        require_between("domain.availability_zones", self.availability_zones, 1, limits.DOMAIN_ZONES.value)
        spread = self.data_nodes >= 1 and self.data_nodes % self.availability_zones == 0
        require(spread, f"domain.data_nodes must be a multiple of the zones, not {self.data_nodes}")
        least = limits.DOMAIN_MINIMUM_VOLUME.value
        require(
            self.volume_gib >= least, f"domain.volume_gib must be at least {least}, not {self.volume_gib}"
        )
        require(
            _version(self.engine_version) >= (2, 19), "domain.engine_version must be OpenSearch_2.19 or later"
        )
        self._check_volume()
        self._check_standby()
        require_between("domain.off_peak_hour", self.off_peak_hour or 0, 0, 23)
        governed = self.fine_grained_access and self.emulated
        require(not governed, "domain: the OpenSearch of this machine has no fine_grained_access")

    def _check_volume(self) -> None:
        base, most = limits.VOLUME_BASE_IOPS.value, limits.VOLUME_IOPS.value
        # What is included comes with a volume of any size.
        most = max(base, min(most, self.volume_gib * limits.VOLUME_IOPS_PER_GIB.value))
        require_between("domain.volume_iops", self.volume_iops, base, most)
        base, most = limits.VOLUME_BASE_THROUGHPUT.value, limits.VOLUME_THROUGHPUT.value
        most = min(most, self.volume_iops // limits.VOLUME_IOPS_PER_THROUGHPUT.value)
        require_between("domain.volume_throughput", self.volume_throughput, base, most)

    def _check_standby(self) -> None:
        spread = self.availability_zones == limits.DOMAIN_ZONES.value
        managers = self.manager_instance_type or "none"
        steady = not any(kind.startswith("t") for kind in (self.instance_type, managers))
        require(
            not self.standby or (managers != "none" and spread and steady),
            "domain.standby needs three availability_zones, a manager_instance_type, and no burstable type",
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
    `quantisation` is what the graph keeps of a vector's numbers in memory: all, halves, bytes, or bits; the
    candidates are compared by their whole vectors, from the disk. The next index that is made has it.
    `attributes` are those that pictures may have, with their types. One that is added can be used after the
    next deployment; one of another type needs another name.
    """

    engine: Engine
    space: Space = "cosinesimil"
    quantisation: Quantisation = "none"
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
        kinds = get_args(Quantisation)
        require(
            self.quantisation in kinds,
            f"index.quantisation must be one of {', '.join(kinds)}, not {self.quantisation!r}",
        )
        engine = _QUANTISED_BY.get(self.quantisation, self.engine)
        require(
            engine == self.engine, f"index.quantisation {self.quantisation!r} needs index.engine {engine!r}"
        )
        require(self.shards >= 1, f"index.shards must be at least 1, not {self.shards}")
        require(self.replicas >= 0, f"index.replicas must not be negative, but is {self.replicas}")
        # With fewer candidates than 100 the recall of lucene's graph falls measurably.
        require_between("index.ef_search", self.ef_search, 100, limits.NEIGHBOURS.value)
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
