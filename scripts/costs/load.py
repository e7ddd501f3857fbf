"""What an environment is to hold and to answer, and what that asks of its parts."""

import math
from dataclasses import dataclass

from scripts.costs import library, rates
from scripts.errors import CommandError
from stacks import prices
from stacks.prices import Node
from stacks.settings import Settings
from stacks.settings.model import RealTimeEndpoint, ServerlessEndpoint

DAYS = prices.HOURS_PER_MONTH / 24
SECONDS_PER_DAY = 24 * 3600
VCPUS = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32}


@dataclass(frozen=True, kw_only=True)
class Load:
    """A library and its use: so many `pictures`, of which so many have captions, searched so often.

    `new_per_day` arrive one by one. A page of results shows `thumbnails` of its hits.
    """

    pictures: int = 0
    captions: int = 0
    queries_per_day: float = 0
    new_per_day: float = 0
    thumbnails: float = 10
    picture_kb: float = 500
    dimension: int = 512

    @property
    def vectors(self) -> int:
        """What the index holds: a caption has a vector of its own."""
        return self.pictures + self.captions

    @property
    def queries_per_month(self) -> float:
        """Searches of a month."""
        return self.queries_per_day * DAYS

    @property
    def busy_queries_per_second(self) -> float:
        """Searches a second in the busiest hour."""
        return self.queries_per_day / SECONDS_PER_DAY * rates.BUSY_HOUR


@dataclass(frozen=True, kw_only=True)
class Need:
    """What there is of something, and what is needed of it."""

    what: str
    needed: float
    given: float
    unit: str
    remedy: str

    @property
    def is_met(self) -> bool:
        """Whether there is enough."""
        return self.needed <= self.given


def needs(settings: Settings, load: Load) -> tuple[Need, ...]:
    """Return what the load needs of memory, disk and model, beside what the settings give."""
    domain, copies = settings.domain, 1 + settings.index.replicas
    node = data_node(settings)
    graph = library.memory_bytes(
        load.vectors,
        dimension=load.dimension,
        bytes_per_dimension=library.BYTES_PER_DIMENSION[settings.index.quantisation],
    )
    disk = library.disk_gib(load.vectors, replicas=settings.index.replicas, rates=rates.LIBRARY)
    return (
        Need(
            what="memory of the index",
            needed=graph * copies / library.GIB,
            given=library.graph_gib(node) * domain.data_nodes,
            unit="GiB",
            remedy="larger or more data nodes, or index.quantisation",
        ),
        Need(
            what="disk of the index",
            needed=disk,
            given=domain.volume_gib * domain.data_nodes,
            unit="GiB",
            remedy="domain.volume_gib",
        ),
        _model(settings, load),
    )


def _model(settings: Settings, load: Load) -> Need:
    match settings.endpoint:
        case ServerlessEndpoint(max_concurrency=most):
            return Need(
                what="texts that the endpoint answers at once",
                needed=serverless_concurrency(load),
                given=most,
                unit="",
                remedy="endpoint.max_concurrency",
            )
        case RealTimeEndpoint(instance_type=kind, instance_count=count, scaling=scaling):
            return Need(
                what=f"instances {kind} for texts",
                needed=instances(kind, load),
                given=scaling.maximum if scaling else count,
                unit="",
                remedy="endpoint.scaling, endpoint.instance_count or a larger type",
            )


def serverless_concurrency(load: Load) -> int:
    """Return how many texts a serverless endpoint has to answer at once in the busiest hour."""
    seconds = rates.TEXT_SECONDS * rates.SERVERLESS_SLOWER
    return max(1, math.ceil(load.busy_queries_per_second * seconds / rates.UTILISATION))


def instances(instance_type: str, load: Load) -> int:
    """Return how many instances answer all texts of the busiest hour."""
    cores = vcpus(instance_type) / 2
    each = max(1.0, cores / rates.CORES_PER_TEXT) / rates.TEXT_SECONDS * rates.UTILISATION
    return max(1, math.ceil(load.busy_queries_per_second / each))


def vcpus(instance_type: str) -> int:
    """Return the virtual processors of an instance, by the size in its name. Raises CommandError."""
    size = instance_type.removesuffix(".search").rsplit(".", 1)[-1]
    if size not in VCPUS:
        raise price_unknown(instance_type)
    return VCPUS[size]


def data_node(settings: Settings) -> Node:
    """Return the type of the data nodes. Raises CommandError (``price_unknown``)."""
    node = prices.node(settings.domain.instance_type)
    if node is None:
        raise price_unknown(settings.domain.instance_type)
    return node


def price_unknown(kind: str) -> CommandError:
    """The error of a type that the table of prices lacks."""
    return CommandError(
        "price_unknown",
        f"stacks/prices.py has no price of {kind}. Look it up on AWS's price pages, and add it there.",
    )
