"""What the function that changes the model may do: indices, aliases, models, and the records it keeps."""

from aws_cdk import aws_iam as iam

from stacks import names
from stacks.components.domain.vector_domain import Method, allow_requests
from stacks.components.foundations.encryption_key import allow_objects
from stacks.components.foundations.permissions import allow, bucket_arn
from stacks.components.models.encoder_access import allow_encoding
from stacks.names import INDEX_ALIAS, WRITTEN_ALIAS
from stacks.settings import Settings

_INDICES = "Indices are named by model and number, all under the alias's name; each migration makes another."


def allow_migration(role: iam.Role, settings: Settings) -> None:
    """Let `role` make, compare and remove indices, move the aliases, and keep the migrations' records."""
    allow_encoding(role, settings)
    allow_records(role, settings)
    of_any = [f"{INDEX_ALIAS}-*/{call}" for call in ("_count", "_mget", "_msearch", "_refresh", "_search")]
    paths: dict[Method, list[str]] = {
        "Get": [f"{name}/_mapping" for name in (INDEX_ALIAS, WRITTEN_ALIAS, f"{INDEX_ALIAS}-*")],
        "Put": [f"_index_template/{INDEX_ALIAS}", f"{INDEX_ALIAS}-*"],
        "Post": ["_aliases", *of_any],
        "Delete": [f"{INDEX_ALIAS}-*"],
    }
    for method, some in paths.items():
        allow_requests(role, settings=settings, methods=[method], paths=some, reason=_INDICES)


def allow_records(role: iam.Role, settings: Settings) -> None:
    """Let `role` read and write the records of migrations."""
    bucket = bucket_arn(names.artifact_bucket(settings))
    # Without it an absent file is a missing permission, and for what is there it is the listing.
    allow(role, actions=["s3:ListBucket"], resources=[bucket])
    allow(
        role,
        actions=["s3:GetObject", "s3:PutObject"],
        resources=[f"{bucket}/{names.MIGRATIONS}/*"],
        wildcard="The records of all migrations, and the labelled queries of their checks.",
    )
    allow_objects(role, settings=settings, bucket=names.artifact_bucket(settings), write=True)
