"""The settings of one environment, and what concerns more than one component of it."""

import re
from dataclasses import dataclass, field, replace
from typing import Literal, cast, get_args

from stacks import limits
from stacks.settings.api import ApiSettings, Authorisation
from stacks.settings.bulk import BulkSettings, MigrationSettings
from stacks.settings.checks import require
from stacks.settings.functions import FunctionSettings, IngestSettings, ThumbnailSettings
from stacks.settings.model import ContainerSettings, RealTimeEndpoint, ServerlessEndpoint
from stacks.settings.monitoring import MonitoringSettings
from stacks.settings.network import NetworkSettings
from stacks.settings.search import DomainSettings, IndexSettings
from stacks.settings.users import UserSettings
from stacks.settings.web import WebSettings

Encryption = Literal["aws", "customer"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One environment.

    `models` are the deployed models by name, each with its own endpoint; a new index is made for the first.
    `models_from` is the environment, in the same account, whose artifacts a deployment takes where its own
    bucket lacks them: what was tried there is what runs here. None leaves packaging them.
    `retain_data` keeps buckets and domain when the stack goes; `empty_buckets` empties them instead.
    `encryption` says whose keys encrypt what is stored: those that AWS manages, or one of the environment's
    own, which can be watched and taken away. `monitoring` None is for a machine that nobody watches.
    `account` None is the account of the credentials that deploy. `emulator_url` is where the environment on
    this machine has its AWS, and None of the others.
    """

    name: str
    models: tuple[str, ...]
    models_from: str | None = None
    endpoint: ServerlessEndpoint | RealTimeEndpoint
    domain: DomainSettings
    index: IndexSettings
    bulk: BulkSettings
    migration: MigrationSettings
    container: ContainerSettings = field(default_factory=ContainerSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    encryption: Encryption = "aws"
    functions: FunctionSettings = field(default_factory=FunctionSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    api: ApiSettings = field(default_factory=ApiSettings)
    users: UserSettings = field(default_factory=UserSettings)
    web: WebSettings | None = None
    emulator_url: str | None = None
    thumbnails: ThumbnailSettings = field(default_factory=ThumbnailSettings)
    region: str = "us-east-1"
    account: str | None = None
    retain_data: bool = False
    empty_buckets: bool = False
    monitoring: MonitoringSettings | None = field(default_factory=MonitoringSettings)

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
        walled = self.api.firewall and self.domain.emulated
        require(
            not walled, f"{self.name}: the emulator knows no web ACL of an API; set api.firewall to False"
        )
        kinds = get_args(Encryption)
        require(self.encryption in kinds, f"{self.name}: encryption must be one of {', '.join(kinds)}")
        if self.network.is_private:
            self._check_network()
        require(
            self.web is None or self.api.authorisation != "iam",
            f"{self.name}: a page in a browser signs no requests: set web to None, or api.authorisation to "
            "'key' or 'cognito'",
        )
        self._check_emulator()
        copies = self.index.replicas + 1
        require(
            not self.domain.standby or copies % limits.DOMAIN_ZONES.value == 0,
            f"{self.name}: domain.standby needs a copy of the index in each zone: index.replicas 2 (or 5 …)",
        )
        hosted = self.index.replicas < self.domain.data_nodes
        require(hosted, f"{self.name}: index.replicas needs as many other data nodes, there are too few")
        require(
            not (self.retain_data and self.empty_buckets), f"{self.name}: retained buckets are not emptied"
        )
        longest = limits.DOMAIN_NAME.value
        require(len(self.domain_name) <= longest, f"{self.domain_name} is longer than {longest} characters")

    def _check_emulator(self) -> None:
        together = (self.emulator_url is not None) == self.domain.emulated
        require(together, f"{self.name}: emulator_url and domain.emulated go together")
        address = self.emulator_url or "http://127.0.0.1:4566"
        known = re.fullmatch(r"https?://127\.0\.0\.1:\d{1,5}", address)
        require(
            bool(known), f"{self.name}: emulator_url must be such as http://127.0.0.1:4566, not {address!r}"
        )

    def _check_network(self) -> None:
        require(not self.domain.emulated, f"{self.name}: the emulator has no VPC: network.kind 'public'")
        require(
            not self.api.fetch_urls,
            f"{self.name}: api.fetch_urls needs the internet, to which a VPC without NAT has no way: set it "
            "to False, or network.kind to 'public'",
        )
        require(
            self.domain.availability_zones <= self.network.zones,
            f"{self.name}: domain.availability_zones must not be more than network.zones",
        )
        serverless = isinstance(self.endpoint, ServerlessEndpoint)
        require(
            not (self.network.models and serverless),
            f"{self.name}: SageMaker runs no serverless endpoint in a VPC: network.models needs a "
            "RealTimeEndpoint; without it, functions reach the model by SageMaker's endpoint in the VPC",
        )

    @property
    def domain_name(self) -> str:
        """Name of the domain. Fixed, because policies name it and a domain is never replaced unasked."""
        return f"imagesearch-{self.name}"

    @property
    def page_origins(self) -> tuple[str, ...]:
        """The origins whose pages may use links and forms of the image bucket."""
        ours = () if self.web is None or self.domain.emulated else (self.web.origin,)
        return (*ours, *self.api.web_origins)

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
        local_authorisation: str | None = None,
        emulator_url: str | None = None,
        page_url: str | None = None,
    ) -> "Settings":
        """Return the settings with what the command line overrides.

        `function_python`, `local_models`, `local_authorisation`, `emulator_url` and `page_url` concern the
        environment on this machine: the Python that runs its functions, the models it serves, separated by
        commas, what its API asks of callers, and the addresses of the emulator and of the page. What runs in
        AWS is changed in this module, and reviewed.
        """
        changed = replace(self, region=region or self.region, account=account or self.account)
        if not self.domain.emulated:
            return changed
        functions = replace(self.functions, python=function_python or self.functions.python)
        models = tuple(local_models.split(",")) if local_models else self.models
        authorisation = cast(Authorisation, local_authorisation or self.api.authorisation)
        api = replace(self.api, authorisation=authorisation)
        return replace(
            changed,
            functions=functions,
            models=models,
            api=api,
            # A page in a browser signs no requests.
            web=None if authorisation == "iam" else _served_at(page_url, self.web),
            emulator_url=emulator_url or self.emulator_url,
        )


def _served_at(page_url: str | None, web: WebSettings | None) -> WebSettings | None:
    return replace(web, further_addresses=(page_url,)) if web and page_url else web
