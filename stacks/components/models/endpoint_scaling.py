"""Scaling of a model's endpoint: how many instances serve it, or how many copies are kept started."""

from dataclasses import dataclass

from aws_cdk import aws_applicationautoscaling as scaling_service
from constructs import Construct

from stacks.settings.model import RealTimeEndpoint, ServerlessEndpoint


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What is scaled between `minimum` and `maximum`, and the metric that is kept near `target`."""

    dimension: str
    metric: str
    minimum: int
    maximum: int
    target: float
    scale_out_seconds: int
    scale_in_seconds: int


def scaling_of(endpoint: ServerlessEndpoint | RealTimeEndpoint) -> Scaling | None:
    """Return how an endpoint is scaled; None where the settings name no maximum, or the service does it."""
    match endpoint:
        case RealTimeEndpoint(scaling=scaling) if scaling is not None:
            return Scaling(
                dimension="sagemaker:variant:DesiredInstanceCount",
                metric="SageMakerVariantInvocationsPerInstance",
                minimum=endpoint.instance_count,
                maximum=scaling.maximum,
                target=scaling.invocations_per_minute,
                scale_out_seconds=scaling.scale_out_seconds,
                scale_in_seconds=scaling.scale_in_seconds,
            )
        case ServerlessEndpoint(provisioned=kept) if kept is not None and kept.maximum is not None:
            return Scaling(
                dimension="sagemaker:variant:DesiredProvisionedConcurrency",
                metric="SageMakerVariantProvisionedConcurrencyUtilization",
                minimum=kept.minimum,
                maximum=kept.maximum,
                target=kept.utilisation,
                scale_out_seconds=kept.scale_out_seconds,
                scale_in_seconds=kept.scale_in_seconds,
            )
    return None


class EndpointScaling(Construct):
    """Target tracking of the production variant `variant`; it must be made after the endpoint.

    No role is named: the service has one of its own for endpoints, and makes it where it is missing.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, scaling: Scaling, endpoint_name: str, variant: str
    ) -> None:
        super().__init__(scope, construct_id)
        target = scaling_service.CfnScalableTarget(
            self,
            "Target",
            service_namespace="sagemaker",
            scalable_dimension=scaling.dimension,
            resource_id=f"endpoint/{endpoint_name}/variant/{variant}",
            min_capacity=scaling.minimum,
            max_capacity=scaling.maximum,
        )
        scaling_service.CfnScalingPolicy(
            self,
            "Policy",
            policy_name=f"{endpoint_name}-load",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=_tracking(scaling),
        )


def _tracking(
    scaling: Scaling,
) -> scaling_service.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty:
    return scaling_service.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
        target_value=scaling.target,
        predefined_metric_specification=(
            scaling_service.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                predefined_metric_type=scaling.metric
            )
        ),
        scale_out_cooldown=scaling.scale_out_seconds,
        scale_in_cooldown=scaling.scale_in_seconds,
    )
