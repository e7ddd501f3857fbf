"""What is drawn of an environment's resources, and how they are found again in texts of the templates."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from scripts.diagrams.assembly import Assembly, Resource
from scripts.diagrams.flowchart import Node, Shape


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How resources of a type are drawn, and where their names stand."""

    noun: str
    shape: Shape = "box"
    name: str = ""
    """The property with the physical name, which ARNs hold."""
    service: str = ""
    """The service as ARNs name it."""
    alike: bool = False
    """Whether one node stands for all of the type."""


KINDS: Mapping[str, Kind] = {
    "AWS::S3::Bucket": Kind(noun="bucket", shape="store", name="BucketName", service="s3"),
    "AWS::OpenSearchService::Domain": Kind(
        noun="OpenSearch domain", shape="store", name="DomainName", service="es", alike=True
    ),
    "AWS::SageMaker::Endpoint": Kind(
        noun="SageMaker endpoint", shape="round", name="EndpointName", service="sagemaker", alike=True
    ),
    "AWS::SageMaker::Model": Kind(noun="SageMaker model", alike=True),
    "AWS::Lambda::Function": Kind(noun="function", name="FunctionName", service="lambda"),
    "AWS::SQS::Queue": Kind(noun="queue", shape="queue", name="QueueName", service="sqs"),
    "AWS::StepFunctions::StateMachine": Kind(
        noun="state machine", shape="nested", name="StateMachineName", service="states"
    ),
    "AWS::ApiGateway::RestApi": Kind(noun="REST API", shape="round", alike=True),
    "AWS::WAFv2::WebACL": Kind(noun="firewall", alike=True),
    "AWS::Cognito::UserPool": Kind(noun="user pool", shape="store", alike=True),
    "AWS::CloudFront::Distribution": Kind(noun="CloudFront distribution", shape="round", alike=True),
}
_OWN_NAME = re.compile(r"imagesearch-[a-z]+-(?P<own>[a-z-]+?)(?:-AWS|$)")
_HANDLER = re.compile(r"imagesearch\.entrypoints\.(?P<own>\w+)\.handler")
_ARN = re.compile(r"arn:[^:]*:(?P<service>[a-z0-9]+):[^:]*:[^:]*:(?:[a-zA-Z]+[/:])?(?P<name>[^/:]+)")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The resources that are drawn."""

    all: tuple[Resource, ...]

    @classmethod
    def of(cls, assembly: Assembly) -> Self:
        """The parts of an environment. CDK's own functions are no part: what they call is."""
        return cls(all=tuple(each for each in assembly.resources(*KINDS) if _own(each) is not None))

    def of_type(self, resource_type: str) -> list[Resource]:
        """The parts of a type."""
        return [part for part in self.all if part.type == resource_type]

    def in_text(self, text: str) -> list[Resource]:
        """The parts that a text refers to: by their marks, else by an ARN with their names, with * in it."""
        marked = [part for part in self.all if part.mark in text]
        return marked or [part for part in self.all if _is_named(part, text)]

    def named(self, name: str) -> list[Resource]:
        """The parts of exactly this physical name."""
        return [part for part in self.all if _physical_name(part) == name]


def node(part: Resource) -> Node:
    """How a part is drawn, by what it is."""
    kind = KINDS[part.type]
    name = kind.noun if kind.alike else f"{_own(part)} {kind.noun}"
    return Node(name=name, shape=kind.shape)


def nodes(parts: Iterable[Resource]) -> list[Node]:
    """How parts are drawn."""
    return [node(part) for part in parts]


def _own(part: Resource) -> str | None:
    """What tells a part from others of its kind; None for what is no part."""
    if KINDS[part.type].alike:
        return ""
    if part.type == "AWS::Lambda::Function":
        found = _HANDLER.fullmatch(part.properties["Handler"])
    else:
        found = _OWN_NAME.match(_physical_name(part))
    return found["own"].replace("_", " ").replace("-", " ") if found else None


def _physical_name(part: Resource) -> str:
    return str(part.properties.get(KINDS[part.type].name, ""))


def _is_named(part: Resource, text: str) -> bool:
    found, name = _ARN.match(text), _physical_name(part)
    return (
        found is not None
        and bool(name)
        and found["service"] == KINDS[part.type].service
        and fnmatchcase(name, found["name"])
    )
