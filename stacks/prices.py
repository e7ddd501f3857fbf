"""List prices of AWS, in dollars: one dated table, which settings, estimates and documents read.

They were looked up once and are never fetched: check them against the AWS pricing calculator before you rely
on what is worked out from them. Other regions have other prices, most of them higher.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

AS_OF = "November 2026"
REGION = "us-east-1"
SOURCE = (
    "AWS's public price pages (API Gateway, CloudFront, CloudWatch, Cognito, ECR, EventBridge, KMS, "
    "Lambda, OpenSearch Service, PrivateLink, S3, SageMaker AI, SQS, Step Functions, WAF, X-Ray), us-east-1"
)
HOURS_PER_MONTH = 730


@dataclass(frozen=True, kw_only=True)
class Node:
    """A data node of OpenSearch Service; its largest gp3 volume is in GiB.

    A burstable one earns its processor time and loses it under load: for development.
    """

    name: str
    cores: int
    memory_gib: int
    volume_gib: int
    hour: float
    burstable: bool = False


NODES = (
    Node(name="r6g.large.search", cores=2, memory_gib=16, volume_gib=2_048, hour=0.167),
    Node(name="r6g.xlarge.search", cores=4, memory_gib=32, volume_gib=3_072, hour=0.335),
    Node(name="r6g.2xlarge.search", cores=8, memory_gib=64, volume_gib=6_144, hour=0.669),
    Node(name="r6g.4xlarge.search", cores=16, memory_gib=128, volume_gib=12_288, hour=1.339),
    Node(name="r6g.8xlarge.search", cores=32, memory_gib=256, volume_gib=16_384, hour=2.677),
    Node(name="r6g.12xlarge.search", cores=48, memory_gib=384, volume_gib=24_576, hour=4.016),
)
"""Those that searches of a library are planned on: much memory for the money."""

SMALL_NODES = (
    Node(name="t3.small.search", cores=2, memory_gib=2, volume_gib=100, hour=0.036, burstable=True),
    Node(name="t3.medium.search", cores=2, memory_gib=4, volume_gib=200, hour=0.073, burstable=True),
)

MANAGER_NODE_HOUR: Mapping[str, float] = MappingProxyType(
    {"m6g.large.search": 0.128, "m6g.xlarge.search": 0.256, "r6g.large.search": 0.167}
)
VOLUME_GB_MONTH = 0.122
"""gp3 storage of OpenSearch Service."""
VOLUME_IOPS_MONTH = 0.008
"""Each above those that are included, and likewise throughput in MiB/s."""
VOLUME_MB_SECOND_MONTH = 0.064

INSTANCE_HOUR: Mapping[str, float] = MappingProxyType(
    {
        "ml.c6i.large": 0.102,
        "ml.c6i.xlarge": 0.204,
        "ml.c6i.2xlarge": 0.408,
        "ml.c6i.4xlarge": 0.816,
        "ml.c6i.8xlarge": 1.632,
    }
)
"""Instances of SageMaker, which cost the same in endpoints and in batch transform."""
SERVERLESS_GB_SECOND = 0.00002
"""Of a serverless endpoint, while it answers."""
PROVISIONED_GB_SECOND = 0.000005
"""Of the concurrency that a serverless endpoint keeps warm: taken as a quarter, as Lambda's is. Check it."""
INFERENCE_GB = 0.016
"""Sent to an endpoint, or answered by it."""

S3_WRITE = 0.005 / 1000
"""PUT, COPY, POST or LIST of S3 Standard."""
S3_READ = 0.0004 / 1000
"""GET or HEAD of S3 Standard."""
S3_GB_MONTH = 0.023
"""The first 50 TB of S3 Standard."""
LAMBDA_GB_SECOND = 0.0000133334
"""On arm64."""
LAMBDA_REQUEST = 0.20 / 1_000_000
STATE_TRANSITION = 0.025 / 1000
"""Of a standard workflow."""
REST_REQUEST = 3.50 / 1_000_000
"""Of a REST API, the first 333 million of a month."""
EVENT = 1.00 / 1_000_000
"""Of S3, sent to EventBridge."""
QUEUE_REQUEST = 0.40 / 1_000_000
LOG_GB = 0.50
"""Taken in by CloudWatch Logs."""
LOG_GB_MONTH = 0.03
METRIC_MONTH = 0.30
ALARM_MONTH = 0.10
DASHBOARD_MONTH = 3.00
"""Each after the first three of an account, which are free."""
TRACE = 5.00 / 1_000_000
KEY_MONTH = 1.00
KEY_REQUEST = 0.03 / 10_000
ENDPOINT_HOUR = 0.01
"""An interface endpoint of a VPC, in each of its zones."""
ENDPOINT_GB = 0.01
MACHINE_CLIENT_MONTH = 6.00
"""A client of a user pool that gets tokens by client credentials; those of people cost nothing."""
MACHINE_TOKEN = 2.25 / 1000
"""Each token of such a client, the first of a month."""
WEB_ACL_MONTH = 5.00
WEB_ACL_RULE_MONTH = 1.00
WEB_ACL_REQUEST = 0.60 / 1_000_000
PAGE_REQUEST = 1.00 / 1_000_000
"""Of CloudFront over HTTPS, after the ten million a month that are free."""
IMAGE_GB_MONTH = 0.10
"""In a repository of ECR."""


def node(name: str) -> Node | None:
    """Return the data node of this type, or None where the table lacks it."""
    return next((each for each in (*NODES, *SMALL_NODES) if each.name == name), None)
