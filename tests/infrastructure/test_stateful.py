"""What holds data in prod, and all that CloudFormation would replace it for.

A replaced resource is a new, empty one. Who means that changes the table below, which shows in review; who
does not has a test that fails.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from tests.infrastructure.assembly import Synthesized, flat

# Stack and logical id, and the properties of which another value is another resource.
KEPT: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("Data", "AccessLogs8B620ECA"): {"BucketName": "imagesearch-prod-logs-reference-us-east-1"},
    ("Data", "Images2D38C313"): {"BucketName": "imagesearch-prod-images-reference-us-east-1"},
    ("Data", "Artifacts82DD59A1"): {"BucketName": "imagesearch-prod-artifacts-reference-us-east-1"},
    ("Data", "SearchDomainAB6007CD"): {
        "DomainName": "imagesearch-prod",
        "EncryptionAtRestOptions.KmsKeyId": "prod-Encryption",
        "EncryptionAtRestOptions.Enabled": "True",
        "AdvancedSecurityOptions.Enabled": "True",
        "VPCOptions.SecurityGroupIds": "prod-Network",
    },
    ("Encryption", "Key961B73FD"): {},
    ("Users", "UsersPoolBFC35D3B"): {},
}


# API Gateway's role for logs is one for a whole account and region, and stays for other APIs.
ACCOUNT_WIDE = ("AWS::ApiGateway::Account", "AWS::IAM::Role")


def _retained(stacks: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every resource of the environment that stays when its stack goes, by stack and logical id."""
    return {
        (stack, name): resource
        for stack, template in stacks.items()
        for name, resource in template["Resources"].items()
        if resource.get("DeletionPolicy") == "Retain" and resource["Type"] not in ACCOUNT_WIDE
    }


def _value(resource: Mapping[str, Any], path: str) -> str:
    value: Any = resource["Properties"]
    for name in path.split("."):
        value = value[name]
    if isinstance(value, list):
        (value,) = value
    # Of what another stack owns, that stack is what counts.
    if isinstance(value, dict) and "Fn::GetStackOutput" in value:
        return str(value["Fn::GetStackOutput"]["StackName"])
    return flat(value)


def _replaced(
    kept: Mapping[tuple[str, str], Mapping[str, str]], stacks: Mapping[str, Any]
) -> dict[tuple[str, str], str]:
    """What would be replaced, and for what."""
    present = _retained(stacks)
    moved = dict.fromkeys(kept.keys() - present.keys(), "it is not there under this name, or not retained")
    changed = {
        key: path
        for key, properties in kept.items()
        if key in present
        for path, value in properties.items()
        if _value(present[key], path) != value
    }
    return moved | changed


def test_nothing_that_holds_prods_data_is_replaced_unasked(synthesized: Synthesized) -> None:
    assert _replaced(KEPT, synthesized.templates["prod"]) == {}


def test_everything_that_prod_retains_is_watched_here(synthesized: Synthesized) -> None:
    assert _retained(synthesized.templates["prod"]).keys() == KEPT.keys()


def _decisive(resource: Mapping[str, Any]) -> Iterator[str]:
    """Yield the resource's properties of which, by CloudFormation's schema, another value replaces it."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource["Type"]).schema
    for kind in ("createOnlyProperties", "conditionalCreateOnlyProperties"):
        for path in schema.get(kind, ()):
            name = path.removeprefix("/properties/").replace("/", ".")
            if _is_given(resource["Properties"], name):
                yield name


def _is_given(properties: Mapping[str, Any], path: str) -> bool:
    first, _, rest = path.partition(".")
    return first in properties and (not rest or _is_given(properties[first], rest))


def test_every_property_that_decides_on_replacement_is_watched_here(synthesized: Synthesized) -> None:
    decisive = {
        key: set(_decisive(resource)) for key, resource in _retained(synthesized.templates["prod"]).items()
    }
    assert {"BucketName"} <= decisive["Data", "Images2D38C313"]
    unwatched = {key: names - KEPT[key].keys() for key, names in decisive.items()}
    assert not any(unwatched.values()), unwatched


@pytest.mark.parametrize("env", ["local", "dev", "staging"])
def test_the_other_environments_leave_nothing_behind(synthesized: Synthesized, env: str) -> None:
    assert _retained(synthesized.templates[env]) == {}


def test_another_name_or_another_property_would_be_found(synthesized: Synthesized) -> None:
    stacks = synthesized.templates["prod"]
    bucket = stacks["Data"]["Resources"]["Images2D38C313"]
    renamed = {"Data": {"Resources": {"Images00000000": bucket}}}
    only = {("Data", "Images2D38C313"): KEPT["Data", "Images2D38C313"]}
    assert list(_replaced(only, renamed)) == [("Data", "Images2D38C313")]
    other = {**bucket, "Properties": {**bucket["Properties"], "BucketName": "another"}}
    changed = {"Data": {"Resources": {"Images2D38C313": other}}}
    assert _replaced(only, changed) == {("Data", "Images2D38C313"): "BucketName"}
