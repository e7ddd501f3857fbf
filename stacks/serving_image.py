"""The models' own image, as `serving_image/` describes it: what decides it, and where it lies once built."""

from pathlib import Path

import aws_cdk as cdk

from stacks import names
from stacks.settings import Settings

FOLDER = Path(__file__).resolve().parents[1] / "serving_image"
# The pinned requirements are resolved from this file, which no image holds.
EXCLUDED = ("__pycache__", "requirements.in")


def image_tag(settings: Settings) -> str:
    """Return the digest of everything that decides the image: another image has another tag."""
    return cdk.FileSystem.fingerprint(
        str(FOLDER), exclude=list(EXCLUDED), extra_hash=settings.container.base_image
    )


def image_uri(settings: Settings) -> str:
    """Return the address of the image in the environment's own repository."""
    registry = f"{cdk.Aws.ACCOUNT_ID}.dkr.ecr.{settings.region}.{cdk.Aws.URL_SUFFIX}"
    return f"{registry}/{names.image_repository(settings)}:{image_tag(settings)}"


def repository_arn(settings: Settings) -> str:
    """Return the ARN of that repository."""
    place = f"arn:{cdk.Aws.PARTITION}:ecr:{settings.region}:{cdk.Aws.ACCOUNT_ID}"
    return f"{place}:repository/{names.image_repository(settings)}"
