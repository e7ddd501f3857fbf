"""The environments and what they differ in: `local`, `dev`, `staging`, `prod`, and `verify` on request."""

import platform
import sys
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from stacks.prices import INSTANCE_HOUR
from stacks.settings.api import ApiSettings
from stacks.settings.bulk import BulkSettings, MigrationSettings
from stacks.settings.environment import Settings
from stacks.settings.functions import FunctionSettings, IngestSettings
from stacks.settings.model import InstanceScaling, RealTimeEndpoint, ServerlessEndpoint
from stacks.settings.monitoring import MonitoringSettings
from stacks.settings.network import NetworkSettings
from stacks.settings.search import DomainSettings, IndexSettings
from stacks.settings.users import UserSettings
from stacks.settings.web import WebSettings


def _this_machines_functions() -> FunctionSettings:
    # The emulator runs functions on an interpreter of this machine, whatever their runtime declares.
    arm = platform.machine().lower() in ("aarch64", "arm64")
    return FunctionSettings(
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        architecture="arm64" if arm else "x86_64",
        wheels_of_this_machine=True,
        tracing=False,
    )


LOCAL = Settings(
    name="local",
    models=("demo",),
    endpoint=ServerlessEndpoint(memory_mb=4096, max_concurrency=4),
    domain=DomainSettings(
        engine_version="OpenSearch_2.19",
        instance_type="t3.small.search",
        data_nodes=1,
        availability_zones=1,
        volume_gib=10,
        emulated=True,
    ),
    index=IndexSettings(engine="lucene"),
    bulk=BulkSettings(instance_type="ml.c6i.large", instance_count=1, index_concurrency=2),
    migration=MigrationSettings(drain_hours=0),
    functions=_this_machines_functions(),
    # A picture whose ingest failed is tried again after the visibility timeout, six times this one.
    ingest=IngestSettings(timeout_seconds=30, invoke_timeout_seconds=10, max_concurrency=2),
    # One caller measures and tests here as fast as it can.
    api=ApiSettings(rate_per_second=200, burst=400, web_origins=("http://localhost:*", "http://127.0.0.1:*")),
    web=WebSettings(),
    emulator_url="http://127.0.0.1:4566",
    monitoring=None,
)

DEV = Settings(
    name="dev",
    models=("clip-vit-b-32",),
    endpoint=ServerlessEndpoint(memory_mb=4096, max_concurrency=5),
    domain=DomainSettings(
        engine_version="OpenSearch_3.3",
        instance_type="t3.small.search",
        data_nodes=1,
        availability_zones=1,
        volume_gib=10,
    ),
    index=IndexSettings(engine="faiss"),
    bulk=BulkSettings(
        instance_type="ml.c6i.2xlarge",
        instance_count=1,
        instance_price_per_hour=INSTANCE_HOUR["ml.c6i.2xlarge"],
    ),
    migration=MigrationSettings(drain_hours=1),
    web=WebSettings(),
    # What is looked at by those who work on it wakes nobody.
    monitoring=MonitoringSettings(alarms=False),
    empty_buckets=True,
)

STAGING = Settings(
    name="staging",
    models=("clip-vit-b-32",),
    models_from="dev",
    endpoint=ServerlessEndpoint(memory_mb=6144, max_concurrency=20),
    domain=DomainSettings(
        engine_version="OpenSearch_3.3",
        instance_type="r6g.large.search",
        data_nodes=2,
        availability_zones=2,
        volume_gib=50,
        fine_grained_access=True,
    ),
    index=IndexSettings(engine="faiss", replicas=1),
    bulk=BulkSettings(
        instance_type="ml.c6i.4xlarge",
        instance_count=1,
        instance_price_per_hour=INSTANCE_HOUR["ml.c6i.4xlarge"],
        reconcile_days=7,
    ),
    migration=MigrationSettings(drain_hours=24),
    # As in prod, so that what was tried here is what runs there: a missing route, grant or role shows.
    network=NetworkSettings(kind="vpc", zones=2),
    encryption="customer",
    api=ApiSettings(authorisation="cognito", firewall=True),
    web=WebSettings(),
    monitoring=MonitoringSettings(canary_minutes=30, slow_search_ms=10_000),
    empty_buckets=True,
)

PROD = Settings(
    name="prod",
    models=("clip-vit-b-32",),
    models_from="staging",
    endpoint=RealTimeEndpoint(
        instance_type="ml.c6i.xlarge",
        instance_count=2,
        # Two cores embed some 1000 pictures or 2400 texts a minute (60 and 25 ms each): half of the former.
        scaling=InstanceScaling(maximum=6, invocations_per_minute=500),
    ),
    domain=DomainSettings(
        engine_version="OpenSearch_3.3",
        instance_type="r6g.large.search",
        data_nodes=3,
        availability_zones=3,
        volume_gib=100,
        manager_instance_type="m6g.large.search",
        fine_grained_access=True,
    ),
    index=IndexSettings(engine="faiss", shards=3, replicas=1),
    bulk=BulkSettings(
        instance_type="ml.c6i.4xlarge",
        instance_count=4,
        instance_price_per_hour=INSTANCE_HOUR["ml.c6i.4xlarge"],
        index_concurrency=8,
        reconcile_days=7,
    ),
    migration=MigrationSettings(drain_hours=168),
    functions=FunctionSettings(log_retention_days=365),
    ingest=IngestSettings(max_concurrency=20),
    api=ApiSettings(authorisation="cognito", firewall=True, rate_per_second=100, burst=200),
    users=UserSettings(multi_factor="required", threat_protection=True),
    web=WebSettings(),
    network=NetworkSettings(kind="vpc", models=True),
    encryption="customer",
    monitoring=MonitoringSettings(canary_minutes=5),
    retain_data=True,
)

# The smallest that shows what the emulator cannot: `dev` with models that are made here and kept small.
VERIFY = replace(
    DEV,
    name="verify",
    models=("demo", "demo-256"),
    endpoint=ServerlessEndpoint(memory_mb=4096, max_concurrency=2),
    bulk=replace(
        DEV.bulk, instance_type="ml.c6i.xlarge", instance_price_per_hour=INSTANCE_HOUR["ml.c6i.xlarge"]
    ),
    migration=MigrationSettings(drain_hours=0),
    web=None,
)

ENVIRONMENTS: Mapping[str, Settings] = MappingProxyType({x.name: x for x in (LOCAL, DEV, STAGING, PROD)})

ON_REQUEST: Mapping[str, Settings] = MappingProxyType({VERIFY.name: VERIFY})
"""What is there for an hour: synthesized where the context `environment` names it, in place of the others."""
