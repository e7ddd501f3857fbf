"""What CloudFormation does with AWS::SageMaker::Model, EndpointConfig and Endpoint."""

from collections.abc import Callable
from typing import Any

from scripts.local.emulator.containers import Properties
from scripts.local.emulator.sagemaker import SageMaker

Created = tuple[str, dict[str, str]]
Arn = Callable[[str, str], str]
GeneratedName = Callable[[str, str], str]


def resource_handlers(sagemaker: SageMaker, *, arn: Arn, generated_name: GeneratedName) -> dict[str, Any]:
    """Per resource type the emulator's ``create``, ``update`` and ``delete``.

    A physical id is the ARN, as Ref returns it; what GetAtt returns is the name. ``generated_name`` is asked
    with stack and logical id for resources without a name. Models and configurations know no update: a change
    replaces them.
    """

    def create_model(logical_id: str, properties: Properties, stack: str) -> Created:
        name = properties.get("ModelName") or generated_name(stack, logical_id)
        sagemaker.create_model(name, properties)
        return arn("model", name), {"ModelName": name}

    def create_config(logical_id: str, properties: Properties, stack: str) -> Created:
        name = properties.get("EndpointConfigName") or generated_name(stack, logical_id)
        sagemaker.create_config(name, properties)
        return arn("endpoint-config", name), {"EndpointConfigName": name}

    def create_endpoint(logical_id: str, properties: Properties, stack: str) -> Created:
        name = properties.get("EndpointName") or generated_name(stack, logical_id)
        sagemaker.create_endpoint(name, properties["EndpointConfigName"])
        return arn("endpoint", name), {"EndpointName": name}

    def update_endpoint(physical_id: str, _old: Properties, new: Properties, _stack: str) -> Created:
        name = _name_of(physical_id)
        sagemaker.update_endpoint(name, new["EndpointConfigName"])
        return physical_id, {"EndpointName": name}

    def delete_model(physical_id: str, _properties: Properties) -> None:
        sagemaker.models.pop(_name_of(physical_id), None)

    def delete_config(physical_id: str, _properties: Properties) -> None:
        sagemaker.configs.pop(_name_of(physical_id), None)

    def delete_endpoint(physical_id: str, _properties: Properties) -> None:
        if _name_of(physical_id) in sagemaker.endpoints:
            sagemaker.delete_endpoint(_name_of(physical_id))

    return {
        "AWS::SageMaker::Model": {"create": create_model, "delete": delete_model},
        "AWS::SageMaker::EndpointConfig": {"create": create_config, "delete": delete_config},
        "AWS::SageMaker::Endpoint": {
            "create": create_endpoint,
            "update": update_endpoint,
            "delete": delete_endpoint,
        },
    }


REPLACING_PROPERTIES = {
    "AWS::SageMaker::Model": (
        "Containers",
        "EnableNetworkIsolation",
        "ExecutionRoleArn",
        "InferenceExecutionConfig",
        "ModelName",
        "PrimaryContainer",
        "VpcConfig",
    ),
    "AWS::SageMaker::EndpointConfig": (
        "AsyncInferenceConfig",
        "DataCaptureConfig",
        "EndpointConfigName",
        "ExecutionRoleArn",
        "KmsKeyId",
        "ProductionVariants",
        "ShadowProductionVariants",
        "VpcConfig",
    ),
    "AWS::SageMaker::Endpoint": ("EndpointName",),
}
"""The properties whose change replaces the resource (CloudFormation's resource reference)."""


def _name_of(physical_id: str) -> str:
    return physical_id.rsplit("/", 1)[-1]
