"""Snapshots of the index in the artifact bucket: the domain's role for them, and who may ask for them."""

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks import names
from stacks.components.domain.vector_domain import Method, allow_requests
from stacks.components.foundations.permissions import allow, bucket_arn
from stacks.components.indexing.migration_access import allow_records
from stacks.names import INDEX_ALIAS, SNAPSHOT_REPOSITORY, SNAPSHOTS, WRITTEN_ALIAS
from stacks.settings import Settings

_SERVICE = "es.amazonaws.com"
_INDICES = (
    "Indices are named by model and number, or by the snapshot that they are of, all under the alias's name."
)
_SNAPSHOTS = "Snapshots are named by the time at which they are taken."


class SnapshotRole(Construct):
    """What the environment's domain, and no other, assumes to write and read its snapshots in S3."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        domain = cdk.Stack.of(self).format_arn(
            service="es", resource="domain", resource_name=settings.domain_name
        )
        self.role = iam.Role(
            self,
            "Role",
            description=f"Lets the domain {settings.domain_name} keep snapshots of its indices",
            assumed_by=iam.ServicePrincipal(
                _SERVICE,
                conditions={
                    "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
                    "ArnLike": {"aws:SourceArn": domain},
                },
            ),
        )
        bucket = bucket_arn(names.artifact_bucket(settings))
        allow(self.role, actions=["s3:ListBucket"], resources=[bucket])
        allow(
            self.role,
            actions=["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            resources=[f"{bucket}/{SNAPSHOTS}/*"],
            wildcard="OpenSearch names the files of its snapshots by itself.",
        )


def snapshot_location(settings: Settings, role: iam.Role) -> str:
    """Return what OpenSearch registers the repository with, as JSON."""
    if settings.domain.emulated:
        # Below the folder that this machine's OpenSearch may write (`path.repo`).
        return json.dumps({"type": "fs", "settings": {"location": SNAPSHOTS}})
    repository: dict[str, Any] = {
        "bucket": names.artifact_bucket(settings),
        "base_path": SNAPSHOTS,
        "region": settings.region,
        "role_arn": role.role_arn,
        # The service encrypts manual snapshots with S3's own keys only (its guide to registering them).
        "server_side_encryption": True,
    }
    return cdk.Stack.of(role).to_json_string({"type": "s3", "settings": repository})


def allow_backups(role: iam.Role, settings: Settings, snapshots: SnapshotRole) -> None:
    """Let `role` take, list, restore and delete snapshots, and point the aliases at restored indices."""
    allow(
        role,
        actions=["iam:PassRole"],
        resources=[snapshots.role.role_arn],
        conditions={"StringEquals": {"iam:PassedToService": [_SERVICE, "opensearchservice.amazonaws.com"]}},
    )
    # A migration whose indices are lost is ended in its record.
    allow_records(role, settings)
    _allow_indices(role, settings)
    _allow_snapshots(role, settings)


def _allow_indices(role: iam.Role, settings: Settings) -> None:
    mappings = [f"{name}/_mapping" for name in (INDEX_ALIAS, WRITTEN_ALIAS, f"{INDEX_ALIAS}-*")]
    paths: dict[Method, list[str]] = {
        "Get": [*mappings, f"_cluster/health/{INDEX_ALIAS}-*"],
        "Put": [f"_index_template/{INDEX_ALIAS}", f"{INDEX_ALIAS}-*"],
        "Post": ["_aliases", f"{INDEX_ALIAS}-*/_count"],
        "Delete": [f"{INDEX_ALIAS}-*"],
    }
    for method, some in paths.items():
        allow_requests(role, settings=settings, methods=[method], paths=some, reason=_INDICES)


def _allow_snapshots(role: iam.Role, settings: Settings) -> None:
    repository = f"_snapshot/{SNAPSHOT_REPOSITORY}"
    paths: dict[Method, list[str]] = {
        "Get": [repository, f"{repository}/_all"],
        "Put": [repository, f"{repository}/*"],
        "Post": [f"{repository}/*/_restore"],
        "Delete": [f"{repository}/*"],
    }
    for method, some in paths.items():
        allow_requests(role, settings=settings, methods=[method], paths=some, reason=_SNAPSHOTS)
