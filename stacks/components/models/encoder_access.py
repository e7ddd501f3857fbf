"""Grants around the model and the image bucket: calling endpoints, looking at pictures, taking uploads."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from stacks import names
from stacks.components.foundations.encryption_key import allow_objects
from stacks.components.foundations.permissions import allow, bucket_arn
from stacks.settings import Settings


def allow_encoding(role: iam.Role, settings: Settings) -> None:
    """Let `role` invoke every endpoint of the environment."""
    arn = cdk.Stack.of(role).format_arn(
        service="sagemaker", resource="endpoint", resource_name=f"{settings.endpoint_prefix}*"
    )
    allow(
        role,
        actions=["sagemaker:InvokeEndpoint"],
        resources=[arn],
        wildcard="Endpoints are named by their model's fingerprint, and models come and go.",
    )


def allow_reading_pictures(role: iam.Role, settings: Settings) -> None:
    """Let `role` read every object of the image bucket, and be told of an absent one that it is absent."""
    bucket = bucket_arn(names.image_bucket(settings))
    allow(role, actions=["s3:GetObject"], resources=[f"{bucket}/*"], wildcard="Any picture can be asked for.")
    # Without it S3 answers 403 for an absent object, which cannot be told from a missing permission.
    allow(role, actions=["s3:ListBucket"], resources=[bucket])
    allow_objects(role, settings=settings, bucket=names.image_bucket(settings))


def allow_uploads(role: iam.Role, settings: Settings) -> None:
    """Let `role` sign forms by which others put objects into the image bucket."""
    bucket = bucket_arn(names.image_bucket(settings))
    allow(role, actions=["s3:PutObject"], resources=[f"{bucket}/*"], wildcard="Pictures of any key.")
    allow_objects(role, settings=settings, bucket=names.image_bucket(settings), write=True)
