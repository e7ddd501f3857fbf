"""A VPC without a way to the internet, with endpoints for the services that are called from inside it.

What is called, and by whom, as of the code under `lambda/` and `model_code/`:

- S3: pictures, sidecars and files of runs, by functions and by the models' containers (gateway endpoint).
- SageMaker's runtime: embeddings, by the functions of queries, ingest, bulk runs and migrations.
- OpenSearch: the domain lies in the VPC itself.

Nothing else is called from inside. Lambda takes logs, traces, events and messages past a function's own
network, and so does SageMaker with a container's image, logs and metrics; S3 asks KMS on its callers' behalf.
"""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks import names
from stacks.components.foundations.log_retention import RETENTION
from stacks.components.foundations.permissions import allow, bucket_arn
from stacks.settings import Settings

_HTTPS = ec2.Port.tcp(443)
_FILES = (
    *("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"),
    *("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
)


class PrivateNetwork(Construct):
    """The VPC `vpc`, and what its parts may reach by the security groups `functions`, `domain` and `models`.

    Functions reach the domain, SageMaker and S3; models reach S3; whatever else is tried is logged.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(settings.network.cidr),
            availability_zones=_zones(settings),
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
            ],
        )
        self.functions = self._group("Functions", "Functions that call the domain")
        self.domain = self._group("Domain", "The domain, called by functions")
        self.models = self._group("Models", "Containers of the models")
        self.domain.add_ingress_rule(self.functions, _HTTPS, "Requests of functions")
        # The addresses of S3 are in no list that a template could name, and no route leads anywhere else.
        for group in (self.functions, self.models):
            group.add_egress_rule(
                ec2.Peer.any_ipv4(), _HTTPS, "Domain and endpoints: there are no other routes"
            )
        self._add_storage()
        self._add_runtime()
        self._log_refusals()

    @property
    def subnets(self) -> list[ec2.ISubnet]:
        """One subnet for each zone."""
        return self.vpc.isolated_subnets

    def _group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, construct_id, vpc=self.vpc, description=description, allow_all_outbound=False
        )

    def _add_storage(self) -> None:
        endpoint = self.vpc.add_gateway_endpoint("Storage", service=ec2.GatewayVpcEndpointAwsService.S3)
        buckets = [names.image_bucket(self._settings), names.artifact_bucket(self._settings)]
        arns = [bucket_arn(bucket) for bucket in buckets]
        endpoint.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=list(_FILES),
                resources=[*arns, *(f"{arn}/*" for arn in arns)],
                conditions=_OWN_ACCOUNT,
            )
        )

    def _add_runtime(self) -> None:
        group = self._group("Runtime", "The endpoint of SageMaker, called by functions")
        group.add_ingress_rule(self.functions, _HTTPS, "Requests of functions")
        endpoint = self.vpc.add_interface_endpoint(
            "ModelRuntime",
            service=ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_RUNTIME,
            subnets=ec2.SubnetSelection(subnets=self.subnets),
            security_groups=[group],
            open=False,
        )
        models = cdk.Stack.of(self).format_arn(
            service="sagemaker", resource="endpoint", resource_name=f"{self._settings.endpoint_prefix}*"
        )
        endpoint.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["sagemaker:InvokeEndpoint"],
                resources=[models],
                conditions=_OWN_ACCOUNT,
            )
        )

    def _log_refusals(self) -> None:
        group = logs.LogGroup(
            self,
            "FlowLogs",
            retention=RETENTION[self._settings.functions.log_retention_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        delivery = iam.ServicePrincipal("vpc-flow-logs.amazonaws.com", conditions=_FROM_OWN_ACCOUNT)
        role = iam.Role(self, "FlowLogRole", assumed_by=delivery)
        actions = ["CreateLogStream", "PutLogEvents", "DescribeLogGroups", "DescribeLogStreams"]
        allow(role, actions=[f"logs:{action}" for action in actions], resources=[group.log_group_arn])
        flow_log = ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=self.vpc.vpc_id,
            resource_type="VPC",
            # What is allowed is every request, at a price for each; the functions' own logs tell of those.
            traffic_type="REJECT",
            log_destination_type="cloud-watch-logs",
            log_group_name=group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
        )
        flow_log.node.add_dependency(role)


_OWN_ACCOUNT = {"StringEquals": {"aws:PrincipalAccount": cdk.Aws.ACCOUNT_ID}}
_FROM_OWN_ACCOUNT = {"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}}


def _zones(settings: Settings) -> list[str]:
    named = list(settings.network.zone_names)
    return named or [cdk.Fn.select(number, cdk.Fn.get_azs()) for number in range(settings.network.zones)]
