"""What a library of any size takes: its bulk run, and the domain that holds it.

Pure arithmetic on settings, limits, rates and prices.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from imagesearch.bulk.entries import SHARD_RECORDS
from imagesearch.bulk.sources import PAGE_KEYS
from stacks import limits, prices
from stacks.prices import Node
from stacks.settings import Settings

GIB = 1024**3
SECONDS_PER_HOUR = 3600

BYTES_PER_DIMENSION: Mapping[str, float] = {
    "none": 4,
    "fp16": 2,
    "byte": 1,
    "on_disk": 1 / 8,
}
"""What a vector takes in memory, by the quantisation of the settings."""
NEIGHBOURS = 16
"""HNSW's M, which our mapping leaves at the plug-in's default."""
BREAKER = 0.5
"""The share of what the heap leaves of a node's memory that the k-NN plug-in takes, unless told otherwise."""
LARGEST_HEAP_GIB = 32
FREE_DISK = 0.95 * 0.8
"""What of a volume indices can have: the system keeps 5 %, the service 20 % (its guide to sizing domains)."""
SHARD_GIB = 30
"""The largest shard that the service's guide recommends where searches should be fast."""
MANAGER_NODES = 3

EVENTS_PER_PLAN_CALL = 7
"""Of an execution's history: the task entered, scheduled, started, succeeded and exited; the choice twice."""
EVENTS_KEPT_BACK = 100
"""For the execution's other states and their repetitions."""

PAGE_WRITES = PAGE_KEYS // 1000 + 1
"""LIST and PUT requests of a plan call, beside those of its shards."""
SHARD_WRITES = 6
"""A shard is written with its states, its answers and its result, and its range of keys is listed twice."""
SHARD_READS = 10
"""Shard, states, answers, result (twice) and the run are read; its first key is looked at twice."""
PAGE_TRANSITIONS, SHARD_TRANSITIONS, RUN_TRANSITIONS = 2, 2, 6
"""Of states: a plan call and its choice, a shard's execution and its only state, the run's other states."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How fast each part goes.

    Pictures a second of a transform instance; seconds of a plan call and of indexing a shard; documents a
    second that a core of OpenSearch takes; and the bytes of a document on the disk.
    """

    transform: float
    plan_call: float
    index_shard: float
    documents_per_core: float
    document_bytes: float


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a library is cut into."""

    pictures: int
    shards: int
    plan_calls: int
    runs: int


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Data nodes that hold an index, and what they cost a month with their volumes and managers."""

    node: Node
    nodes: int
    volume_gib: int
    month: float

    @property
    def cores(self) -> int:
        """Cores of all data nodes."""
        return self.nodes * self.node.cores


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Dollars of a library's bulk runs, once."""

    transform: float
    s3: float
    functions: float
    states: float

    @property
    def total(self) -> float:
        """All together."""
        return self.transform + self.s3 + self.functions + self.states


def keys_per_run() -> int:
    """Return how many keys one execution can plan before its history is full."""
    events = limits.STATE_HISTORY.value - EVENTS_KEPT_BACK
    return events // EVENTS_PER_PLAN_CALL * PAGE_KEYS


def counts(pictures: int) -> Counts:
    """Return shards, plan calls and runs; pages and shards are filled, as in a library that is all new."""
    return Counts(
        pictures=pictures,
        shards=math.ceil(pictures / PAGE_KEYS) * math.ceil(PAGE_KEYS / SHARD_RECORDS),
        plan_calls=math.ceil(pictures / PAGE_KEYS),
        runs=math.ceil(pictures / keys_per_run()),
    )


def memory_bytes(pictures: int, *, dimension: int, bytes_per_dimension: float) -> float:
    """Return the native memory of the graph of one copy of the index.

    Formula: k-NN plug-in, "Memory estimation" of HNSW: 1.1 × (bytes per dimension × d + 8 × M) a vector.
    """
    return 1.1 * (bytes_per_dimension * dimension + 8 * NEIGHBOURS) * pictures


def graph_gib(node: Node) -> float:
    """Return the memory of a node that graphs can have: half of what its heap leaves."""
    heap = min(node.memory_gib / 2, LARGEST_HEAP_GIB)
    return (node.memory_gib - heap) * BREAKER


def disk_gib(pictures: int, *, replicas: int, rates: Rates) -> float:
    """Return the volumes that the index needs with its replicas."""
    return pictures * rates.document_bytes * (1 + replicas) / FREE_DISK / GIB


def domain(
    pictures: int, node: Node, *, bytes_per_dimension: float, dimension: int, settings: Settings, rates: Rates
) -> Domain:
    """Return as many nodes as memory and disk need, the same number in each zone."""
    copies, zones = 1 + settings.index.replicas, settings.domain.availability_zones
    graph = (
        memory_bytes(pictures, dimension=dimension, bytes_per_dimension=bytes_per_dimension) * copies / GIB
    )
    disk = disk_gib(pictures, replicas=settings.index.replicas, rates=rates)
    needed = max(graph / graph_gib(node), disk / node.volume_gib)
    nodes = max(settings.domain.data_nodes, math.ceil(math.ceil(needed) / zones) * zones)
    volume = max(settings.domain.volume_gib, math.ceil(disk / nodes))
    manager = prices.MANAGER_NODE_HOUR.get(settings.domain.manager_instance_type or "", 0)
    hours = nodes * node.hour + MANAGER_NODES * manager
    month = hours * prices.HOURS_PER_MONTH + nodes * volume * prices.VOLUME_GB_MONTH
    return Domain(node=node, nodes=nodes, volume_gib=volume, month=month)


def cheapest_domain(
    pictures: int, *, bytes_per_dimension: float, dimension: int, settings: Settings, rates: Rates
) -> Domain:
    """Return the domain of the node type that costs least a month."""
    domains = (
        domain(
            pictures,
            node,
            bytes_per_dimension=bytes_per_dimension,
            dimension=dimension,
            settings=settings,
            rates=rates,
        )
        for node in prices.NODES
    )
    return min(domains, key=lambda each: each.month)


def index_shards(pictures: int, *, rates: Rates) -> int:
    """Return how many primary shards the index should have."""
    return math.ceil(pictures * rates.document_bytes / GIB / SHARD_GIB)


def plan_hours(library: Counts, rates: Rates) -> float:
    """Return the hours of all plan calls, which follow one another within a run."""
    return library.plan_calls * rates.plan_call / SECONDS_PER_HOUR


def transform_hours(library: Counts, *, settings: Settings, rates: Rates) -> float:
    """Return the hours of the transform jobs on the settings' instances."""
    return library.pictures / (rates.transform * settings.bulk.instance_count) / SECONDS_PER_HOUR


def index_hours(library: Counts, held_by: Domain, *, settings: Settings, rates: Rates) -> float:
    """Return the hours of indexing: what the functions need, or the nodes where these are slower."""
    functions = library.shards * rates.index_shard / settings.bulk.index_concurrency
    documents = library.pictures * (1 + settings.index.replicas)
    return max(functions, documents / (rates.documents_per_core * held_by.cores)) / SECONDS_PER_HOUR


def costs(library: Counts, *, settings: Settings, rates: Rates) -> Costs:
    """Return what the runs cost."""
    bulk = settings.bulk
    if bulk.instance_price_per_hour is None:
        raise ValueError(f"the settings {settings.name} name no price of {bulk.instance_type}")
    plan_gb = library.plan_calls * rates.plan_call * bulk.memory_mb / 1024
    index_gb = library.shards * rates.index_shard * bulk.index_memory_mb / 1024
    calls = library.plan_calls + library.shards
    writes = library.plan_calls * PAGE_WRITES + library.shards * SHARD_WRITES
    reads = library.pictures + library.shards * SHARD_READS
    transitions = (
        library.plan_calls * PAGE_TRANSITIONS
        + library.shards * SHARD_TRANSITIONS
        + library.runs * RUN_TRANSITIONS
    )
    instance_hours = library.pictures / rates.transform / SECONDS_PER_HOUR
    return Costs(
        transform=instance_hours * bulk.instance_price_per_hour,
        s3=writes * prices.S3_WRITE + reads * prices.S3_READ,
        functions=(plan_gb + index_gb) * prices.LAMBDA_GB_SECOND + calls * prices.LAMBDA_REQUEST,
        states=transitions * prices.STATE_TRANSITION,
    )
