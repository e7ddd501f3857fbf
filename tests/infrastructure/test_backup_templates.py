"""The stack of backups: what the domain may do with the bucket, and the function with the domain."""

import json
from typing import Any

import pytest

from imagesearch.settings import BackupSettings
from stacks.settings import ENVIRONMENTS
from tests.infrastructure.assembly import Synthesized, flat, resources

IN_AWS = [name for name, settings in ENVIRONMENTS.items() if not settings.domain.emulated]


def statements(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        statement
        for policy in resources(template, "AWS::IAM::Policy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("env", IN_AWS)
def test_only_the_environments_own_domain_assumes_the_role_of_snapshots(
    synthesized: Synthesized, env: str
) -> None:
    trusts = [
        role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
        for role in resources(synthesized.templates[env]["Backup"], "AWS::IAM::Role")
    ]
    (trust,) = [each for each in trusts if each["Principal"] == {"Service": "es.amazonaws.com"}]
    assert set(trust["Condition"]) == {"StringEquals", "ArnLike"}
    assert flat(trust["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(f"domain/imagesearch-{env}")


@pytest.mark.parametrize("env", IN_AWS)
def test_the_role_of_snapshots_is_passed_to_the_search_service_only(
    synthesized: Synthesized, env: str
) -> None:
    passing = [
        statement
        for statement in statements(synthesized.templates[env]["Backup"])
        if "iam:PassRole" in as_list(statement["Action"])
    ]
    (statement,) = passing
    services = statement["Condition"]["StringEquals"]["iam:PassedToService"]
    assert all(service.startswith(("es.", "opensearchservice.")) for service in services)
    assert "*" not in flat(statement["Resource"])


@pytest.mark.parametrize("env", IN_AWS)
def test_snapshots_lie_in_the_artifact_bucket_below_a_prefix_of_their_own(
    synthesized: Synthesized, env: str
) -> None:
    (function,) = [
        each["Properties"]
        for each in resources(synthesized.templates[env]["Backup"], "AWS::Lambda::Function")
        if each["Properties"]["Handler"] == "imagesearch.entrypoints.backup.handler"
    ]
    variables = {name: flat(value) for name, value in function["Environment"]["Variables"].items()}
    settings = BackupSettings.from_environment(variables)
    location = settings.snapshot_location["settings"]
    assert settings.snapshot_location["type"] == "s3"
    assert location["base_path"] == "snapshots"
    assert location["region"] == ENVIRONMENTS[env].region
    assert location["bucket"].startswith(f"imagesearch-{env}-artifacts-")
    assert location["server_side_encryption"] is True
    writing = [
        flat(resource)
        for statement in statements(synthesized.templates[env]["Backup"])
        if "s3:DeleteObject" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]
    assert writing
    assert all(each.endswith("/snapshots/*") for each in writing)


def test_on_one_machine_snapshots_lie_in_a_folder(synthesized: Synthesized) -> None:
    text = json.dumps(synthesized.templates["local"]["Backup"])
    assert '\\"type\\": \\"fs\\"' in text


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_command_finds_the_function_by_an_output(synthesized: Synthesized, env: str) -> None:
    template = synthesized.templates[env]["Backup"]
    named = template["Resources"][template["Outputs"]["BackupFunctionName"]["Value"]["Ref"]]
    assert named["Properties"]["Handler"] == "imagesearch.entrypoints.backup.handler"
