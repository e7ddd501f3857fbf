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
AttributeType = Literal["keyword", "number", "boolean", "date"]

_ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
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
        require_between("domain.availability_zones", self.availability_zones, 1, 3)
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
