"""The stateful stack: pictures, model artifacts and the domain. The others can be deployed anew."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks import names
from stacks.components.buckets import access_log_bucket, admit_pages, private_bucket
from stacks.components.vector_domain import VectorDomain
from stacks.settings import Settings

# A search uses what was uploaded for it at once; a thumbnail is made again when it is next asked for.
_QUERY_DAYS, _THUMBNAIL_DAYS = 1, 30


class DataStack(cdk.Stack):
    """Image bucket (with events), artifact bucket, domain. `search_endpoint` is the domain's full URL.

    Deletion is refused by CloudFormation where the settings retain data.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, **stack: Any) -> None:
        super().__init__(scope, construct_id, termination_protection=settings.retain_data, **stack)
        logs = access_log_bucket(self, "AccessLogs", name=names.log_bucket(settings), settings=settings)
        images = private_bucket(
            self,
            "Images",
            name=names.image_bucket(settings),
            settings=settings,
            logs=logs,
            events=True,
            passing={names.QUERIES: _QUERY_DAYS},
        )
        admit_pages(images, settings.api.web_origins)
        artifacts = private_bucket(
            self,
            "Artifacts",
            name=names.artifact_bucket(settings),
            settings=settings,
            logs=logs,
            passing={names.THUMBNAILS: _THUMBNAIL_DAYS},
        )
        self.search_endpoint = VectorDomain(self, "Search", settings=settings).endpoint
        cdk.CfnOutput(self, "ImageBucketName", value=images.bucket_name)
        cdk.CfnOutput(self, "ArtifactBucketName", value=artifacts.bucket_name)
        cdk.CfnOutput(self, "SearchEndpoint", value=self.search_endpoint)
