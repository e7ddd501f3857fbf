"""`prod` in other regions and in another partition, without what these lack."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from stacks.container_images import image_uri
from stacks.model_lock import ModelLock
from stacks.settings import PROD, Settings
from stacks.stage import ImageSearchStage
from tests.infrastructure.assembly import Synthesized, context, listed, read_templates

ACCOUNT = "123456789012"
REGION = re.compile(r"\b(?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-gov)?-[a-z]+-\d\b")
ACCOUNT_NUMBER = re.compile(r"(?<![0-9a-f])\d{12}(?![0-9a-f])")
HOST = re.compile(r"[\w.-]*\.amazonaws\.com(?:\.cn)?")
# What AWS has not in its regions in China: a user pool for callers, and CloudFront as the page needs it.
IN_CHINA = replace(PROD, web=None, api=replace(PROD.api, authorisation="iam"))


def _in(region: str, folder: Path, settings: Settings) -> Synthesized:
    app = cdk.App(context=context(folder), outdir=str(folder / "out"))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    there = settings.with_overrides(region=region, account=ACCOUNT)
    ImageSearchStage(app, "prod", settings=there, model_lock=ModelLock.load(folder / "model.lock"))
    app.synth()
    return read_templates(folder / "out")


def _principals(node: Any) -> Iterator[str]:
    """Yield the services that policies and permissions name; their names are the same in every partition."""
    match node:
        case dict():
            for name, value in node.items():
                if name in ("Service", "Principal", "iam:PassedToService"):
                    yield from (each for each in listed(value) if isinstance(each, str))
                yield from _principals(value)
        case list():
            for value in node:
                yield from _principals(value)


@pytest.mark.parametrize(
    ("region", "settings", "partition", "suffix"),
    [
        ("us-east-1", PROD, "aws", "amazonaws.com"),
        ("eu-central-1", PROD, "aws", "amazonaws.com"),
        ("cn-north-1", IN_CHINA, "aws-cn", "amazonaws.com.cn"),
    ],
)
def test_prod_passes_every_check_elsewhere_and_names_no_other_place(
    tmp_path: Path, region: str, settings: Settings, partition: str, suffix: str
) -> None:
    templates = _in(region, tmp_path, settings).templates
    text = json.dumps(templates)
    image = image_uri(region)
    registry, _, _ = image.partition(".")
    assert set(REGION.findall(text)) == {region}
    assert set(re.findall(r"arn:(aws[a-z-]*):", text)) == {partition}
    assert set(ACCOUNT_NUMBER.findall(text)) == {ACCOUNT, registry}
    assert image.startswith(f"{registry}.dkr.ecr.{region}.{suffix}/")
    assert image in text
    addresses = set(HOST.findall(text)) - set(_principals(templates))
    assert {address for address in addresses if not address.endswith(f".{region}.{suffix}")} == set()
