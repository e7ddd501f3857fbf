"""Private buckets: encrypted, TLS only, versioned, logged."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.components.foundations.permissions import acknowledge, bucket_arn
from stacks.settings import Settings


def private_bucket(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    settings: Settings,
    logs: s3.IBucket,
    key: kms.IKey | None = None,
    events: bool = False,
    passing: Mapping[str, int] | None = None,
) -> s3.Bucket:
    """Return a private bucket called `name` that logs its accesses to `logs`.

    Objects are encrypted with `key`, or with S3's own. With `events` every change is told to EventBridge.
    Old versions are kept for 30 days. `passing` are folders whose objects are deleted, and forgotten, after
    so many days.
    """
    bucket = s3.Bucket(
        scope,
        construct_id,
        bucket_name=name,
        encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
        encryption_key=key,
        # One call of KMS for many objects.
        bucket_key_enabled=True if key else None,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        server_access_logs_bucket=logs,
        server_access_logs_prefix=f"{construct_id.lower()}/",
        lifecycle_rules=[
            s3.LifecycleRule(
                abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                noncurrent_version_expiration=cdk.Duration.days(30),
                expired_object_delete_marker=True,
            ),
            *(_forgotten(folder, days) for folder, days in (passing or {}).items()),
        ],
        removal_policy=removal_policy(settings),
        auto_delete_objects=settings.empty_buckets,
    )
    if events:
        _send_events(bucket)
    return bucket


def _forgotten(folder: str, days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        prefix=f"{folder}/",
        expiration=cdk.Duration.days(days),
        noncurrent_version_expiration=cdk.Duration.days(1),
    )


def admit_pages(bucket: s3.Bucket, origins: Sequence[str]) -> None:
    """Let pages of these origins use presigned forms and links; the browser asks the bucket for leave."""
    if origins:
        bucket.add_cors_rule(
            allowed_origins=list(origins),
            allowed_methods=[s3.HttpMethods.GET, s3.HttpMethods.POST],
            allowed_headers=["*"],
            exposed_headers=["ETag"],
        )


def admit_logs(logs: s3.Bucket, name: str, *, prefix: str) -> None:
    """Let S3 write the access logs of a bucket of another stack, called `name`, into `logs`."""
    logs.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
            actions=["s3:PutObject"],
            resources=[logs.arn_for_objects(f"{prefix}*")],
            conditions={
                "ArnLike": {"aws:SourceArn": bucket_arn(name)},
                "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
            },
        )
    )


def _send_events(bucket: s3.Bucket) -> None:
    # The L2's own switch is a custom resource with a function; CloudFormation has the property.
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )


def access_log_bucket(scope: Construct, construct_id: str, *, name: str, settings: Settings) -> s3.Bucket:
    """Return the bucket for the access logs of the others. Logs are kept for 90 days.

    S3 delivers them to buckets with its own encryption only.
    """
    bucket = s3.Bucket(
        scope,
        construct_id,
        bucket_name=name,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        lifecycle_rules=[s3.LifecycleRule(expiration=cdk.Duration.days(90))],
        removal_policy=removal_policy(settings),
        auto_delete_objects=settings.empty_buckets,
    )
    acknowledge(
        bucket, {"AwsSolutions-S1": "This is the bucket of the access logs; logging its own would never end."}
    )
    return bucket


def removal_policy(settings: Settings) -> cdk.RemovalPolicy:
    """Return what becomes of stateful resources when their stack goes."""
    # Never SNAPSHOT: where a service takes none, that destroys the data.
    return cdk.RemovalPolicy.RETAIN if settings.retain_data else cdk.RemovalPolicy.DESTROY
