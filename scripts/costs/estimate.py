"""What an environment costs a month, part by part: arithmetic on settings, load, rates and list prices."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from scripts.costs import library, rates
from scripts.costs.load import DAYS, Load, Need, data_node, instances, needs, price_unknown
from stacks import limits, prices
from stacks.prices import HOURS_PER_MONTH
from stacks.settings import Settings
from stacks.settings.model import RealTimeEndpoint, ServerlessEndpoint

GB = 1_000_000_000
KB_PER_GB = 1_000_000
MINUTES_PER_MONTH = HOURS_PER_MONTH * 60
QUEUE_POLLS = 5 * MINUTES_PER_MONTH * 60 / 20
"""Lambda keeps five readers at an idle queue, each of which waits twenty seconds."""
PICTURE_ASKED_BYTES = 10_000
"""What an endpoint is sent and answers for one picture or text, in all."""

# What the stacks have of these, at most; a test counts them in the templates.
INTERFACE_ENDPOINTS = 1
KEYS = 1
FIREWALL_RULES = 7
MACHINE_CLIENTS = 1
DASHBOARDS = 1
ALARMS = 24
METRICS = 18
"""Of the application itself: eight of searches, four of ingest, four of bulk runs, two of the canary."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Dollars a month: `idle` whether anybody searches or not, `used` by use."""

    name: str
    idle: float = 0.0
    used: float = 0.0
    how: str = ""

    @property
    def month(self) -> float:
        """Both together."""
        return self.idle + self.used


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What an environment costs under a load, and what embedding the library costs `once`."""

    environment: str
    load: Load
    parts: tuple[Part, ...]
    needs: tuple[Need, ...]
    once: library.Costs | None

    @property
    def idle(self) -> float:
        """Dollars a month when nobody searches."""
        return sum(part.idle for part in self.parts)

    @property
    def month(self) -> float:
        """Dollars a month."""
        return sum(part.month for part in self.parts)

    @property
    def holds(self) -> bool:
        """Whether memory, disk and model suffice."""
        return all(need.is_met for need in self.needs)


def estimate(settings: Settings, load: Load) -> Estimate:
    """Return the estimate. Raises CommandError (``price_unknown``)."""
    once = None
    if load.pictures and settings.bulk.instance_price_per_hour is not None:
        once = library.costs(library.counts(load.vectors), settings=settings, rates=rates.LIBRARY)
    parts = tuple(part for part in _parts(settings, load) if part.month > 0)
    return Estimate(environment=settings.name, load=load, parts=parts, needs=needs(settings, load), once=once)


def _parts(settings: Settings, load: Load) -> Iterator[Part]:
    yield from _domain(settings)
    for model in settings.models:
        yield endpoint(settings, load, name=f"Endpoint of {model}")
    yield _query_function(settings, load)
    yield Part(name="API Gateway", used=load.queries_per_month * prices.REST_REQUEST, how="searches")
    yield _thumbnails(settings, load)
    yield _ingest(settings, load)
    yield _storage(load)
    yield _reconciling(settings, load)
    if settings.encryption == "customer":
        yield Part(
            name="Key (KMS)", idle=KEYS * prices.KEY_MONTH, how="requests of S3 are kept few by bucket keys"
        )
    if settings.network.is_private:
        yield _network(settings, load)
    if settings.api.authorisation == "cognito":
        yield _machines(settings)
    if settings.api.firewall:
        yield _firewall(load)
    if settings.web is not None:
        requests = load.queries_per_month * (1 + load.thumbnails)
        paid = max(0.0, requests - 10_000_000)
        yield Part(name="Page (CloudFront)", used=paid * prices.PAGE_REQUEST, how="after 10 million requests")
    if settings.container.image == "slim":
        yield Part(name="Image repository (ECR)", idle=1 * prices.IMAGE_GB_MONTH, how="about 1 GB")
    yield _logs(settings, load)
    if settings.monitoring is not None:
        yield _monitoring(settings)


def _domain(settings: Settings) -> Iterator[Part]:
    domain, node = settings.domain, data_node(settings)
    yield Part(
        name="Domain: data nodes",
        idle=domain.data_nodes * node.hour * HOURS_PER_MONTH,
        how=f"{domain.data_nodes} × {node.name}",
    )
    if domain.manager_instance_type is not None:
        hour = prices.MANAGER_NODE_HOUR.get(domain.manager_instance_type)
        if hour is None:
            raise price_unknown(domain.manager_instance_type)
        yield Part(
            name="Domain: manager nodes",
            idle=library.MANAGER_NODES * hour * HOURS_PER_MONTH,
            how=f"{library.MANAGER_NODES} × {domain.manager_instance_type}",
        )
    gib = domain.data_nodes * domain.volume_gib
    faster = (domain.volume_iops - limits.VOLUME_BASE_IOPS.value) * prices.VOLUME_IOPS_MONTH
    faster += (domain.volume_throughput - limits.VOLUME_BASE_THROUGHPUT.value) * prices.VOLUME_MB_SECOND_MONTH
    yield Part(
        name="Domain: volumes",
        idle=gib * prices.VOLUME_GB_MONTH + domain.data_nodes * faster,
        how=f"{gib} GiB gp3",
    )


def endpoint(settings: Settings, load: Load, *, name: str = "Endpoint") -> Part:
    """Return what one model's endpoint costs: texts of searches, and pictures that arrive one by one."""
    seconds = load.queries_per_month * rates.TEXT_SECONDS + load.new_per_day * DAYS * rates.PICTURE_SECONDS
    match settings.endpoint:
        case ServerlessEndpoint(memory_mb=memory, provisioned=provisioned):
            gb, kept = memory / 1024, 0 if provisioned is None else provisioned.minimum
            calls = load.queries_per_month + load.new_per_day * DAYS
            used = seconds * rates.SERVERLESS_SLOWER * gb * prices.SERVERLESS_GB_SECOND
            return Part(
                name=name,
                idle=kept * gb * HOURS_PER_MONTH * 3600 * prices.PROVISIONED_GB_SECOND,
                used=used + calls * PICTURE_ASKED_BYTES / GB * prices.INFERENCE_GB,
                how=f"serverless, {memory} MB" + (f", {kept} kept warm" if kept else ""),
            )
        case RealTimeEndpoint(instance_type=kind, instance_count=count):
            hour = prices.INSTANCE_HOUR.get(kind)
            if hour is None:
                raise price_unknown(kind)
            # More instances serve for the hours that ask for them, taken as eight of a day.
            more = max(0, instances(kind, load) - count) / 3
            return Part(
                name=name,
                idle=count * hour * HOURS_PER_MONTH,
                used=more * hour * HOURS_PER_MONTH,
                how=f"{count} × {kind}",
            )


def _function(calls: float, *, seconds: float, memory_mb: int) -> float:
    return calls * (prices.LAMBDA_REQUEST + seconds * memory_mb / 1024 * prices.LAMBDA_GB_SECOND)


def _query_function(settings: Settings, load: Load) -> Part:
    each = {"seconds": rates.QUERY_SECONDS, "memory_mb": settings.api.memory_mb}
    canary = settings.monitoring.canary_minutes if settings.monitoring else None
    watched = MINUTES_PER_MONTH / canary if canary else 0.0
    return Part(
        name="Query function",
        idle=_function(watched, **each),  # type: ignore[arg-type]
        used=_function(load.queries_per_month, **each),  # type: ignore[arg-type]
        how=f"{settings.api.memory_mb} MB",
    )


def _thumbnails(settings: Settings, load: Load) -> Part:
    shown = load.queries_per_month * load.thumbnails
    calls = _function(shown, seconds=rates.THUMBNAIL_SECONDS, memory_mb=settings.thumbnails.memory_mb)
    reads = shown * 2 * prices.S3_READ
    return Part(
        name="Thumbnails",
        used=calls + shown * prices.REST_REQUEST + reads,
        how=f"{load.thumbnails:g} a search: API Gateway, function, S3",
    )


def _ingest(settings: Settings, load: Load) -> Part:
    pictures = load.new_per_day * DAYS
    calls = _function(pictures, seconds=rates.INGEST_SECONDS, memory_mb=settings.ingest.memory_mb)
    events = pictures * (prices.EVENT + 3 * prices.QUEUE_REQUEST + prices.S3_WRITE + 4 * prices.S3_READ)
    return Part(
        name="Live ingest",
        idle=QUEUE_POLLS * prices.QUEUE_REQUEST,
        used=calls + events,
        how="queue, function",
    )


def _storage(load: Load) -> Part:
    embeddings = load.vectors * rates.EMBEDDING_BYTES / GB
    gigabytes = load.pictures * load.picture_kb / KB_PER_GB + embeddings
    return Part(
        name="S3",
        idle=gigabytes * prices.S3_GB_MONTH,
        how=f"pictures of {load.picture_kb:g} KB, and their embeddings",
    )


def _reconciling(settings: Settings, load: Load) -> Part:
    """Return the runs over everything: they list and compare, and embed only what differs."""
    days = settings.bulk.reconcile_days
    if not days or not load.pictures:
        return Part(name="Reconciling")
    counted = library.counts(load.pictures)
    seconds = counted.plan_calls * rates.LIBRARY.plan_call
    memory = seconds * settings.bulk.memory_mb / 1024 * prices.LAMBDA_GB_SECOND
    lists = counted.plan_calls * library.PAGE_WRITES * prices.S3_WRITE
    states = counted.plan_calls * library.PAGE_TRANSITIONS * prices.STATE_TRANSITION
    return Part(name="Reconciling", idle=(memory + lists + states) * DAYS / days, how=f"every {days} days")


def _network(settings: Settings, load: Load) -> Part:
    zones = settings.network.zones
    gigabytes = (load.queries_per_month + load.new_per_day * DAYS) * PICTURE_ASKED_BYTES / GB
    return Part(
        name="Network (interface endpoint)",
        idle=INTERFACE_ENDPOINTS * zones * prices.ENDPOINT_HOUR * HOURS_PER_MONTH,
        used=gigabytes * prices.ENDPOINT_GB,
        how=f"{INTERFACE_ENDPOINTS} in {zones} zones",
    )


def _machines(settings: Settings) -> Part:
    """Return the client of programs, and the canary's tokens: one lasts for as long as it is kept."""
    canary = settings.monitoring.canary_minutes if settings.monitoring else None
    tokens = 0.0
    if canary is not None:
        is_kept = canary <= rates.FUNCTION_KEPT_MINUTES
        tokens = MINUTES_PER_MONTH / (settings.users.token_minutes if is_kept else canary)
    return Part(
        name="Machines' sign-in (Cognito)",
        idle=MACHINE_CLIENTS * prices.MACHINE_CLIENT_MONTH + tokens * prices.MACHINE_TOKEN,
        how=f"{MACHINE_CLIENTS} client, {tokens:,.0f} tokens of the canary",
    )


def _firewall(load: Load) -> Part:
    requests = load.queries_per_month * (1 + load.thumbnails)
    return Part(
        name="Firewall (WAF)",
        idle=prices.WEB_ACL_MONTH + FIREWALL_RULES * prices.WEB_ACL_RULE_MONTH,
        used=requests * prices.WEB_ACL_REQUEST,
        how=f"{FIREWALL_RULES} rules",
    )


def _logs(settings: Settings, load: Load) -> Part:
    gigabytes = load.queries_per_month * rates.LOG_BYTES_PER_QUERY / GB
    kept = gigabytes * settings.functions.log_retention_days / DAYS * prices.LOG_GB_MONTH
    traces = load.queries_per_month * rates.TRACED_SHARE * prices.TRACE if settings.functions.tracing else 0.0
    return Part(name="Logs and traces", used=gigabytes * prices.LOG_GB + kept + traces, how="searches")


def _monitoring(settings: Settings) -> Part:
    assert settings.monitoring is not None
    alarms = ALARMS if settings.monitoring.alarms else 0
    return Part(
        name="Metrics, alarms, dashboard",
        idle=METRICS * prices.METRIC_MONTH
        + alarms * prices.ALARM_MONTH
        + DASHBOARDS * prices.DASHBOARD_MONTH,
        how=f"{METRICS} metrics, {alarms} alarms",
    )


def without_use(settings: Settings) -> Estimate:
    """Return what an empty environment costs that nobody uses."""
    return estimate(settings, replace(Load(), thumbnails=0))
