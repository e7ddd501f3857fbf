"""The OpenSearch domain that holds the vectors, and who may call it how."""

from collections.abc import Mapping, Sequence
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_opensearchservice as opensearch
from constructs import Construct

from stacks import limits
from stacks.components.foundations.buckets import removal_policy
from stacks.components.foundations.log_retention import RETENTION
from stacks.components.foundations.network_private import PrivateNetwork
from stacks.components.foundations.permissions import acknowledge, allow
from stacks.settings import Settings
from stacks.settings.search import DomainSettings

Method = Literal["Delete", "Get", "Head", "Post", "Put"]
_METHODS: tuple[Method, ...] = ("Delete", "Get", "Head", "Post", "Put")
# OpenSearch Service writes each kind of log into a group of its own.
_LOG_KINDS = ("SEARCH_SLOW_LOGS", "INDEX_SLOW_LOGS", "ES_APPLICATION_LOGS")


class VectorDomain(Construct):
    """A k-NN domain: encrypted at rest and between nodes, TLS 1.2, open to signed requests of its account.

    It lies in `network` and is encrypted with `key` where these are given. `endpoint` is its full URL.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        network: PrivateNetwork | None = None,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._domain = domain = opensearch.CfnDomain(
            self,
            "Domain",
            domain_name=settings.domain_name,
            engine_version=settings.domain.engine_version,
            cluster_config=_cluster(settings.domain),
            ebs_options=_volume(settings.domain),
            encryption_at_rest_options=opensearch.CfnDomain.EncryptionAtRestOptionsProperty(
                enabled=True, kms_key_id=key.key_id if key else None
            ),
            node_to_node_encryption_options=opensearch.CfnDomain.NodeToNodeEncryptionOptionsProperty(
                enabled=True
            ),
            domain_endpoint_options=opensearch.CfnDomain.DomainEndpointOptionsProperty(
                enforce_https=True, tls_security_policy="Policy-Min-TLS-1-2-PFS-2023-10"
            ),
            vpc_options=_place(network, settings.domain) if network else None,
            off_peak_window_options=_off_peak(settings.domain),
            software_update_options=opensearch.CfnDomain.SoftwareUpdateOptionsProperty(
                auto_software_update_enabled=settings.domain.automatic_updates
            ),
            access_policies=_access_policy(self, settings),
            log_publishing_options=self._log_publishing(settings),
        )
        domain.apply_removal_policy(removal_policy(settings))
        domain.node.add_dependency(self._log_policy(settings))
        # Growing a domain must not replace it: a version upgrade happens in place.
        domain.cfn_options.update_policy = cdk.CfnUpdatePolicy(enable_version_upgrade=True)
        self.endpoint = f"{settings.domain.scheme}://{domain.attr_domain_endpoint}"
        acknowledge(domain, {"AwsSolutions-OS3": _NO_ADDRESSES})
        if network is None:
            acknowledge(domain, {"AwsSolutions-OS1": _PUBLIC})
        acknowledge(domain, _size_findings(settings.domain))

    def obey(self, role: iam.Role) -> None:
        """Let `role`, and at first nobody else, say who may do what with which indices."""
        self._domain.advanced_security_options = opensearch.CfnDomain.AdvancedSecurityOptionsInputProperty(
            enabled=True,
            internal_user_database_enabled=False,
            master_user_options=opensearch.CfnDomain.MasterUserOptionsProperty(master_user_arn=role.role_arn),
        )

    def _log_publishing(
        self, settings: Settings
    ) -> Mapping[str, opensearch.CfnDomain.LogPublishingOptionProperty]:
        self._log_groups = [
            logs.LogGroup(
                self,
                kind.title().replace("_", ""),
                retention=RETENTION[settings.functions.log_retention_days],
                removal_policy=cdk.RemovalPolicy.DESTROY,
            )
            for kind in _LOG_KINDS
        ]
        return {
            kind: opensearch.CfnDomain.LogPublishingOptionProperty(
                enabled=True, cloud_watch_logs_log_group_arn=group.log_group_arn
            )
            for kind, group in zip(_LOG_KINDS, self._log_groups, strict=True)
        }

    def _log_policy(self, settings: Settings) -> logs.ResourcePolicy:
        # One policy for the three groups: an account has room for ten in a region.
        return logs.ResourcePolicy(
            self,
            "LogPolicy",
            resource_policy_name=f"{settings.domain_name}-domain",
            policy_statements=[
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal("es.amazonaws.com")],
                    actions=["logs:PutLogEvents", "logs:CreateLogStream"],
                    resources=[group.log_group_arn for group in self._log_groups],
                    conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
                )
            ],
        )


def allow_requests(
    role: iam.Role, *, settings: Settings, methods: Sequence[Method], paths: Sequence[str], reason: str
) -> None:
    """Let `role` send requests of `methods` to `paths` of the environment's domain.

    A path may hold wildcards, for which `reason` is given. The policy names the domain: no reference to it.
    """
    allow(
        role,
        actions=[f"es:ESHttp{method}" for method in methods],
        resources=[f"{_arn(role, settings)}/{path}" for path in paths],
        wildcard=reason,
    )


def _arn(scope: Construct, settings: Settings) -> str:
    return cdk.Stack.of(scope).format_arn(service="es", resource="domain", resource_name=settings.domain_name)


def _access_policy(scope: Construct, settings: Settings) -> iam.PolicyDocument:
    # The account as a principal grants nothing by itself: each caller needs a policy of its own besides.
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                principals=[iam.AccountRootPrincipal()],
                actions=[f"es:ESHttp{method}" for method in _METHODS],
                resources=[f"{_arn(scope, settings)}/*"],
            )
        ]
    )


def _cluster(domain: DomainSettings) -> opensearch.CfnDomain.ClusterConfigProperty:
    zones = domain.availability_zones
    return opensearch.CfnDomain.ClusterConfigProperty(
        instance_type=domain.instance_type,
        instance_count=domain.data_nodes,
        dedicated_master_enabled=domain.manager_instance_type is not None,
        dedicated_master_type=domain.manager_instance_type,
        dedicated_master_count=limits.DOMAIN_MANAGERS.value if domain.manager_instance_type else None,
        zone_awareness_enabled=zones > 1,
        zone_awareness_config=opensearch.CfnDomain.ZoneAwarenessConfigProperty(availability_zone_count=zones)
        if zones > 1
        else None,
        multi_az_with_standby_enabled=domain.standby,
    )


def _volume(domain: DomainSettings) -> opensearch.CfnDomain.EBSOptionsProperty:
    return opensearch.CfnDomain.EBSOptionsProperty(
        ebs_enabled=True,
        volume_type="gp3",
        volume_size=domain.volume_gib,
        iops=domain.volume_iops,
        throughput=domain.volume_throughput,
    )


def _place(network: PrivateNetwork, domain: DomainSettings) -> opensearch.CfnDomain.VPCOptionsProperty:
    return opensearch.CfnDomain.VPCOptionsProperty(
        subnet_ids=[subnet.subnet_id for subnet in network.subnets[: domain.availability_zones]],
        security_group_ids=[network.domain.security_group_id],
    )


def _off_peak(domain: DomainSettings) -> opensearch.CfnDomain.OffPeakWindowOptionsProperty | None:
    if domain.off_peak_hour is None:
        return None
    begin = opensearch.CfnDomain.WindowStartTimeProperty(hours=domain.off_peak_hour, minutes=0)
    return opensearch.CfnDomain.OffPeakWindowOptionsProperty(
        enabled=True,
        off_peak_window=opensearch.CfnDomain.OffPeakWindowProperty(window_start_time=begin),
    )


_PUBLIC = (
    "Reached over TLS with signed requests, by choice of the settings: a VPC's endpoints have a fixed price."
)
_NO_ADDRESSES = "Callers are functions without fixed addresses: IAM decides, not an address list."


def _size_findings(domain: DomainSettings) -> dict[str, str]:
    findings = {}
    if domain.manager_instance_type is None:
        findings["AwsSolutions-OS4"] = (
            "Too small to gain from dedicated managers: its index can be rebuilt from S3."
        )
    if domain.availability_zones == 1:
        findings["AwsSolutions-OS7"] = (
            "A single node by choice of the settings: not meant to survive its zone."
        )
    return findings
