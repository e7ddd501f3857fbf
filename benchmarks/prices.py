"""List prices of AWS in us-east-1, in dollars: looked up once and dated, never fetched. Check before relying.

That of batch transform stands in the settings, where a run's estimate takes it from.
"""

from dataclasses import dataclass

AS_OF = "November 2026"
SOURCE = "AWS's public price pages (SageMaker AI, OpenSearch Service, S3, Lambda, Step Functions), us-east-1"
HOURS_PER_MONTH = 730


@dataclass(frozen=True, kw_only=True)
class Node:
    """A data node of OpenSearch Service; its largest gp3 volume is in GiB."""

    name: str
    cores: int
    memory_gib: int
    volume_gib: int
    hour: float


NODES = (
    Node(name="r6g.large.search", cores=2, memory_gib=16, volume_gib=2_048, hour=0.167),
    Node(name="r6g.xlarge.search", cores=4, memory_gib=32, volume_gib=3_072, hour=0.335),
    Node(name="r6g.2xlarge.search", cores=8, memory_gib=64, volume_gib=6_144, hour=0.669),
    Node(name="r6g.4xlarge.search", cores=16, memory_gib=128, volume_gib=12_288, hour=1.339),
    Node(name="r6g.8xlarge.search", cores=32, memory_gib=256, volume_gib=16_384, hour=2.677),
    Node(name="r6g.12xlarge.search", cores=48, memory_gib=384, volume_gib=24_576, hour=4.016),
)
MANAGER_NODE_HOUR = {"m6g.large.search": 0.128}
VOLUME_GB_MONTH = 0.122
"""gp3 storage of OpenSearch Service."""

S3_WRITE = 0.005 / 1000
"""PUT, COPY, POST or LIST of S3 Standard."""
S3_READ = 0.0004 / 1000
"""GET or HEAD of S3 Standard."""
LAMBDA_GB_SECOND = 0.0000133334
"""On arm64."""
LAMBDA_REQUEST = 0.20 / 1_000_000
STATE_TRANSITION = 0.025 / 1000
"""Of a standard workflow."""
