"""The address of the model's container image in a region, from the generated table beside this module."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from stacks.settings.checks import SettingsError

_TABLE = Path(__file__).with_name("container_images.json")


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return table


def image_uri(region: str) -> str:
    """Return the address of SageMaker's Hugging Face CPU inference image in `region`.

    Raises SettingsError for a region that has no such image.
    """
    table = _table()
    if region not in table["regions"]:
        raise SettingsError(
            f"no inference image in {region!r}; there is one in {', '.join(table['regions'])}"
        )
    return f"{table['regions'][region]['registry']}/{table['repository']}:{table['tag']}"


def repository_arn(region: str, partition: str) -> str:
    """Return the ARN of the image's ECR repository in `region`, in AWS's own account."""
    table = _table()
    return (
        f"arn:{partition}:ecr:{region}:{table['regions'][region]['account']}:repository/{table['repository']}"
    )


def container_python() -> str:
    """Return the Python version inside the image, such as "3.12": what a model's wheels must be built for."""
    version: str = _table()["python"]
    return version
