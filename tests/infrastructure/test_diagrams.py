"""The diagrams of the architecture's page are those of the stacks as they are."""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from scripts.diagrams.assembly import Assembly
from scripts.diagrams.page import SETTINGS, diagrams
from scripts.diagrams.stacks import direct
from scripts.diagrams.ways import VIEWS, draw_ways, stacks_of_links
from scripts.generated import block
from stacks.settings import ENVIRONMENTS
from tests.infrastructure.assembly import ROOT, Synthesized

MOST_NODES = 25
"""More than these, and nobody follows the arrows."""


@pytest.fixture
def assembly(synthesized: Synthesized) -> Assembly:
    return Assembly.read(synthesized.folder / f"assembly-{SETTINGS.name}")


def test_the_diagrams_are_current(assembly: Assembly) -> None:
    document = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    drawn = diagrams(assembly)
    assert [name for name, text in drawn.items() if block(name, text) not in document] == [], "run: make docs"
    assert sorted(re.findall(r"<!-- (diagram-\w+): begin -->", document)) == sorted(drawn)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_any_environment_can_be_drawn_so_that_it_can_be_read(
    synthesized: Synthesized, environment: str
) -> None:
    for name, text in diagrams(Assembly.read(synthesized.folder / f"assembly-{environment}")).items():
        assert 0 < len(nodes(text)) <= MOST_NODES, name
        assert len(nodes(text)) == len(set(nodes(text)))
        assert {end for source, _, target in edges(text) for end in (source, target)} <= set(nodes(text))


def test_no_stack_with_grants_or_connections_is_in_no_diagram(assembly: Assembly) -> None:
    assert set(stacks_of_links(assembly)) == {stack for stacks in VIEWS.values() for stack in stacks}


def without_resource(resource_type: str, stack: str) -> Callable[[Any], None]:
    def take_away(templates: Any) -> None:
        resources = templates[stack]["Resources"]
        for name in [name for name, each in resources.items() if each["Type"] == resource_type]:
            del resources[name]

    return take_away


def without_actions(start: str, stack: str, role: str) -> Callable[[Any], None]:
    def take_away(templates: Any) -> None:
        for resource in templates[stack]["Resources"].values():
            if resource["Type"] == "AWS::IAM::Policy" and role in str(resource["Properties"]["Roles"]):
                document = resource["Properties"]["PolicyDocument"]
                document["Statement"] = [
                    each
                    for each in document["Statement"]
                    if not str(each["Action"]).strip("['").startswith(start)
                ]

    return take_away


def without_property(resource_type: str, stack: str, name: str) -> Callable[[Any], None]:
    def take_away(templates: Any) -> None:
        for resource in templates[stack]["Resources"].values():
            if resource["Type"] == resource_type:
                resource["Properties"].pop(name, None)

    return take_away


def without_transform(templates: Any) -> None:
    for resource in templates["Bulk"]["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            parts = resource["Properties"]["DefinitionString"]["Fn::Join"][1]
            parts[:] = [
                part.replace("createTransformJob", "other") if isinstance(part, str) else part
                for part in parts
            ]


Taken = tuple[str, Callable[[Any], None], tuple[str, str, str]]
WHAT_MAKES_ARROWS: dict[str, Taken] = {
    "event source": (
        "picture",
        without_resource("AWS::Lambda::EventSourceMapping", "Ingest"),
        ("ingest_queue", "messages", "ingest_function"),
    ),
    "rule": (
        "picture",
        without_resource("AWS::Events::Rule", "Ingest"),
        ("images_bucket", "on Object Created or Object Deleted", "ingest_queue"),
    ),
    "bucket's notification": (
        "picture",
        without_property("AWS::S3::Bucket", "Data", "NotificationConfiguration"),
        ("images_bucket", "on Object Created or Object Deleted", "ingest_queue"),
    ),
    "redrive": (
        "picture",
        without_property("AWS::SQS::Queue", "Ingest", "RedrivePolicy"),
        ("ingest_queue", "after 21 tries", "dead_letters_queue"),
    ),
    "right to embed": (
        "picture",
        without_actions("sagemaker:", "Ingest", "IngestRole"),
        ("ingest_function", "invokes", "SageMaker_endpoint"),
    ),
    "right to documents": (
        "picture",
        without_actions("es:", "Ingest", "IngestRole"),
        ("ingest_function", "reads, writes", "OpenSearch_domain"),
    ),
    "model's right to pictures": (
        "picture",
        without_actions("s3:", "Model", "Role"),
        ("SageMaker_model", "reads", "images_bucket"),
    ),
    "endpoint's configuration": (
        "picture",
        without_resource("AWS::SageMaker::EndpointConfig", "Model"),
        ("SageMaker_endpoint", "serves", "SageMaker_model"),
    ),
    "transform": ("library", without_transform, ("bulk_state_machine", "batch transform", "SageMaker_model")),
    "machine's right": (
        "library",
        without_actions("lambda:", "Bulk", "RunRole"),
        ("bulk_state_machine", "invokes", "bulk_plan_function"),
    ),
    "schedule": (
        "library",
        without_property("AWS::Events::Rule", "Bulk", "ScheduleExpression"),
        ("rate_7_days", "starts", "bulk_state_machine"),
    ),
    "routes": (
        "query",
        without_resource("AWS::ApiGateway::Method", "Api"),
        ("REST_API", "/thumbnails", "thumbnail_function"),
    ),
    "authorizer": (
        "query",
        without_resource("AWS::ApiGateway::Authorizer", "Api"),
        ("REST_API", "checks tokens", "user_pool"),
    ),
    "firewall": (
        "query",
        without_resource("AWS::WAFv2::WebACLAssociation", "Api"),
        ("firewall", "guards", "REST_API"),
    ),
    "distribution": (
        "query",
        without_resource("AWS::CloudFront::Distribution", "Web"),
        ("CloudFront_distribution", "/api/*", "REST_API"),
    ),
    "canary's address": (
        "query",
        without_property("AWS::Lambda::Function", "Api", "Environment"),
        ("canary_function", "calls", "REST_API"),
    ),
    "snapshots' role": (
        "upkeep",
        without_actions("s3:", "Backup", "SnapshotsRole"),
        ("OpenSearch_domain", "reads, writes", "artifacts_bucket"),
    ),
}


@pytest.mark.parametrize("reason", WHAT_MAKES_ARROWS)
def test_an_arrow_goes_with_what_it_was_drawn_for(assembly: Assembly, reason: str) -> None:
    view, take_away, arrow = WHAT_MAKES_ARROWS[reason]
    templates = deepcopy(dict(assembly.templates))
    take_away(templates)
    assert arrow in edges(draw_ways(assembly, VIEWS[view]))
    assert arrow not in edges(draw_ways(replace(assembly, templates=templates), VIEWS[view]))


def test_an_action_without_a_verb_of_ours_is_drawn_under_its_own_name(assembly: Assembly) -> None:
    templates = deepcopy(dict(assembly.templates))
    for resource in templates["Ingest"]["Resources"].values():
        if resource["Type"] == "AWS::IAM::Policy":
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                if statement["Action"] == "sagemaker:InvokeEndpoint":
                    statement["Action"] = "sagemaker:InvokeEndpointAsync"
    drawn = edges(draw_ways(replace(assembly, templates=templates), VIEWS["picture"]))
    assert ("ingest_function", "sagemaker:InvokeEndpointAsync", "SageMaker_endpoint") in drawn


def test_a_stack_needs_directly_what_nothing_else_brings() -> None:
    needs = {
        "a": frozenset[str](),
        "b": frozenset({"a"}),
        "c": frozenset({"a", "b"}),
        "d": frozenset({"a", "c"}),
    }
    assert {stack: set(direct(needs, stack)) for stack in needs} == {
        "a": set(),
        "b": {"a"},
        "c": {"b"},
        "d": {"c"},
    }


def nodes(diagram: str) -> list[str]:
    return re.findall(r'^    n_(\w+)[\[({>/]+"', diagram, re.MULTILINE)


def edges(diagram: str) -> set[tuple[str, str, str]]:
    arrow = re.compile(r'^    n_(\w+) (?:-->|-\.->|-[-.] "(.*)" (?:-->|\.->)) n_(\w+)$', re.MULTILINE)
    return set(arrow.findall(diagram))
