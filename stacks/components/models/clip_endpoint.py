"""One deployed model: SageMaker model, configuration and endpoint, with a role that reads what it needs.

Batch transform runs the same model, with its role.
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks import names
from stacks.components.foundations.encryption_key import allow_objects, volume_key
from stacks.components.foundations.network_private import PrivateNetwork
from stacks.components.foundations.permissions import allow, bucket_arn, service_of_this_account
from stacks.components.models.encoder_access import allow_reading_pictures
from stacks.components.models.endpoint_scaling import EndpointScaling, scaling_of
from stacks.components.models.model_container import model_container, model_name, repository_arn
from stacks.model_lock import LockedModel
from stacks.settings import Settings
from stacks.settings.model import RealTimeEndpoint, ServerlessEndpoint

_VARIANT = "AllTraffic"
_NO_RESOURCE = (
    "Neither the registry's token nor metrics have resources; metrics are bound to SageMaker's namespace."
)


class ClipEndpoint(Construct):
    """The endpoint of `model`, named by its fingerprint: another model is another endpoint, this one stays.

    A new artifact of the same fingerprint (say, newer wheels) is a new configuration for the endpoint.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: LockedModel,
        settings: Settings,
        network: PrivateNetwork | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        role = self._role(model, settings)
        container = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=role.role_arn,
            model_name=model_name(self, model=model, settings=settings),
            primary_container=model_container(model, settings),
            vpc_config=_place(network) if network and settings.network.models else None,
        )
        # CloudFormation sees the role and not its policy: without this the model may be made too early.
        container.node.add_dependency(role)
        configuration = sagemaker.CfnEndpointConfig(
            self,
            "Configuration",
            production_variants=[_variant(settings.endpoint, container.attr_model_name)],
            kms_key_id=volume_key(settings, _instance_type(settings.endpoint)),
        )
        name = f"{settings.endpoint_prefix}{model.short_fingerprint}"
        endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=name,
            endpoint_config_name=configuration.attr_endpoint_config_name,
        )
        scaling = scaling_of(settings.endpoint)
        if scaling is not None:
            scales = EndpointScaling(self, "Scaling", scaling=scaling, endpoint_name=name, variant=_VARIANT)
            scales.node.add_dependency(endpoint)

    def _role(self, model: LockedModel, settings: Settings) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=service_of_this_account("sagemaker"))
        _allow_reading(role, model, settings)
        _allow_bulk_files(role, settings)
        _allow_logs_and_metrics(role, settings)
        _allow_pulling(role, settings)
        if settings.network.models:
            _allow_interfaces(role)
        return role


def _allow_reading(role: iam.Role, model: LockedModel, settings: Settings) -> None:
    artifacts = bucket_arn(names.artifact_bucket(settings))
    allow(role, actions=["s3:GetObject"], resources=[f"{artifacts}/{model.artifact_key}"])
    allow_objects(role, settings=settings, bucket=names.artifact_bucket(settings), write=True)
    allow_reading_pictures(role, settings)


def _allow_bulk_files(role: iam.Role, settings: Settings) -> None:
    bucket = bucket_arn(names.artifact_bucket(settings))
    runs = f"{bucket}/{names.RUNS}/*"
    allow(
        role,
        actions=["s3:GetObject"],
        resources=[f"{runs}/{names.SHARDS}/*", f"{runs}/{names.MANIFEST}"],
        wildcard="Batch transform reads the shards of any run.",
    )
    allow(
        role,
        actions=["s3:PutObject"],
        resources=[f"{runs}/{names.EMBEDDINGS}/*"],
        wildcard="Batch transform writes the embeddings of any run.",
    )
    allow(
        role,
        actions=["s3:ListBucket"],
        resources=[bucket],
        conditions={"StringLike": {"s3:prefix": f"{names.RUNS}/*"}},
    )


def _allow_logs_and_metrics(role: iam.Role, settings: Settings) -> None:
    allow(
        role,
        actions=[
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        resources=[
            _log_groups(role, f"Endpoints/{settings.endpoint_prefix}*"),
            # One group for every transform job of the account, and its streams.
            _log_groups(role, "TransformJobs*"),
        ],
        wildcard="SageMaker names log groups and streams by endpoints, jobs and containers.",
    )
    allow(
        role,
        actions=["cloudwatch:PutMetricData"],
        resources=["*"],
        conditions={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
        wildcard=_NO_RESOURCE,
    )


def _log_groups(scope: Construct, name: str) -> str:
    return cdk.Stack.of(scope).format_arn(
        service="logs",
        resource="log-group",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        resource_name=f"/aws/sagemaker/{name}",
    )


def _allow_pulling(role: iam.Role, settings: Settings) -> None:
    allow(
        role,
        actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        resources=[repository_arn(settings)],
    )
    allow(
        role,
        actions=["ecr:GetAuthorizationToken"],
        resources=["*"],
        wildcard=_NO_RESOURCE,
    )


def _place(network: PrivateNetwork) -> sagemaker.CfnModel.VpcConfigProperty:
    return sagemaker.CfnModel.VpcConfigProperty(
        subnets=[subnet.subnet_id for subnet in network.subnets],
        security_group_ids=[network.models.security_group_id],
    )


def _allow_interfaces(role: iam.Role) -> None:
    """Let SageMaker keep network interfaces for the model's containers.

    The actions are those that it asks for (SageMaker AI Developer Guide, "SageMaker AI Roles": CreateModel);
    Lambda asks for others, for its functions.
    """
    actions = [
        *("CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces"),
        *("CreateNetworkInterfacePermission", "DeleteNetworkInterfacePermission"),
        *("DescribeVpcs", "DescribeDhcpOptions", "DescribeSubnets", "DescribeSecurityGroups"),
    ]
    allow(
        role,
        actions=[f"ec2:{action}" for action in actions],
        resources=["*"],
        wildcard="SageMaker asks for these on *; its interfaces have generated names.",
    )


def _instance_type(endpoint: ServerlessEndpoint | RealTimeEndpoint) -> str | None:
    return endpoint.instance_type if isinstance(endpoint, RealTimeEndpoint) else None


def _variant(
    endpoint: ServerlessEndpoint | RealTimeEndpoint, model_name: str
) -> sagemaker.CfnEndpointConfig.ProductionVariantProperty:
    match endpoint:
        case ServerlessEndpoint():
            return sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                variant_name=_VARIANT,
                model_name=model_name,
                serverless_config=sagemaker.CfnEndpointConfig.ServerlessConfigProperty(
                    memory_size_in_mb=endpoint.memory_mb,
                    max_concurrency=endpoint.max_concurrency,
                    provisioned_concurrency=endpoint.kept_started or None,
                ),
            )
        case RealTimeEndpoint():
            return sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                variant_name=_VARIANT,
                model_name=model_name,
                instance_type=endpoint.instance_type,
                initial_instance_count=endpoint.instance_count,
                initial_variant_weight=1,
            )
