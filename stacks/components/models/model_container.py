"""The container that serves a model, in its endpoint and in batch transform, and the name made from it."""

import hashlib
import json

import aws_cdk as cdk
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks import container_images, limits, names, serving_image
from stacks.model_lock import LockedModel
from stacks.settings import Settings


def model_container(model: LockedModel, settings: Settings) -> sagemaker.CfnModel.ContainerDefinitionProperty:
    """Return the definition of the container: image, artifact and environment."""
    return sagemaker.CfnModel.ContainerDefinitionProperty(
        image=_image(settings),
        model_data_url=f"s3://{names.artifact_bucket(settings)}/{model.artifact_key}",
        environment=_environment(settings),
    )


def model_name(scope: Construct, *, model: LockedModel, settings: Settings) -> str:
    """Return the name of the SageMaker model: that of its endpoint, and twelve digits of its definition.

    Any change of the container, or of the network around it, replaces the model; a name that stayed would be
    taken then.
    """
    container = model_container(model, settings)
    parts = [container.image, container.model_data_url, container.environment]
    if settings.network.models:
        parts.append(str(settings.network))
    text = json.dumps(cdk.Stack.of(scope).resolve(parts), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{settings.endpoint_prefix}{model.short_fingerprint}-{digest[:12]}"


def repository_arn(settings: Settings) -> str:
    """Return the ARN of the ECR repository that the image is pulled from."""
    match settings.container.image:
        case "huggingface":
            return container_images.repository_arn(settings.region, cdk.Aws.PARTITION)
        case "slim":
            return serving_image.repository_arn(settings)


def _image(settings: Settings) -> str:
    match settings.container.image:
        case "huggingface":
            return container_images.image_uri(settings.region)
        case "slim":
            return serving_image.image_uri(settings)


def _environment(settings: Settings) -> dict[str, str]:
    payload = str(settings.endpoint.max_payload_bytes)
    return {
        "SAGEMAKER_PROGRAM": "inference.py",
        # One worker uses all cores through ONNX Runtime; a second would hold the model in memory twice.
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        # What a worker may take for a request; the toolkit's own value is an hour, of which no caller waits.
        "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": str(settings.bulk.invocation_timeout_seconds),
        "MMS_MAX_REQUEST_SIZE": payload,
        "MMS_MAX_RESPONSE_SIZE": str(limits.REAL_TIME_PAYLOAD.value),
        "IMAGE_BUCKET": names.image_bucket(settings),
        # The one variable that boto3 reads a region from.
        "AWS_DEFAULT_REGION": settings.region,
    }
