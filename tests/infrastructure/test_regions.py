"""`prod` in other regions and in another partition, without what these lack."""

import json
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from stacks.model_lock import ModelLock
from stacks.settings import PROD, Settings
from stacks.stage import ImageSearchStage
from tests.infrastructure.assembly import Synthesized, context, read_templates

ACCOUNT = "123456789012"
# What AWS has not in its regions in China: a user pool for callers, and CloudFront as the page needs it.
IN_CHINA = replace(PROD, web=None, api=replace(PROD.api, authorisation="iam"))


def _in(region: str, folder: Path, settings: Settings) -> Synthesized:
    app = cdk.App(context=context(folder), outdir=str(folder / "out"))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    there = settings.with_overrides(region=region, account=ACCOUNT)
    ImageSearchStage(app, "prod", settings=there, model_lock=ModelLock.load(folder / "model.lock"))
    app.synth()
    return read_templates(folder / "out")


@pytest.mark.parametrize(
    ("region", "settings", "partition", "suffix"),
    [
        ("eu-central-1", PROD, "aws", "amazonaws.com"),
        ("cn-north-1", IN_CHINA, "aws-cn", "amazonaws.com.cn"),
    ],
)
def test_prod_passes_every_check_elsewhere_and_names_no_other_place(
    tmp_path: Path, region: str, settings: Settings, partition: str, suffix: str
) -> None:
    text = json.dumps(_in(region, tmp_path, settings).templates)
    assert "us-east-1" not in text
    assert f"arn:{partition}:" in text
    assert ("arn:aws:" in text) == (partition == "aws")
    assert f".dkr.ecr.{region}.{suffix}/" in text
