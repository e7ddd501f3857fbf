"""The environment's own key, who may use it for what, and where it is put.

Policies name the key by its alias, which is computed like every name that two stacks must agree on.
"""

import re
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from stacks import names
from stacks.components.foundations.buckets import removal_policy
from stacks.components.foundations.permissions import allow, bucket_arn
from stacks.settings import Settings

# Instances with disks of their own, which these encrypt in hardware: SageMaker takes no key for them.
_OWN_DISKS = re.compile(r"ml\.([a-z]+\d+[a-z]*d[a-z]*|g5|g6e?|p5[a-z]*|trn\d[a-z]*)\.")
_READING = ("kms:Decrypt",)
# A large object's parts are read again to join them.
_WRITING = ("kms:Decrypt", "kms:GenerateDataKey")
_BY_ALIAS = "Keys have generated names: the condition binds the grant to the environment's own, by its alias."


def data_key(scope: Construct, construct_id: str, *, settings: Settings) -> kms.Key:
    """Return the key, which is replaced inside every year, and which the services that deliver may use."""
    key = kms.Key(
        scope,
        construct_id,
        description=f"All that the environment {settings.name} stores",
        alias=names.key_alias(settings),
        enable_key_rotation=True,
        removal_policy=removal_policy(settings),
    )
    for statement in (_for_logs(scope, settings), _for_messages()):
        key.add_to_resource_policy(statement)
    return key


def _for_logs(scope: Construct, settings: Settings) -> iam.PolicyStatement:
    groups = cdk.Stack.of(scope).format_arn(
        service="logs",
        resource="log-group",
        resource_name="*",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal(f"logs.{settings.region}.{cdk.Aws.URL_SUFFIX}")],
        actions=[
            *("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"),
            *("kms:GenerateDataKey", "kms:DescribeKey"),
        ],
        resources=["*"],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def _for_messages() -> iam.PolicyStatement:
    """Let events reach encrypted queues, and alarms encrypted topics."""
    return iam.PolicyStatement(
        principals=[
            iam.ServicePrincipal("events.amazonaws.com"),
            iam.ServicePrincipal("cloudwatch.amazonaws.com"),
        ],
        actions=list(_WRITING),
        resources=["*"],
        conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
    )


def volume_key(settings: Settings, instance_type: str | None) -> str | None:
    """Return what SageMaker encrypts the volumes of such instances with: the key's alias, or its own choice.

    None for `instance_type` is what serverless endpoints run on.
    """
    if settings.encryption == "aws" or _OWN_DISKS.match(instance_type or ""):
        return None
    return names.key_alias(settings)


@jsii.implements(cdk.IAspect)
class EncryptedBy:
    """Puts `key` on every log group, queue and topic below, whoever makes them."""

    def __init__(self, key: kms.IKey) -> None:
        self._key = key

    def visit(self, node: IConstruct) -> None:
        """Encrypt one construct, where it is one that takes a key."""
        match node:
            case logs.CfnLogGroup():
                node.kms_key_id = self._key.key_arn
            case sqs.CfnQueue():
                node.kms_master_key_id = self._key.key_arn
                node.sqs_managed_sse_enabled = False
            case sns.CfnTopic():
                node.kms_master_key_id = self._key.key_arn


def allow_objects(role: iam.Role, *, settings: Settings, bucket: str, write: bool = False) -> None:
    """Let `role` use the key for reading objects of `bucket`, and with `write` for writing them.

    Where the environment has no key of its own nothing is granted: S3's needs no grant.
    """
    arn = bucket_arn(bucket)
    context = {"kms:EncryptionContext:aws:s3:arn": [arn, f"{arn}/*"]}
    _allow(role, settings, _WRITING if write else _READING, {"StringLike": context})


def allow_messages(role: iam.Role, *, settings: Settings, queue: sqs.IQueue) -> None:
    """Let `role` read messages of `queue` that the key encrypts."""
    context = {"kms:EncryptionContext:aws:sqs:arn": queue.queue_arn}
    _allow(role, settings, _READING, {"StringEquals": context})


def allow_volumes(role: iam.Role, *, settings: Settings) -> None:
    """Let `role` start what has encrypted volumes: the service that does is granted the key for them."""
    grants = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    _allow(role, settings, ["kms:CreateGrant"], grants)
    _allow(role, settings, ["kms:DescribeKey"], {})


def _allow(
    role: iam.Role, settings: Settings, actions: Sequence[str], conditions: Mapping[str, object]
) -> None:
    if settings.encryption == "aws":
        return
    keys = cdk.Stack.of(role).format_arn(service="kms", resource="key", resource_name="*")
    alias = {"kms:ResourceAliases": names.key_alias(settings)}
    allow(
        role,
        actions=actions,
        resources=[keys],
        wildcard=_BY_ALIAS,
        conditions={"ForAnyValue:StringEquals": alias, **conditions},
    )
