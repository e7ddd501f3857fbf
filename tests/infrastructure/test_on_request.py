"""What is built on request only: alone, as sound as every environment, and small."""

import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest

from app import build
from stacks.settings import ENVIRONMENTS, VERIFY, SettingsError
from tests.infrastructure.assembly import Synthesized, context, resources


def test_it_takes_the_place_of_all_others(requested: Synthesized) -> None:
    assert set(requested.templates) == {VERIFY.name}
    assert {folder.name for folder in requested.folder.glob("assembly-*")} == {f"assembly-{VERIFY.name}"}
    assert VERIFY.name not in ENVIRONMENTS


def test_nothing_of_it_stays_behind(requested: Synthesized) -> None:
    for _, stack, template in requested.all():
        kept = {
            name: resource["DeletionPolicy"]
            for name, resource in template["Resources"].items()
            if resource.get("DeletionPolicy") in ("Retain", "Snapshot")
        }
        # The role by which API Gateway writes logs, and the setting that names it, are the account's.
        expected = {"SearchApiCloudWatchRole", "SearchApiAccount"} if stack == "Api" else set()
        assert {name[:-8] for name in kept} == expected, stack


def test_its_endpoints_cost_nothing_while_nobody_asks(requested: Synthesized) -> None:
    found = resources(requested.templates[VERIFY.name]["Model"], "AWS::SageMaker::EndpointConfig")
    variants = [variant for each in found for variant in each["Properties"]["ProductionVariants"]]
    assert len(variants) == len(VERIFY.models)
    assert all("ServerlessConfig" in variant for variant in variants)


def test_cfn_lint_finds_nothing_in_it(requested: Synthesized) -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005", "--"]
    run = subprocess.run(
        [*command, *map(str, requested.files())], capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.returncode) == ("", 0), run.stderr


def test_another_name_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="environment=production: only verify is built on request"):
        build(cdk.App(context=context(tmp_path, environment="production")))
