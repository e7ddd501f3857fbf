"""The CodeBuild project that builds the models' image, so that no workstation needs Docker."""

import json

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from stacks import names
from stacks.components.foundations.log_retention import RETENTION
from stacks.components.foundations.permissions import acknowledge, allow, service_of_this_account
from stacks.serving_image import EXCLUDED, FOLDER, repository_arn
from stacks.settings import Settings

BUILD_MINUTES = 20
QUEUE_MINUTES = 10
_LOGIN = "docker login --username AWS --password-stdin"


class ImageProject(Construct):
    """One project; each build is told tag and base image. `source` is bucket/key of what it builds from."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        asset = s3_assets.Asset(self, "Source", path=str(FOLDER), exclude=list(EXCLUDED))
        self.source = f"{asset.s3_bucket_name}/{asset.s3_object_key}"
        log_group = logs.LogGroup(
            self,
            "Logs",
            retention=RETENTION[settings.functions.log_retention_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        role = self._role(settings, asset, log_group)
        self.project = codebuild.CfnProject(
            self,
            "Project",
            description="Builds the image that the models run in",
            service_role=role.role_arn,
            source=codebuild.CfnProject.SourceProperty(
                type="S3", location=self.source, build_spec=json.dumps(_build_spec(settings), indent=1)
            ),
            artifacts=codebuild.CfnProject.ArtifactsProperty(type="NO_ARTIFACTS"),
            environment=codebuild.CfnProject.EnvironmentProperty(
                type="LINUX_CONTAINER",
                compute_type="BUILD_GENERAL1_SMALL",
                image="aws/codebuild/amazonlinux-x86_64-standard:5.0",
                privileged_mode=True,
            ),
            logs_config=codebuild.CfnProject.LogsConfigProperty(
                cloud_watch_logs=codebuild.CfnProject.CloudWatchLogsConfigProperty(
                    status="ENABLED", group_name=log_group.log_group_name
                )
            ),
            timeout_in_minutes=BUILD_MINUTES,
            queued_timeout_in_minutes=QUEUE_MINUTES,
        )
        self.project.node.add_dependency(role)
        acknowledge(
            self.project,
            {
                "AwsSolutions-CB3": "Building an image takes a Docker daemon, which takes privileged mode.",
                "AwsSolutions-CB4": "The project writes no artifacts that a key could encrypt.",
            },
        )

    def _role(self, settings: Settings, asset: s3_assets.Asset, log_group: logs.LogGroup) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=service_of_this_account("codebuild"))
        log_group.grant_write(role)
        bucket = asset.bucket.bucket_arn
        allow(
            role,
            actions=["s3:GetObject", "s3:GetObjectVersion"],
            resources=[f"{bucket}/{asset.s3_object_key}"],
        )
        allow(role, actions=["s3:GetBucketAcl", "s3:GetBucketLocation"], resources=[bucket])
        _allow_pushing(role, settings)
        return role


def _allow_pushing(role: iam.Role, settings: Settings) -> None:
    allow(
        role,
        actions=[
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:CompleteLayerUpload",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ],
        resources=[repository_arn(settings)],
    )
    allow(
        role,
        actions=["ecr:GetAuthorizationToken"],
        resources=["*"],
        wildcard="The registry's token has no resource.",
    )


def _build_spec(settings: Settings) -> dict[str, object]:
    """Return the build's commands; `TAG` and `BASE_IMAGE` come with each build."""
    registry = f"{cdk.Aws.ACCOUNT_ID}.dkr.ecr.{settings.region}.{cdk.Aws.URL_SUFFIX}"
    image = f"{registry}/{names.image_repository(settings)}:$TAG"
    commands = [
        f"aws ecr get-login-password --region {settings.region} | {_LOGIN} {registry}",
        f'docker build --pull --build-arg BASE_IMAGE="$BASE_IMAGE" --tag "{image}" .',
        f'docker push "{image}"',
    ]
    # One phase, because those that follow run after a failure too.
    return {"version": "0.2", "env": {"shell": "bash"}, "phases": {"build": {"commands": commands}}}
