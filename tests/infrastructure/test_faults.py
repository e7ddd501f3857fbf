"""What must stop a deployment: an unpublished model, an unexplained finding."""

import json
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import app as cdk_app
from stacks.model_lock import LockedModel, ModelLock
from tests.infrastructure.assembly import Synthesized, context, read_templates, resources

FLAWED = "dev/Data/Flawed/Resource"


@pytest.fixture(scope="module")
def violations(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    """Rule, construct and description of what is found in an app with one flaw of each kind."""
    folder = tmp_path_factory.mktemp("faults")
    lock = ModelLock().with_model("clip-vit-b-32", LockedModel("a" * 64, "b" * 64, 512, "3.11"))
    lock.save(folder / "flawed.lock")
    app = cdk.App(context=context(folder, model_lock=str(folder / "flawed.lock")), outdir=str(folder / "out"))
    s3.Bucket(cdk_app.build(app)["dev"].data, "Flawed")
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    return _violations(folder / "out" / "validation-report.json")


def _violations(report: Path) -> list[tuple[str, str, str]]:
    return [
        (violation["ruleName"], construct["constructPath"], violation["description"])
        for plugin in json.loads(report.read_text(encoding="utf-8"))["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]


def test_an_unacknowledged_finding_of_cdk_nag_stops_the_synth(
    violations: list[tuple[str, str, str]],
) -> None:
    rules = {rule for rule, construct, _ in violations if construct == FLAWED}
    assert {"AwsSolutions-S1", "AwsSolutions-S10"} <= rules


def test_nothing_but_the_flaws_is_found(violations: list[tuple[str, str, str]]) -> None:
    places = {construct for _, construct, _ in violations} - {FLAWED}
    affected = {
        f"{env}/{stack}"
        for env in ("local", "dev", "staging", "prod")
        for stack in ("Model", "Ingest", "Bulk")
    }
    assert places == affected


def test_an_unpublished_model_is_an_error_with_the_command_to_run(
    violations: list[tuple[str, str, str]],
) -> None:
    (message,) = {text for _, construct, text in violations if construct == "local/Model"}
    assert message.endswith("is not published. Run: imagesearch publish-model --model demo --env local")


def test_a_model_packaged_for_another_python_is_an_error(violations: list[tuple[str, str, str]]) -> None:
    (message,) = {text for _, construct, text in violations if construct == "prod/Model"}
    assert "is packaged for Python 3.11, but its container has 3.12." in message


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """Every environment in another region, with no model published, and no account known."""
    folder = tmp_path_factory.mktemp("elsewhere")
    overrides = {"model_lock": str(folder / "absent.lock"), "region": "ap-southeast-2"}
    # The command line reports annotations for the stacks it was asked for; without it they fail any synth.
    unreported = {"@aws-cdk/core:annotationsInValidationReport": False}
    app = cdk.App(context=context(folder, **overrides, **unreported), outdir=str(folder / "out"))
    cdk_app.build(app)
    app.synth()
    return read_templates(folder / "out")


def test_an_unpublished_model_is_synthesized_as_zeros(elsewhere: Synthesized) -> None:
    for env, stacks in elsewhere.templates.items():
        (endpoint,) = resources(stacks["Model"], "AWS::SageMaker::Endpoint")
        assert endpoint["Properties"]["EndpointName"] == f"imagesearch-{env}-000000000000"


def test_no_region_or_registry_is_fixed(elsewhere: Synthesized) -> None:
    text = json.dumps(elsewhere.templates)
    assert "us-east-1" not in text
    assert ".dkr.ecr.ap-southeast-2.amazonaws.com/" in text
