"""Which deployment a command speaks to: options, environment variables, or this machine's own environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from scripts.errors import CommandError

LOCAL_CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
"""The emulator takes any credentials; a developer's own never leave for it."""


def local_directory(variables: Mapping[str, str] = os.environ) -> Path:
    """Where the local environment keeps its state (``IMAGESEARCH_LOCAL_DIR`` moves it)."""
    return Path(variables.get("IMAGESEARCH_LOCAL_DIR", ".local")).absolute()


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the API is and, for commands that upload, where the pictures go."""

    url: str
    api_key: str
    bucket: str | None = None
    aws_endpoint_url: str | None = None
    region: str | None = None

    def s3(self) -> Any:
        """An S3 client for the picture bucket."""
        credentials = {} if self.aws_endpoint_url is None else LOCAL_CREDENTIALS
        session = boto3.Session(region_name=self.region, **credentials)
        return session.client("s3", endpoint_url=self.aws_endpoint_url)

    def image_bucket(self) -> str:
        """The picture bucket's name, or the error that says how to name it."""
        if self.bucket is None:
            raise CommandError(
                "bucket_unknown",
                "Name the picture bucket: --bucket, IMAGESEARCH_BUCKET, or the ImageBucketName output of the "
                "Data stack.",
            )
        return self.bucket


def find_target(
    *,
    url: str | None = None,
    api_key: str | None = None,
    bucket: str | None = None,
    variables: Mapping[str, str] = os.environ,
) -> Target:
    """The deployment to speak to.

    Order: the arguments, then IMAGESEARCH_URL, IMAGESEARCH_API_KEY and IMAGESEARCH_BUCKET, then the
    local environment's own file. Raises ``CommandError`` (``target_unknown``) when none says.
    """
    url = url or variables.get("IMAGESEARCH_URL")
    api_key = api_key or variables.get("IMAGESEARCH_API_KEY")
    bucket = bucket or variables.get("IMAGESEARCH_BUCKET")
    if url and api_key:
        return Target(url=url, api_key=api_key, bucket=bucket)
    if url or api_key:
        raise CommandError("target_unknown", "IMAGESEARCH_URL and IMAGESEARCH_API_KEY go together: set both.")
    return _local_target(local_directory(variables) / "environment.json", bucket=bucket)


def _local_target(path: Path, *, bucket: str | None) -> Target:
    try:
        written = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise CommandError(
            "target_unknown",
            "No deployment is named. Set IMAGESEARCH_URL and IMAGESEARCH_API_KEY, or start one on this "
            "machine: imagesearch local up.",
        ) from error
    return Target(
        url=written["api_url"],
        api_key=written["api_key"],
        bucket=bucket or written["image_bucket"],
        aws_endpoint_url=written["aws_endpoint_url"],
        region=written["region"],
    )
