"""The stateful stack: pictures, model artifacts, and the domain with what rules it."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks import names
from stacks.components.domain.domain_roles import SearchDomain
from stacks.components.domain.domain_setup import DomainSetup
from stacks.components.domain.vector_domain import VectorDomain
from stacks.components.foundations.buckets import access_log_bucket, admit_logs, admit_pages, private_bucket
from stacks.components.foundations.network_private import PrivateNetwork
from stacks.settings import Settings

# A search uses what was uploaded for it at once; a thumbnail is made again when it is next asked for.
_QUERY_DAYS, _THUMBNAIL_DAYS = 1, 30


class DataStack(cdk.Stack):
    """Image bucket (with events), artifact bucket, and the domain, which the other stacks know as `domain`.

    It lies in `network`, and all is encrypted with `key`, where these are given. Deletion is refused by
    CloudFormation where the settings retain data.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        network: PrivateNetwork | None = None,
        key: kms.IKey | None = None,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, termination_protection=settings.retain_data, **stack)
        logs = access_log_bucket(self, "AccessLogs", name=names.log_bucket(settings), settings=settings)
        images = private_bucket(
            self,
            "Images",
            name=names.image_bucket(settings),
            settings=settings,
            logs=logs,
            key=key,
            events=True,
            passing={names.QUERIES: _QUERY_DAYS},
        )
        admit_pages(images, settings.page_origins)
        artifacts = private_bucket(
            self,
            "Artifacts",
            name=names.artifact_bucket(settings),
            settings=settings,
            logs=logs,
            key=key,
            passing={names.THUMBNAILS: _THUMBNAIL_DAYS},
        )
        if settings.web is not None:
            admit_logs(logs, names.web_bucket(settings), prefix=names.WEB_LOGS)
        vectors = VectorDomain(self, "Search", settings=settings, network=network, key=key)
        setup = DomainSetup(self, "Setup", settings=settings, domain=vectors, network=network)
        self.domain = SearchDomain(endpoint=vectors.endpoint, setup=setup.service_token, network=network)
        cdk.CfnOutput(self, "ImageBucketName", value=images.bucket_name)
        cdk.CfnOutput(self, "ArtifactBucketName", value=artifacts.bucket_name)
        cdk.CfnOutput(self, "SearchEndpoint", value=vectors.endpoint)
