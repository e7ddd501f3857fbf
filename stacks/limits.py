"""Every service quota that this application meets, with its source: one table for code and documents.

Settings are validated against it, functions and containers receive the values that bind them as environment
variables, and `python -m stacks.limits` prints the table as `docs/limits.md`.
"""

import sys
from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One quota: what it bounds, its value in `unit`, the page that states it, and where it is held here."""

    name: str
    value: int
    unit: str
    source: str
    held_by: str

    def __post_init__(self) -> None:
        """Refuse a limit without a positive value: a typing error would switch off whatever relies on it."""
        if self.value <= 0:
            raise ValueError(f"{self.name}: a limit is positive, not {self.value}")


_SERVERLESS = "Amazon SageMaker AI Developer Guide: Deploy models with Amazon SageMaker Serverless Inference"
_REAL_TIME = "Amazon SageMaker AI API Reference: InvokeEndpoint"
_LAMBDA = "AWS Lambda Developer Guide: Lambda quotas"
_LAMBDA_SQS = "AWS Lambda Developer Guide: Using Lambda with Amazon SQS"
_API = "Amazon API Gateway Developer Guide: Quotas for configuring and running a REST API"
_SQS = "Amazon SQS Developer Guide: Amazon SQS message quotas"
_TRANSFORM = "Amazon SageMaker AI API Reference: CreateTransformJob"
_TRANSFORM_CLIENT = "Amazon SageMaker AI API Reference: ModelClientConfig"
_STATES = "AWS Step Functions Developer Guide: Step Functions service quotas"
_DOMAIN = "Amazon OpenSearch Service Developer Guide: Amazon OpenSearch Service quotas"
_FIREWALL = "AWS WAF Developer Guide: Rate-based rule caveats and high-level settings"
_VOLUME = "Amazon OpenSearch Service Developer Guide: EBS volume types of a domain (gp3)"
_EBS = "Amazon EBS User Guide: General Purpose SSD volumes"
_SETTINGS = "validation of the settings"

SERVERLESS_PAYLOAD = Limit(
    name="SageMaker serverless endpoint: request payload",
    # The page says 4 MB: read in decimal, so that no reading of it is exceeded.
    value=4_000_000,
    unit="bytes",
    source=_SERVERLESS,
    held_by="`MAX_ENDPOINT_PAYLOAD_BYTES` of the functions",
)
SERVERLESS_MEMORY_STEP = Limit(
    name="SageMaker serverless endpoint: memory sizes are multiples of",
    value=1024,
    unit="MB",
    source=_SERVERLESS,
    held_by=_SETTINGS,
)
SERVERLESS_MEMORY = Limit(
    name="SageMaker serverless endpoint: memory",
    value=6144,
    unit="MB",
    source=_SERVERLESS,
    held_by=_SETTINGS,
)
SERVERLESS_CONCURRENCY = Limit(
    name="SageMaker serverless endpoint: concurrent invocations",
    value=200,
    unit="invocations",
    source=_SERVERLESS,
    held_by=_SETTINGS,
)
REAL_TIME_PAYLOAD = Limit(
    name="SageMaker real-time endpoint: request payload",
    value=6 * MIB,
    unit="bytes",
    source=_REAL_TIME,
    held_by="`MAX_ENDPOINT_PAYLOAD_BYTES` of the functions",
)
INVOCATION_SECONDS = Limit(
    name="SageMaker endpoint: time for one invocation",
    value=60,
    unit="seconds",
    source=_REAL_TIME,
    held_by="validation of the settings, `INVOKE_TIMEOUT_SECONDS` of the functions",
)
LAMBDA_PAYLOAD = Limit(
    name="Lambda: synchronous request, and response",
    value=6 * MIB,
    unit="bytes",
    source=_LAMBDA,
    held_by="`MAX_REQUEST_BYTES` of the query function",
)
LAMBDA_SECONDS = Limit(
    name="Lambda: function timeout", value=900, unit="seconds", source=_LAMBDA, held_by=_SETTINGS
)
LAMBDA_MEMORY = Limit(name="Lambda: memory", value=10_240, unit="MB", source=_LAMBDA, held_by=_SETTINGS)
LAMBDA_MINIMUM_MEMORY = Limit(
    name="Lambda: smallest memory", value=128, unit="MB", source=_LAMBDA, held_by=_SETTINGS
)
LAMBDA_ENVIRONMENT = Limit(
    name="Lambda: all environment variables together",
    value=4 * KIB,
    unit="bytes",
    source=_LAMBDA,
    held_by="the function construct",
)
API_PAYLOAD = Limit(
    name="API Gateway REST API: request payload",
    value=10 * MIB,
    unit="bytes",
    source=_API,
    held_by="API Gateway itself, answered as `request_too_large`",
)
API_SECONDS = Limit(
    name="API Gateway REST API: integration timeout",
    value=29,
    unit="seconds",
    source=_API,
    held_by="validation of the settings, timeout of the integration",
)
QUEUE_VISIBILITY_FACTOR = Limit(
    name="SQS before Lambda: visibility timeout, as a multiple of the function's timeout, at least",
    value=6,
    unit="times",
    source=_LAMBDA_SQS,
    held_by="the ingest queue",
)
QUEUE_VISIBILITY_SECONDS = Limit(
    name="SQS: visibility timeout", value=43_200, unit="seconds", source=_SQS, held_by=_SETTINGS
)
QUEUE_BATCH = Limit(
    name="SQS before Lambda: messages of a batch without a batching window",
    value=10,
    unit="messages",
    source=_LAMBDA_SQS,
    held_by=_SETTINGS,
)
QUEUE_CONCURRENCY = Limit(
    name="SQS before Lambda: maximum concurrency",
    value=1000,
    unit="invocations",
    source=_LAMBDA_SQS,
    held_by=_SETTINGS,
)
QUEUE_MINIMUM_CONCURRENCY = Limit(
    name="SQS before Lambda: smallest maximum concurrency",
    value=2,
    unit="invocations",
    source=_LAMBDA_SQS,
    held_by=_SETTINGS,
)
QUEUE_RETENTION_DAYS = Limit(
    name="SQS: message retention", value=14, unit="days", source=_SQS, held_by="the dead-letter queue"
)
EVENT_RETRY_HOURS = Limit(
    name="EventBridge: time for which the delivery of an event is retried",
    value=24,
    unit="hours",
    source="Amazon EventBridge User Guide: How EventBridge retries delivering events",
    held_by="the ingest rule, whose undelivered events go to the dead-letter queue",
)
DOMAIN_NAME = Limit(
    name="OpenSearch Service: domain name", value=28, unit="characters", source=_DOMAIN, held_by=_SETTINGS
)
DOMAIN_MINIMUM_VOLUME = Limit(
    name="OpenSearch Service: smallest EBS volume of a node",
    value=10,
    unit="GiB",
    source=_DOMAIN,
    held_by=_SETTINGS,
)
DOMAIN_ZONES = Limit(
    name="OpenSearch Service: Availability Zones of a domain",
    value=3,
    unit="zones",
    source="Amazon OpenSearch Service Developer Guide: Configuring a multi-AZ domain",
    held_by=_SETTINGS,
)
DOMAIN_MANAGERS = Limit(
    name="OpenSearch Service: dedicated manager nodes, as many as can lose one",
    value=3,
    unit="nodes",
    source="Amazon OpenSearch Service Developer Guide: Dedicated master nodes",
    held_by="the domain",
)
VOLUME_BASE_IOPS = Limit(
    name="gp3 volume of a domain's node: IOPS that are included",
    value=3000,
    unit="IOPS",
    source=_VOLUME,
    held_by=_SETTINGS,
)
VOLUME_IOPS = Limit(
    name="gp3 volume of a domain's node below 3 TiB: IOPS",
    value=16_000,
    unit="IOPS",
    source=_VOLUME,
    held_by=_SETTINGS,
)
VOLUME_BASE_THROUGHPUT = Limit(
    name="gp3 volume of a domain's node: throughput that is included",
    value=125,
    unit="MiB/s",
    source=_VOLUME,
    held_by=_SETTINGS,
)
VOLUME_THROUGHPUT = Limit(
    name="gp3 volume of a domain's node below 3 TiB: throughput",
    value=1000,
    unit="MiB/s",
    source=_VOLUME,
    held_by=_SETTINGS,
)
VOLUME_IOPS_PER_GIB = Limit(
    name="gp3 volume: provisioned IOPS for each GiB",
    value=500,
    unit="IOPS",
    source=_EBS,
    held_by=_SETTINGS,
)
VOLUME_IOPS_PER_THROUGHPUT = Limit(
    name="gp3 volume: IOPS for each provisioned MiB/s, at least",
    value=4,
    unit="IOPS",
    source=_EBS,
    held_by=_SETTINGS,
)
VPC_LARGEST_PREFIX = Limit(
    name="VPC: prefix of the largest block of addresses",
    value=16,
    unit="bits",
    source="Amazon VPC User Guide: VPC CIDR blocks",
    held_by=_SETTINGS,
)
NEIGHBOURS = Limit(
    name="OpenSearch k-NN: neighbours asked for (k)",
    value=10_000,
    unit="neighbours",
    source="OpenSearch documentation: k-NN query",
    held_by=_SETTINGS,
)
DIMENSIONS = Limit(
    name="OpenSearch k-NN: dimensions of a vector",
    value=16_000,
    unit="dimensions",
    source="OpenSearch documentation: k-NN vector",
    held_by="validation of the model lock",
)
DOCUMENT_ID = Limit(
    name="OpenSearch: document id",
    value=512,
    unit="bytes",
    source="OpenSearch documentation: Index document",
    held_by="ids are 32 hexadecimal digits of the key's digest",
)
TRANSFORM_PAYLOAD = Limit(
    name="SageMaker batch transform: payload of a request",
    value=100,
    unit="MB",
    source=_TRANSFORM,
    held_by=_SETTINGS,
)
TRANSFORM_CONCURRENT_PAYLOAD = Limit(
    name="SageMaker batch transform: concurrent requests of an instance times their payload",
    value=100,
    unit="MB",
    source=_TRANSFORM,
    held_by=_SETTINGS,
)
TRANSFORM_SECONDS = Limit(
    name="SageMaker batch transform: time for one invocation",
    value=3600,
    unit="seconds",
    source=_TRANSFORM_CLIENT,
    held_by=_SETTINGS,
)
TRANSFORM_RETRIES = Limit(
    name="SageMaker batch transform: retries of an invocation",
    value=3,
    unit="retries",
    source=_TRANSFORM_CLIENT,
    held_by=_SETTINGS,
)
TRANSFORM_JOB_NAME = Limit(
    name="SageMaker batch transform: job name",
    value=63,
    unit="characters",
    source=_TRANSFORM,
    held_by="the lengths of an environment's and a run's name",
)
STATE_PAYLOAD = Limit(
    name="Step Functions: input or output of a state",
    value=256 * KIB,
    unit="bytes",
    source=_STATES,
    held_by="keys instead of lists between the bulk run's states, and the map's result in S3",
)
STATE_HISTORY = Limit(
    name="Step Functions: events in the history of an execution",
    value=25_000,
    unit="events",
    source=_STATES,
    held_by="10,000 keys a planning step: some 35 million keys a bulk run",
)
MAP_CONCURRENCY = Limit(
    name="Step Functions: parallel child executions of a distributed map",
    value=10_000,
    unit="executions",
    source=_STATES,
    held_by=_SETTINGS,
)
PRESIGNED_SECONDS = Limit(
    name="S3: life of a presigned address",
    value=604_800,
    unit="seconds",
    source="Amazon S3 User Guide: Download and upload objects with presigned URLs",
    held_by=_SETTINGS,
)
FIREWALL_MINIMUM_RATE = Limit(
    name="WAF rate-based rule: smallest limit of requests in its window",
    value=10,
    unit="requests",
    source=_FIREWALL,
    held_by=_SETTINGS,
)
FIREWALL_RATE = Limit(
    name="WAF rate-based rule: largest limit of requests in its window",
    value=2_000_000_000,
    unit="requests",
    source=_FIREWALL,
    held_by=_SETTINGS,
)

LIMITS: tuple[Limit, ...] = tuple(limit for limit in list(globals().values()) if isinstance(limit, Limit))

# Room that an API Gateway event needs beside the body: headers (10,240 bytes at most) stand in it twice, the
# query string likewise, and the request context follows.
EVENT_OVERHEAD_BYTES = 64 * KIB

# The model answers a shard's records in one response, each with a key (1 KiB), what S3 keeps with the object
# (at most 8 KiB are passed on), what is told of the picture (less than 1 KiB) and its vector as text.
ANSWERED_RECORDS = 256
ANSWERED_FACTS_BYTES = 10 * KIB
ANSWERED_NUMBER_BYTES = len("-0.12345678,")

# Largest object that the model's container reads as a picture, and so the largest that can be uploaded.
PICTURE_BYTES = 50 * MIB


def max_request_body_bytes() -> int:
    """Return the largest body that Lambda accepts from API Gateway, as it stands in the event (base64)."""
    return LAMBDA_PAYLOAD.value - EVENT_OVERHEAD_BYTES


def max_dimension() -> int:
    """Return the length of the longest vectors with which a full shard's answers fit into one response."""
    each = REAL_TIME_PAYLOAD.value // ANSWERED_RECORDS - ANSWERED_FACTS_BYTES
    return min(DIMENSIONS.value, each // ANSWERED_NUMBER_BYTES)


def render_markdown() -> str:
    """Return `docs/limits.md`: one table row per limit, in the order of this module."""
    rows = [f"| {x.name} | {x.value:,} {x.unit} | {x.held_by} | {x.source} |" for x in LIMITS]
    return "\n".join([_HEADING, *rows, ""])


_HEADING = """# Limits

Quotas of the services, as the application holds them. Written by `python -m stacks.limits > docs/limits.md`.

| Limit | Value | Held by | Source |
|---|---|---|---|"""


if __name__ == "__main__":
    sys.stdout.write(render_markdown())
