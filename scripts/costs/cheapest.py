"""The cheapest settings that hold a load: every node type, quantisation and kind of endpoint is tried."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from scripts.costs import library, rates
from scripts.costs.estimate import estimate
from scripts.costs.load import Load, instances, serverless_concurrency
from stacks import limits, prices
from stacks.settings import Settings
from stacks.settings.model import RealTimeEndpoint, ServerlessEndpoint
from stacks.settings.search import DomainSettings, Quantisation

SERVERLESS_MEMORY_MB = 4096
"""Holds CLIP ViT-B/32: the model server stays below 2 GiB with it."""

MOST_NODES = 80
"""The first quota of instances of a domain (L-6408ABDE); it can be raised."""

BY_ENGINE: dict[str, tuple[Quantisation, ...]] = {
    "faiss": ("none", "fp16", "on_disk"),
    "lucene": ("none", "byte"),
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Settings that hold the load, and what they cost a month."""

    settings: Settings
    month: float

    @property
    def lines(self) -> tuple[str, ...]:
        """What to write into `stacks/settings/environments.py`."""
        domain = self.settings.domain
        return (
            f'domain: instance_type="{domain.instance_type}", data_nodes={domain.data_nodes}, '
            f"volume_gib={domain.volume_gib}",
            f'index: quantisation="{self.settings.index.quantisation}", shards={self.settings.index.shards}',
            f"endpoint: {_endpoint(self.settings)}",
        )


def cheapest(settings: Settings, load: Load) -> dict[Quantisation, Choice]:
    """Return the cheapest choice, and for each quantisation of the engine that saves money its cheapest one.

    Zones and copies stay as they are set. What is kept smaller is searched less exactly: which loss is worth
    the money is not for this to say, so one that saves nothing is left out.
    """
    found: dict[Quantisation, Choice] = {}
    for quantisation in BY_ENGINE[settings.index.engine]:
        choices = [_choice(each, load) for each in _candidates(settings, load, quantisation)]
        best = min(choices, key=lambda each: each.month, default=None)
        if best is not None and all(best.month < other.month for other in found.values()):
            found[quantisation] = best
    return found


def _choice(settings: Settings, load: Load) -> Choice:
    return Choice(settings=settings, month=estimate(settings, load).month)


def _candidates(settings: Settings, load: Load, quantisation: Quantisation) -> Iterator[Settings]:
    least = replace(
        settings.domain,
        data_nodes=max(settings.domain.availability_zones, 1 + settings.index.replicas),
        volume_gib=limits.DOMAIN_MINIMUM_VOLUME.value,
    )
    small = replace(settings, domain=_rounded(least))
    shards = max(settings.index.shards, library.index_shards(load.vectors, rates=rates.LIBRARY))
    index = replace(settings.index, quantisation=quantisation, shards=shards)
    for node in _nodes(settings):
        held = library.domain(
            load.vectors,
            node,
            bytes_per_dimension=library.BYTES_PER_DIMENSION[quantisation],
            dimension=load.dimension,
            settings=small,
            rates=rates.LIBRARY,
        )
        if held.nodes > MOST_NODES:
            continue
        domain = replace(
            small.domain, instance_type=node.name, data_nodes=held.nodes, volume_gib=held.volume_gib
        )
        for endpoint in _endpoints(settings, load):
            yield replace(settings, domain=domain, index=index, endpoint=endpoint)


def _rounded(domain: DomainSettings) -> DomainSettings:
    """The domain with as many nodes in each zone."""
    zones = domain.availability_zones
    return replace(domain, data_nodes=-(-domain.data_nodes // zones) * zones)


def _nodes(settings: Settings) -> tuple[prices.Node, ...]:
    """Burstable nodes hold what nobody depends on: one node, in one zone."""
    alone = settings.domain.availability_zones == 1 and not settings.retain_data
    return (*prices.SMALL_NODES, *prices.NODES) if alone else prices.NODES


def _endpoints(settings: Settings, load: Load) -> Iterator[ServerlessEndpoint | RealTimeEndpoint]:
    concurrency = serverless_concurrency(load)
    if concurrency <= limits.SERVERLESS_CONCURRENCY.value and not settings.network.models:
        given = settings.endpoint
        least = given.max_concurrency if isinstance(given, ServerlessEndpoint) else concurrency
        yield ServerlessEndpoint(memory_mb=SERVERLESS_MEMORY_MB, max_concurrency=max(least, concurrency))
    # One in each of two zones, where the data are in several, too.
    least = min(2, settings.domain.availability_zones)
    for kind in prices.INSTANCE_HOUR:
        yield RealTimeEndpoint(instance_type=kind, instance_count=max(least, instances(kind, load)))


def _endpoint(settings: Settings) -> str:
    match settings.endpoint:
        case ServerlessEndpoint(memory_mb=memory, max_concurrency=most):
            return f"ServerlessEndpoint(memory_mb={memory}, max_concurrency={most})"
        case RealTimeEndpoint(instance_type=kind, instance_count=count):
            return f'RealTimeEndpoint(instance_type="{kind}", instance_count={count})'
