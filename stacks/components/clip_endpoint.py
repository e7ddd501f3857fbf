"""One deployed model: SageMaker model, configuration and endpoint, with a role that reads what it needs."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks import limits, names
from stacks.component_settings import RealTimeEndpoint, ServerlessEndpoint
from stacks.components.encoder_access import allow_reading_pictures
from stacks.components.permissions import allow
from stacks.container_images import image_uri, repository_arn
from stacks.model_lock import LockedModel
from stacks.settings import Settings

_VARIANT = "AllTraffic"
_NO_RESOURCE = (
    "Neither the registry's token nor metrics have resources; metrics are bound to SageMaker's namespace."
)


class ClipEndpoint(Construct):
    """The endpoint of `model`, named by its fingerprint: another model is another endpoint, this one stays.

    A new artifact of the same fingerprint (say, newer wheels) is a new configuration for the endpoint.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, model: LockedModel, settings: Settings
    ) -> None:
        super().__init__(scope, construct_id)
        role = self._role(model, settings)
        container = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=image_uri(settings.region),
                model_data_url=f"s3://{names.artifact_bucket(settings)}/{model.artifact_key}",
                environment=_container_environment(settings),
            ),
        )
        # CloudFormation sees the role and not its policy: without this the model may be made too early.
        container.node.add_dependency(role)
        configuration = sagemaker.CfnEndpointConfig(
            self,
            "Configuration",
            production_variants=[_variant(settings.endpoint, container.attr_model_name)],
        )
        sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=f"{settings.endpoint_prefix}{model.short_fingerprint}",
            endpoint_config_name=configuration.attr_endpoint_config_name,
        )

    def _role(self, model: LockedModel, settings: Settings) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        _allow_reading(role, model, settings)
        _allow_logs_and_metrics(role, settings)
        _allow_pulling(role, settings)
        return role


def _allow_reading(role: iam.Role, model: LockedModel, settings: Settings) -> None:
    artifacts = f"arn:{cdk.Aws.PARTITION}:s3:::{names.artifact_bucket(settings)}"
    allow(role, actions=["s3:GetObject"], resources=[f"{artifacts}/{model.artifact_key}"])
    allow_reading_pictures(role, settings)


def _allow_logs_and_metrics(role: iam.Role, settings: Settings) -> None:
    stack = cdk.Stack.of(role)
    allow(
        role,
        actions=[
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        resources=[
            stack.format_arn(
                service="logs",
                resource="log-group",
                arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                resource_name=f"/aws/sagemaker/Endpoints/{settings.endpoint_prefix}*",
            )
        ],
        wildcard="SageMaker names the log group by the endpoint and the streams by its containers.",
    )
    allow(
        role,
        actions=["cloudwatch:PutMetricData"],
        resources=["*"],
        conditions={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
        wildcard=_NO_RESOURCE,
    )


def _allow_pulling(role: iam.Role, settings: Settings) -> None:
    allow(
        role,
        actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        resources=[repository_arn(settings.region, cdk.Aws.PARTITION)],
    )
    allow(
        role,
        actions=["ecr:GetAuthorizationToken"],
        resources=["*"],
        wildcard=_NO_RESOURCE,
    )


def _container_environment(settings: Settings) -> dict[str, str]:
    payload = str(settings.endpoint.max_payload_bytes)
    return {
        "SAGEMAKER_PROGRAM": "inference.py",
        # One worker uses all cores through ONNX Runtime; a second would hold the model in memory twice.
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        "MMS_MAX_REQUEST_SIZE": payload,
        "MMS_MAX_RESPONSE_SIZE": str(limits.REAL_TIME_PAYLOAD.value),
        "IMAGE_BUCKET": names.image_bucket(settings),
        # The one variable that boto3 reads a region from.
        "AWS_DEFAULT_REGION": settings.region,
    }


def _variant(
    endpoint: ServerlessEndpoint | RealTimeEndpoint, model_name: str
) -> sagemaker.CfnEndpointConfig.ProductionVariantProperty:
    match endpoint:
        case ServerlessEndpoint():
            return sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                variant_name=_VARIANT,
                model_name=model_name,
                serverless_config=sagemaker.CfnEndpointConfig.ServerlessConfigProperty(
                    memory_size_in_mb=endpoint.memory_mb, max_concurrency=endpoint.max_concurrency
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
