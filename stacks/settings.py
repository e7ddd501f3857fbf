"""What the environments differ in, nested by component: each stack gets its slice.

An invalid value raises SettingsError when the module is imported, so no synth and no test passes by it.
"""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from stacks import limits
from stacks.component_settings import (
    ApiSettings,
    BulkSettings,
    ContainerSettings,
    DomainSettings,
    FunctionSettings,
    IndexSettings,
    IngestSettings,
    MigrationSettings,
    RealTimeEndpoint,
    ServerlessEndpoint,
    ThumbnailSettings,
    require,
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One environment.

    `models` are the deployed models by name, each with its own endpoint; a new index is made for the first.
    `retain_data` keeps buckets and domain when the stack goes; `empty_buckets` empties them instead.
    `alarms` makes the alarms. `account` None is the account of the credentials that deploy.
    """

    name: str
    models: tuple[str, ...]
    endpoint: ServerlessEndpoint | RealTimeEndpoint
    domain: DomainSettings
    index: IndexSettings
    bulk: BulkSettings
    migration: MigrationSettings
    container: ContainerSettings = field(default_factory=ContainerSettings)
    functions: FunctionSettings = field(default_factory=FunctionSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    api: ApiSettings = field(default_factory=ApiSettings)
    thumbnails: ThumbnailSettings = field(default_factory=ThumbnailSettings)
    region: str = "us-east-1"
    account: str | None = None
    retain_data: bool = False
    empty_buckets: bool = False
    alarms: bool = True

    def __post_init__(self) -> None:
        """Check what concerns more than one component."""
        require(
            len(set(self.models)) == len(self.models) > 0,
            f"{self.name}: models must be distinct, at least one",
        )
        lucene = self.index.engine == "lucene"
        # A faiss mapping is accepted by an OpenSearch without that library, and kills it at the next refresh.
        require(
            lucene or not self.domain.emulated, f"{self.name}: an emulated domain has the engine lucene only"
        )
        builds = self.container.image == "slim" and self.domain.emulated
        require(
            not builds, f"{self.name}: an emulated environment builds no image; it runs the slim one's stack"
        )
        hosted = self.index.replicas < self.domain.data_nodes
        require(hosted, f"{self.name}: index.replicas needs as many other data nodes, there are too few")
        require(
            not (self.retain_data and self.empty_buckets), f"{self.name}: retained buckets are not emptied"
        )
        longest = limits.DOMAIN_NAME.value
        require(len(self.domain_name) <= longest, f"{self.domain_name} is longer than {longest} characters")

    @property
    def domain_name(self) -> str:
        """Name of the domain. Fixed, because policies name it and a domain is never replaced unasked."""
        return f"imagesearch-{self.name}"

    @property
    def endpoint_prefix(self) -> str:
        """What every endpoint's name begins with; the first digits of the model's fingerprint follow."""
        return f"imagesearch-{self.name}-"

    def with_overrides(
        self,
        *,
        region: str | None = None,
        account: str | None = None,
        function_python: str | None = None,
        local_models: str | None = None,
    ) -> "Settings":
        """Return the settings with what the command line overrides.

        `function_python` and `local_models` concern the environment on this machine: the Python that runs its
        functions, and the models it serves, separated by commas. What runs in AWS is changed in this module,
        and reviewed.
        """
        changed = replace(self, region=region or self.region, account=account or self.account)
        if not self.domain.emulated:
            return changed
        functions = replace(self.functions, python=function_python or self.functions.python)
        models = tuple(local_models.split(",")) if local_models else self.models
        return replace(changed, functions=functions, models=models)


# List prices of us-east-1 as known in November 2026, not from a bill: a run's cost is an estimate.
_BATCH_USD_PER_HOUR = {"ml.c6i.2xlarge": 0.408, "ml.c6i.4xlarge": 0.816}


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
    alarms=False,
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
        instance_price_per_hour=_BATCH_USD_PER_HOUR["ml.c6i.2xlarge"],
    ),
    migration=MigrationSettings(drain_hours=1),
    empty_buckets=True,
)

STAGING = Settings(
    name="staging",
    models=("clip-vit-b-32",),
    endpoint=ServerlessEndpoint(memory_mb=6144, max_concurrency=20),
    domain=DomainSettings(
        engine_version="OpenSearch_3.3",
        instance_type="r6g.large.search",
        data_nodes=2,
        availability_zones=2,
        volume_gib=50,
    ),
    index=IndexSettings(engine="faiss", replicas=1),
    bulk=BulkSettings(
        instance_type="ml.c6i.4xlarge",
        instance_count=1,
        instance_price_per_hour=_BATCH_USD_PER_HOUR["ml.c6i.4xlarge"],
        reconcile_days=7,
    ),
    migration=MigrationSettings(drain_hours=24),
    empty_buckets=True,
)

PROD = Settings(
    name="prod",
    models=("clip-vit-b-32",),
    endpoint=RealTimeEndpoint(instance_type="ml.c6i.xlarge", instance_count=2),
    domain=DomainSettings(
        engine_version="OpenSearch_3.3",
        instance_type="r6g.large.search",
        data_nodes=3,
        availability_zones=3,
        volume_gib=100,
        manager_instance_type="m6g.large.search",
    ),
    index=IndexSettings(engine="faiss", shards=3, replicas=1),
    bulk=BulkSettings(
        instance_type="ml.c6i.4xlarge",
        instance_count=4,
        instance_price_per_hour=_BATCH_USD_PER_HOUR["ml.c6i.4xlarge"],
        index_concurrency=8,
        reconcile_days=7,
    ),
    migration=MigrationSettings(drain_hours=168),
    functions=FunctionSettings(log_retention_days=365),
    ingest=IngestSettings(max_concurrency=20),
    api=ApiSettings(rate_per_second=100, burst=200),
    retain_data=True,
)

ENVIRONMENTS: Mapping[str, Settings] = MappingProxyType({x.name: x for x in (LOCAL, DEV, STAGING, PROD)})
