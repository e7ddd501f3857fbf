"""The settings of one environment, and what concerns more than one component of it."""

from dataclasses import dataclass, field, replace

from stacks import limits
from stacks.settings.api import ApiSettings
from stacks.settings.bulk import BulkSettings, MigrationSettings
from stacks.settings.checks import require
from stacks.settings.functions import FunctionSettings, IngestSettings, ThumbnailSettings
from stacks.settings.model import ContainerSettings, RealTimeEndpoint, ServerlessEndpoint
from stacks.settings.search import DomainSettings, IndexSettings


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
