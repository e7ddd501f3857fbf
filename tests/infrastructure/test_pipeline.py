"""What brings changes to the environments: the pipeline in AWS, and the roles of the workflow at GitHub."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from app import build
from stacks.settings import SettingsError
from stacks.settings.pipeline import PIPELINE, WORKFLOW
from tests.infrastructure.assembly import Synthesized, context, flat, listed, resources
from tests.infrastructure.delivery import BOUND, CONFIGURED, REPOSITORY, template_files
from tests.infrastructure.policies import CHECKS

PROVIDER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"


@pytest.fixture(scope="module")
def pipeline(delivery: Path) -> dict[str, Any]:
    template: dict[str, Any] = json.loads((delivery / "Pipeline.template.json").read_text())
    return template


@pytest.fixture(scope="module")
def workflow(delivery: Path) -> dict[str, Any]:
    template: dict[str, Any] = json.loads((delivery / "Workflow.template.json").read_text())
    return template


def test_each_is_there_only_where_the_settings_say_so(synthesized: Synthesized) -> None:
    configured = {"Pipeline": PIPELINE, "Workflow": WORKFLOW}
    made = {file.name.split(".")[0] for file in synthesized.folder.glob("*.template.json")}
    assert made == {name for name, settings in configured.items() if settings is not None}


def test_cfn_lint_finds_nothing(delivery: Path) -> None:
    # W3005: the CDK names dependencies that a reference already makes. E3703: it joins texts, as it does
    # everywhere, also in the actions of a pipeline.
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005", "E3703", "--"]
    files = map(str, template_files(delivery))
    run = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert (run.stdout, run.returncode) == ("", 0), run.stderr


def _stages(template: dict[str, Any]) -> dict[str, dict[str, int]]:
    """The actions of each stage, and the order in which they run."""
    (pipeline,) = resources(template, "AWS::CodePipeline::Pipeline")
    return {
        stage["Name"]: {action["Name"]: action["RunOrder"] for action in stage["Actions"]}
        for stage in pipeline["Properties"]["Stages"]
    }


def test_a_change_is_built_then_the_pipeline_itself_changes_then_staging_then_prod(
    pipeline: dict[str, Any],
) -> None:
    assert list(_stages(pipeline)) == ["Source", "Build", "UpdatePipeline", "Assets", "staging", "prod"]


def test_only_the_first_environment_is_deployed_without_being_asked_for(pipeline: dict[str, Any]) -> None:
    stages = _stages(pipeline)
    assert "Approve-staging" not in stages["staging"]
    approval = stages["prod"]["Approve-prod"]
    assert all(order > approval for name, order in stages["prod"].items() if name != "Approve-prod")


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_the_artifacts_are_there_before_the_models_and_the_smoke_test_comes_last(
    pipeline: dict[str, Any], environment: str
) -> None:
    order = _stages(pipeline)[environment]
    prepared = order[f"Model.Prepare-{environment}"]
    assert order["Data.Deploy"] < prepared < order["Model.Prepare"] < order["Model.Deploy"]
    smoke = f"Smoke-{environment}"
    assert all(number < order[smoke] for name, number in order.items() if name != smoke)


def _commands(template: dict[str, Any]) -> list[list[str]]:
    specifications = [
        json.loads(project["Properties"]["Source"]["BuildSpec"])
        for project in resources(template, "AWS::CodeBuild::Project")
        if isinstance(project["Properties"]["Source"].get("BuildSpec"), str)
        and project["Properties"]["Source"]["BuildSpec"].startswith("{")
    ]
    return [specification["phases"]["build"]["commands"] for specification in specifications]


def test_it_runs_the_commands_that_people_run(pipeline: dict[str, Any]) -> None:
    commands = _commands(pipeline)
    assert ["make setup", "make check", "make test", "make synth STACKS='Pipeline/**'"] in commands
    for environment in ("staging", "prod"):
        prepare = f".venv/bin/imagesearch deploy {environment} --prepare"
        assert ["make .venv/.ready", prepare] in commands
        assert ["make .venv/.ready", f".venv/bin/imagesearch smoke {environment}"] in commands


def test_the_command_line_of_the_self_mutation_is_the_one_of_the_repository(pipeline: dict[str, Any]) -> None:
    pinned = json.loads((Path(__file__).parents[2] / "package.json").read_text())["devDependencies"][
        "aws-cdk"
    ]
    assert f"npm install -g aws-cdk@{pinned}" in json.dumps(pipeline)
    assert "@latest" not in json.dumps(pipeline)


def test_no_build_runs_privileged(pipeline: dict[str, Any]) -> None:
    projects = resources(pipeline, "AWS::CodeBuild::Project")
    assert {project["Properties"]["Environment"]["PrivilegedMode"] for project in projects} == {False}


def _statements(template: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """What the policies of roles say whose names begin so."""
    return [
        statement
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::IAM::Policy" and logical_id.startswith(name)
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
    ]


def _named(statements: list[dict[str, Any]], *actions: str) -> set[str]:
    return {
        flat(resource)
        for statement in statements
        if set(actions) & set(listed(statement["Action"]))
        for resource in listed(statement["Resource"])
    }


def test_what_tries_an_environment_deletes_nothing_but_its_own_pictures(pipeline: dict[str, Any]) -> None:
    for environment in ("staging", "prod"):
        statements = _statements(pipeline, f"{environment}Release")
        deleted = _named(statements, "s3:DeleteObject", "s3:DeleteObjectVersion")
        own = f"imagesearch-{environment}"
        assert {each.split(":::")[1] for each in deleted} == {
            f"{own}-images-reference-us-east-1/.smoke/*",
            f"{own}-artifacts-reference-us-east-1/thumbnails/*",
        }
        written = {each for each in _named(statements, "s3:PutObject") if "imagesearch" in each}
        assert {each.split("/", 1)[1] for each in written} == {"models/*"}


@pytest.mark.parametrize(("environment", "before"), [("staging", "dev"), ("prod", "staging")])
def test_of_the_environment_before_a_release_reads_the_artifacts_of_models_and_nothing_else(
    pipeline: dict[str, Any], environment: str, before: str
) -> None:
    artifacts = f"imagesearch-{before}-artifacts-reference-us-east-1"
    granted = {
        (action, flat(resource).rsplit(":", 1)[-1])
        for statement in _statements(pipeline, f"{environment}Release")
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    assert {grant for grant in granted if before in grant[1]} == {
        ("s3:ListBucket", artifacts),
        ("s3:GetObject", f"{artifacts}/models/*"),
        ("cloudformation:DescribeStacks", f"stack/{before}-Data/*"),
    }


def test_what_the_key_of_the_environment_before_encrypts_can_be_read_and_not_written(
    pipeline: dict[str, Any],
) -> None:
    granted = [
        listed(statement["Action"])
        for statement in _statements(pipeline, "prodRelease")
        if "alias/imagesearch-staging-data" in json.dumps(statement.get("Condition"))
    ]
    assert granted == [["kms:Decrypt"]]


def _roles(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The condition under which each role is taken."""
    found: dict[str, dict[str, Any]] = {}
    for role in resources(template, "AWS::IAM::Role"):
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        found[role["Properties"]["Description"]] = statement["Condition"]
    return found


def test_the_workflows_roles_have_no_fault_but_one_that_has_a_reason(workflow: dict[str, Any]) -> None:
    found = {fault.partition(" ")[2] for check in CHECKS.values() for fault in check(workflow)}
    # A pool's id is known once it is there; the smoke test reads the secret of the machine's client.
    pools = "arn:aws:cognito-idp:us-east-1:reference:userpool/*"
    assert found == {f"allows cognito-idp:DescribeUserPoolClient on {pools}"}


def test_a_role_is_for_one_environment_of_one_repository(workflow: dict[str, Any]) -> None:
    issuer, sts = (
        "token.actions.githubusercontent.com",
        {"Fn::Join": ["", ["sts.", {"Ref": "AWS::URLSuffix"}]]},
    )
    subjects = [f"repo:{REPOSITORY}:environment:{name}" for name in ("dev", "staging", "prod")]
    subjects.append(f"repo:{REPOSITORY}:pull_request")
    assert _roles(workflow) == {
        f"What {subject} may do": {"StringEquals": {f"{issuer}:aud": sts, f"{issuer}:sub": subject}}
        for subject in subjects
    }


def test_pull_requests_may_look_and_nothing_else(workflow: dict[str, Any]) -> None:
    statements = _statements(workflow, "CompareRole")
    assert [statement["Action"] for statement in statements] == ["sts:AssumeRole"]
    (role,) = _named(statements, "sts:AssumeRole")
    assert role.endswith(":role/cdk-hnb659fds-lookup-role-reference-us-east-1")


def test_an_account_that_knows_github_already_keeps_its_provider(tmp_path: Path) -> None:
    app = cdk.App(context=context(tmp_path), outdir=str(tmp_path / "out"))
    build(app, pipeline=None, workflow=replace(BOUND, provider_arn=PROVIDER))
    app.synth()
    template = json.loads((tmp_path / "out" / "Workflow.template.json").read_text())
    assert resources(template, "AWS::IAM::OIDCProvider") == []
    assert json.dumps(template).count(PROVIDER) == len(_roles(template))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(CONFIGURED, repository="pictures"), "such as owner/name"),
        (lambda: replace(CONFIGURED, connection_arn="a connection"), "must be that of a connection"),
        (lambda: replace(CONFIGURED, environments=("local",)), "some of dev, staging, prod"),
        (lambda: replace(CONFIGURED, environments=("prod", "prod")), "each once"),
        (lambda: replace(CONFIGURED, environments=()), "some of"),
        (lambda: replace(BOUND, repository="https://github.com/people/pictures"), "such as owner/name"),
        (lambda: replace(BOUND, provider_arn="GitHub"), "identity provider"),
        (lambda: replace(BOUND, environments=("nowhere",)), "some of dev, staging, prod"),
    ],
)
def test_what_cannot_deploy_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()
