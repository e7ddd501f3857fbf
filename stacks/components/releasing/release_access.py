"""What those may do who bring changes to an environment: prepare its models, and try what is deployed."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from stacks import names
from stacks.components.foundations.encryption_key import allow_objects
from stacks.components.foundations.permissions import allow, bucket_arn
from stacks.settings import ENVIRONMENTS, Settings

_MODELS = "models"
_GENERATED = "CloudFormation ends the ids of stacks, and the names of what has none, in random characters."
_ARTIFACTS = "Artifacts are named by their digests."
_VERSIONS = "A smoke test removes every version of its own pictures, whose names are random."


def allow_release(role: iam.Role, settings: Settings) -> None:
    """Let `role` run `imagesearch deploy --prepare` and `imagesearch smoke` for one environment."""
    stack = _arn(role, settings, "cloudformation", "stack", f"{settings.name}-*/*")
    allow(role, actions=["cloudformation:DescribeStacks"], resources=[stack], wildcard=_GENERATED)
    _allow_preparing(role, settings)
    if settings.models_from is not None:
        _allow_taking(role, ENVIRONMENTS[settings.models_from])
    _allow_calling(role, settings)
    _allow_cleaning(role, settings)


def _allow_preparing(role: iam.Role, settings: Settings) -> None:
    # The function that knows which indices are in use, and so which models.
    migration = _arn(
        role,
        settings,
        "lambda",
        "function",
        f"{settings.name}-Migration-*",
        form=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    allow(role, actions=["lambda:InvokeFunction"], resources=[migration], wildcard=_GENERATED)
    bucket = names.artifact_bucket(settings)
    # Without it S3 answers 403 for an absent artifact, which cannot be told from a missing permission.
    allow(role, actions=["s3:ListBucket"], resources=[bucket_arn(bucket)])
    allow(
        role,
        actions=["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
        resources=[f"{bucket_arn(bucket)}/{_MODELS}/*"],
        wildcard=_ARTIFACTS,
    )
    allow_objects(role, settings=settings, bucket=bucket, write=True)


def _allow_taking(role: iam.Role, source: Settings) -> None:
    """Let `role` read the models' artifacts of the environment that they come from."""
    stack = _arn(role, source, "cloudformation", "stack", f"{source.name}-Data/*")
    allow(role, actions=["cloudformation:DescribeStacks"], resources=[stack], wildcard=_GENERATED)
    bucket = names.artifact_bucket(source)
    allow(role, actions=["s3:ListBucket"], resources=[bucket_arn(bucket)])
    allow(
        role, actions=["s3:GetObject"], resources=[f"{bucket_arn(bucket)}/{_MODELS}/*"], wildcard=_ARTIFACTS
    )
    allow_objects(role, settings=source, bucket=bucket)


def _allow_calling(role: iam.Role, settings: Settings) -> None:
    """Let `role` get what the API asks of callers."""
    match settings.api.authorisation:
        case "key":
            keys = _arn(role, settings, "apigateway", "/apikeys", "*", account="")
            allow(role, actions=["apigateway:GET"], resources=[keys], wildcard=_GENERATED)
        case "iam":
            api = _arn(role, settings, "execute-api", "*", "prod/*")
            allow(role, actions=["execute-api:Invoke"], resources=[api], wildcard=_GENERATED)
        case "cognito":
            pools = _arn(role, settings, "cognito-idp", "userpool", "*")
            allow(
                role, actions=["cognito-idp:DescribeUserPoolClient"], resources=[pools], wildcard=_GENERATED
            )


def _allow_cleaning(role: iam.Role, settings: Settings) -> None:
    made = {
        names.image_bucket(settings): names.SMOKE,
        names.artifact_bucket(settings): names.THUMBNAILS,
    }
    for bucket, prefix in made.items():
        arn = bucket_arn(bucket)
        allow(
            role,
            actions=["s3:ListBucketVersions"],
            resources=[arn],
            conditions={"StringLike": {"s3:prefix": f"{prefix}/*"}},
        )
        allow(
            role,
            actions=["s3:DeleteObject", "s3:DeleteObjectVersion"],
            resources=[f"{arn}/{prefix}/*"],
            wildcard=_VERSIONS,
        )


def _arn(
    role: iam.Role,
    settings: Settings,
    service: str,
    resource: str,
    name: str,
    *,
    account: str | None = None,
    form: cdk.ArnFormat = cdk.ArnFormat.SLASH_RESOURCE_NAME,
) -> str:
    return cdk.Stack.of(role).format_arn(
        service=service,
        region=settings.region,
        account=account,
        resource=resource,
        resource_name=name,
        arn_format=form,
    )
