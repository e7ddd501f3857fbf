"""Names that two stacks must agree on.

They are computed on both sides instead of exported: an export freezes its producer, and a resource whose
name is known needs none.
"""

import aws_cdk as cdk

from stacks.settings import Settings

INDEX_ALIAS = "images"
WRITTEN_ALIAS = f"{INDEX_ALIAS}_written"
# Where the files of bulk runs lie in the artifact bucket: `runs/<run>/shards/…` and so on.
RUNS, REJECTS = "runs", "rejects"
SHARDS, EMBEDDINGS, INDEXED, MAP_RESULTS = "shards", "embeddings", "indexed", "map"
MANIFEST, REPORT = "manifest.json", "report.json"

# Where the records of migrations lie in the artifact bucket.
MIGRATIONS = "migrations"
# Where thumbnails lie in the artifact bucket, and pictures of searches in the image bucket.
THUMBNAILS, QUERIES = "thumbnails", ".queries"


def image_bucket(settings: Settings) -> str:
    """Name of the bucket that holds the pictures."""
    return _bucket(settings, "images")


def artifact_bucket(settings: Settings) -> str:
    """Name of the bucket that holds the model artifacts and the bulk runs' files."""
    return _bucket(settings, "artifacts")


def bulk_state_machine(settings: Settings) -> str:
    """Name of the state machine of the bulk run."""
    return f"{settings.endpoint_prefix}bulk"


def image_repository(settings: Settings) -> str:
    """Name of the ECR repository that holds the models' own image, where the settings name that."""
    return f"{settings.endpoint_prefix}model-server"


def log_bucket(settings: Settings) -> str:
    """Name of the bucket that holds the access logs of the other two."""
    return _bucket(settings, "logs")


def _bucket(settings: Settings, purpose: str) -> str:
    return f"{settings.endpoint_prefix}{purpose}-{cdk.Aws.ACCOUNT_ID}-{settings.region}"
