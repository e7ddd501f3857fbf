"""The page's files, brought into its bucket by a custom resource when the environment is deployed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from stacks.components.foundations.permissions import allow, bucket_arn
from stacks.components.functions.python_function import PythonFunction
from stacks.components.functions.resource_provider import resource_provider
from stacks.settings import Settings

FOLDER = Path(__file__).resolve().parents[3] / "web"


class WebFiles(Construct):
    """What `web/` holds, and `configuration` as the page's config.json, in `bucket`, and nothing else."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        bucket: s3.Bucket,
        configuration: Mapping[str, Any],
    ) -> None:
        super().__init__(scope, construct_id)
        archive = s3_assets.Asset(self, "Archive", path=str(FOLDER))
        function = PythonFunction(
            self,
            "Publish",
            entrypoint="web_files",
            description="Brings the search page's files into its bucket",
            settings=settings.functions,
            memory_mb=256,
            timeout_seconds=120,
            environment={},
        )
        _allow_publishing(function, archive, bucket)
        resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type="Custom::WebFiles",
            service_token=resource_provider(self, function=function, settings=settings).service_token,
            properties={
                "Bucket": bucket.bucket_name,
                "Archive": f"{archive.s3_bucket_name}/{archive.s3_object_key}",
                "Configuration": configuration,
            },
        )
        resource.node.add_dependency(function)


def _allow_publishing(function: PythonFunction, archive: s3_assets.Asset, bucket: s3.Bucket) -> None:
    allow(
        function.role,
        actions=["s3:GetObject"],
        resources=[f"{bucket_arn(archive.s3_bucket_name)}/{archive.s3_object_key}"],
    )
    allow(function.role, actions=["s3:ListBucket"], resources=[bucket.bucket_arn])
    allow(
        function.role,
        actions=["s3:DeleteObject", "s3:PutObject"],
        resources=[f"{bucket.bucket_arn}/*"],
        wildcard="The page's files, whatever they are called.",
    )
