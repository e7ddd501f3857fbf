"""Names that two stacks must agree on.

They are computed on both sides instead of exported: an export freezes its producer, and a resource whose
name is known needs none.
"""

import aws_cdk as cdk

from stacks.settings import Settings

INDEX_ALIAS = "images"


def image_bucket(settings: Settings) -> str:
    """Name of the bucket that holds the pictures."""
    return _bucket(settings, "images")


def artifact_bucket(settings: Settings) -> str:
    """Name of the bucket that holds the model artifacts."""
    return _bucket(settings, "artifacts")


def log_bucket(settings: Settings) -> str:
    """Name of the bucket that holds the access logs of the other two."""
    return _bucket(settings, "logs")


def _bucket(settings: Settings, purpose: str) -> str:
    return f"{settings.endpoint_prefix}{purpose}-{cdk.Aws.ACCOUNT_ID}-{settings.region}"
