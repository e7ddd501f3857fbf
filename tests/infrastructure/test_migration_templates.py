"""The change of the model: its function, how long it waits, and what its role may touch."""

from collections.abc import Iterator
from typing import Any

import pytest

from stacks.settings import ENVIRONMENTS
from stacks.settings.bulk import MigrationSettings
from stacks.settings.checks import SettingsError
from tests.infrastructure.assembly import Synthesized, flat, listed, resources


def _function(synthesized: Synthesized, env: str) -> dict[str, Any]:
    (function,) = resources(synthesized.templates[env]["Migration"], "AWS::Lambda::Function")
    properties: dict[str, Any] = function["Properties"]
    return properties


def _granted(synthesized: Synthesized, env: str, service: str) -> set[tuple[str, str]]:
    """Return the actions of `service` that are granted, each with the last part of its resource."""
    return {
        (action.split(":")[1], flat(resource).split(":::")[-1].split(f":domain/imagesearch-{env}/")[-1])
        for statement in _statements(synthesized.templates[env]["Migration"])
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if action.startswith(f"{service}:")
    }


def _statements(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in resources(template, "AWS::IAM::Policy"):
        yield from policy["Properties"]["PolicyDocument"]["Statement"]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_functions_name_is_an_output(synthesized: Synthesized, env: str) -> None:
    template = synthesized.templates[env]["Migration"]
    named = template["Resources"][template["Outputs"]["MigrationFunctionName"]["Value"]["Ref"]]
    assert named["Properties"]["Handler"] == "imagesearch.entrypoints.migration.handler"


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_a_check_may_take_as_long_as_a_function_may(synthesized: Synthesized, env: str) -> None:
    properties = _function(synthesized, env)
    assert (properties["Timeout"], properties["MemorySize"]) == (900, 1024)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_it_waits_for_the_functions_that_remember_the_aliases(synthesized: Synthesized, env: str) -> None:
    longest = _function(synthesized, env)["Environment"]["Variables"]["LONGEST_INVOCATION_SECONDS"]
    for stack, handler in (("Ingest", "ingest"), ("Api", "query")):
        timeouts = [
            function["Properties"]["Timeout"]
            for function in resources(synthesized.templates[env][stack], "AWS::Lambda::Function")
            if function["Properties"]["Handler"] == f"imagesearch.entrypoints.{handler}.handler"
        ]
        assert timeouts
        assert max(timeouts) <= int(longest)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_it_sends_the_requests_of_its_steps_and_no_others(synthesized: Synthesized, env: str) -> None:
    assert _granted(synthesized, env, "es") == {
        ("ESHttpGet", "images/_mapping"),
        ("ESHttpGet", "images_written/_mapping"),
        ("ESHttpGet", "images-*/_mapping"),
        ("ESHttpPut", "_index_template/images"),
        ("ESHttpPut", "images-*"),
        ("ESHttpPost", "_aliases"),
        ("ESHttpPost", "images-*/_count"),
        ("ESHttpPost", "images-*/_mget"),
        ("ESHttpPost", "images-*/_msearch"),
        ("ESHttpPost", "images-*/_refresh"),
        ("ESHttpPost", "images-*/_search"),
        ("ESHttpDelete", "images-*"),
    }


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_it_keeps_records_and_sees_no_pictures(synthesized: Synthesized, env: str) -> None:
    bucket = f"imagesearch-{env}-artifacts-reference-us-east-1"
    assert _granted(synthesized, env, "s3") == {
        ("ListBucket", bucket),
        ("GetObject", f"{bucket}/migrations/*"),
        ("PutObject", f"{bucket}/migrations/*"),
    }


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_it_asks_the_endpoints_of_its_environment_only(synthesized: Synthesized, env: str) -> None:
    granted = {(action, path.split(":")[-1]) for action, path in _granted(synthesized, env, "sagemaker")}
    assert granted == {("InvokeEndpoint", f"endpoint/imagesearch-{env}-*")}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"drain_hours": -1}, "must not be negative"),
        ({"drain_hours": 0, "min_recall": 1.01}, "from 0 to 1"),
        ({"drain_hours": 0, "sample": 0}, "from 1"),
        ({"drain_hours": 0, "timeout_seconds": 901}, "from 1 to 900"),
    ],
)
def test_unusable_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        MigrationSettings(**changes)
