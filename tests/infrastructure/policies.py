"""What no template may hold: each check yields a sentence for each fault that it finds."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.infrastructure.assembly import flat, listed

Template = Mapping[str, Any]
Check = Callable[[Template], Iterator[str]]
CHECKS: dict[str, Check] = {}

MANAGED = frozenset(
    {
        "service-role/AWSLambdaBasicExecutionRole",
        "service-role/AWSLambdaVPCAccessExecutionRole",
        "service-role/AmazonAPIGatewayPushToCloudWatchLogs",
    }
)
"""AWS's policies that roles may have: they write logs, and those of functions in a VPC their interfaces."""
GUARDED = frozenset({"codebuild", "events", "sagemaker", "scheduler", "states"})
"""Services that assume a role for one account, and say for which."""
FRAMEWORK = "Providerwaiterstatemachine"
"""The state machine of the CDK's provider framework, whose role is the CDK's."""
ANY_NAME = re.compile(r"arn:[^:]*:(s3:[^:]*:[^:]*:\*.*|(?!s3:)[^:]*:[^:]*:[^:]*:([A-Za-z-]+[/:])?\*.*)")
"""The ARN of a resource of whatever name: any bucket, or all of a kind."""
BY_ALIAS = "kms:ResourceAliases"
"""The condition that names a key, whose ARN nobody can compute, by its alias."""
EMPTYING = "CustomS3AutoDeleteObjects"
KEY_OWNER = re.compile(r"arn:\S*:iam::\S*:root")
SECRET_NAME = re.compile(r"(?i)(secret|password|passwd|private_?key|credential|access_?key|api_?key$|token$)")
NO_SECRETS = frozenset({"ServiceToken", "GenerateSecret", "TokenValidityUnits"})
"""Properties that sound like a secret's, with what stands in them, and are none."""
TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{32,}")
ENTROPY = 4.3
"""Bits for each character from which on a long text of mixed characters looks made by chance."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document, and where it stands."""

    resource: str
    kind: Literal["identity", "trust", "resource"]
    type: str
    content: Mapping[str, Any]

    @property
    def allows(self) -> bool:
        return self.content.get("Effect") == "Allow"

    @property
    def actions(self) -> list[str]:
        return [str(action) for action in listed(self.content.get("Action", []))]

    @property
    def resources(self) -> list[str]:
        return [flat(resource) for resource in listed(self.content.get("Resource", []))]

    @property
    def principals(self) -> list[tuple[str, str]]:
        """Kind and name of each principal."""
        principal = self.content.get("Principal", {})
        if isinstance(principal, str):
            return [("AWS", principal)]
        return [(kind, flat(name)) for kind, names in principal.items() for name in listed(names)]


def check(function: Check) -> Check:
    """Register a check under its name."""
    CHECKS[function.__name__] = function
    return function


def statements(template: Template) -> Iterator[Statement]:
    """Every statement of every policy document, wherever a resource holds one."""
    for name, resource in template["Resources"].items():
        yield from _statements(name, resource["Type"], resource.get("Properties", {}), "")


def _statements(name: str, kind: str, value: Any, key: str) -> Iterator[Statement]:
    if isinstance(value, dict) and "Fn::Join" in value:
        value = flat(value)
    if isinstance(value, str) and value.startswith("{") and '"Statement"' in value:
        value = json.loads(value)
    if isinstance(value, dict) and "Statement" in value:
        for content in listed(value["Statement"]):
            yield Statement(name, _kind(kind, key), kind, content)
        return
    for inner_key, inner in value.items() if isinstance(value, dict) else enumerate(_items(value)):
        yield from _statements(name, kind, inner, inner_key if isinstance(inner_key, str) else key)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _kind(resource_type: str, key: str) -> Literal["identity", "trust", "resource"]:
    if key == "AssumeRolePolicyDocument":
        return "trust"
    return "identity" if resource_type.startswith("AWS::IAM::") else "resource"


def _of_type(template: Template, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


@check
def wildcard_action(template: Template) -> Iterator[str]:
    """Every action is named; a key's owner alone may do everything with the key."""
    for statement in statements(template):
        for action in statement.actions:
            owns_key = statement.type == "AWS::KMS::Key" and action == "kms:*" and _is_owner(statement)
            if "*" in action and statement.allows and not owns_key and not _empties_bucket(statement):
                yield f"{statement.resource} allows {action}"
        if "NotAction" in statement.content and statement.allows:
            yield f"{statement.resource} allows all but some actions"


def _is_owner(statement: Statement) -> bool:
    return [bool(KEY_OWNER.fullmatch(name)) for _, name in statement.principals] == [True]


def _empties_bucket(statement: Statement) -> bool:
    """Whether it lets the CDK's own function empty this one bucket before it is deleted."""
    return statement.type == "AWS::S3::BucketPolicy" and EMPTYING in json.dumps(
        statement.content["Principal"]
    )


@check
def resource_of_any_name(template: Template) -> Iterator[str]:
    """A wildcard stands behind a part of a name that is ours, never for the whole name."""
    for statement in statements(template):
        if statement.kind != "identity" or not statement.allows:
            continue
        if "NotResource" in statement.content:
            yield f"{statement.resource} allows all but some resources"
        for resource in statement.resources:
            if ANY_NAME.fullmatch(resource) and BY_ALIAS not in json.dumps(statement.content):
                yield f"{statement.resource} allows {statement.actions[0]} on {resource}"


@check
def managed_policy(template: Template) -> Iterator[str]:
    """Of AWS's own policies a role has those that write logs."""
    for kind in ("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        for name, properties in _of_type(template, kind):
            for arn in listed(properties.get("ManagedPolicyArns", [])):
                text = arn["Fn::Sub"] if isinstance(arn, dict) and "Fn::Sub" in arn else flat(arn)
                policy = str(text).split(":policy/")[-1]
                if ":iam::aws:" in str(text) and policy not in MANAGED:
                    yield f"{name} has the policy {policy}"


@check
def role_passed_to_anyone(template: Template) -> Iterator[str]:
    """A role is passed to a named service only."""
    for statement in statements(template):
        if "iam:PassRole" in statement.actions and statement.allows:
            conditions = json.dumps(statement.content.get("Condition", {}))
            if "iam:PassedToService" not in conditions or "*" in statement.resources:
                yield f"{statement.resource} passes roles to any service, or any role"


@check
def open_trust(template: Template) -> Iterator[str]:
    """A role is assumed by one service, for this account, or by whom a condition describes."""
    for statement in statements(template):
        if statement.kind != "trust" or not statement.allows:
            continue
        condition = statement.content.get("Condition")
        services = [name.split(".")[0] for kind, name in statement.principals if kind == "Service"]
        if len(statement.principals) != 1 or (not services and not condition):
            yield f"{statement.resource} is assumed by {statement.principals}"
        if set(services) & GUARDED and not condition and FRAMEWORK not in statement.resource:
            yield f"{statement.resource} is assumed by {services[0]} for any account"


@check
def open_resource(template: Template) -> Iterator[str]:
    """No resource's policy admits everybody, and none a service on behalf of anybody's resource."""
    for statement in statements(template):
        everybody = any(name == "*" for _, name in statement.principals)
        is_open = statement.kind == "resource" and statement.allows and everybody
        if is_open and not statement.content.get("Condition"):
            yield f"{statement.resource} admits everybody"
    for name, properties in _of_type(template, "AWS::Lambda::Permission"):
        if not ("SourceArn" in properties or "SourceAccount" in properties):
            yield f"{name} lets {flat(properties['Principal'])} call for anybody"


@check
def open_bucket(template: Template) -> Iterator[str]:
    """Buckets are private, encrypted, and refuse plain HTTP."""
    guarded = {
        flat_reference(properties["Bucket"])
        for _, properties in _of_type(template, "AWS::S3::BucketPolicy")
        if _refuses_plain_http(properties["PolicyDocument"])
    }
    for name, properties in _of_type(template, "AWS::S3::Bucket"):
        block = properties.get("PublicAccessBlockConfiguration", {})
        if len(block) != 4 or set(block.values()) != {True}:
            yield f"{name} may be made public"
        if "BucketEncryption" not in properties:
            yield f"{name} is not encrypted"
        if name not in guarded:
            yield f"{name} takes plain HTTP"


def flat_reference(value: Any) -> str:
    """The name of the resource that a property refers to."""
    return str(value["Ref"]) if isinstance(value, dict) and "Ref" in value else str(value)


def _refuses_plain_http(document: Mapping[str, Any]) -> bool:
    refusal = {"Bool": {"aws:SecureTransport": "false"}}
    return any(
        one["Effect"] == "Deny" and one.get("Condition") == refusal for one in listed(document["Statement"])
    )


@check
def open_queue(template: Template) -> Iterator[str]:
    """Queues and topics refuse plain HTTP."""
    for kind, policy, member in (
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
    ):
        guarded = {
            flat_reference(one)
            for _, properties in _of_type(template, policy)
            if _refuses_plain_http(properties["PolicyDocument"])
            for one in properties[member]
        }
        for name, _ in _of_type(template, kind):
            if name not in guarded:
                yield f"{name} takes plain HTTP"


@check
def key_without_rotation(template: Template) -> Iterator[str]:
    """Keys are rotated."""
    for name, properties in _of_type(template, "AWS::KMS::Key"):
        if properties.get("EnableKeyRotation") is not True:
            yield f"{name} is never rotated"


@check
def endless_logs(template: Template) -> Iterator[str]:
    """Logs are forgotten after a time."""
    for name, properties in _of_type(template, "AWS::Logs::LogGroup"):
        if "RetentionInDays" not in properties:
            yield f"{name} keeps logs for ever"


@check
def secret_in_plain_text(template: Template) -> Iterator[str]:
    """Nothing that is called a secret, and no value that looks made by chance, stands in a template."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for key, _ in _texts(properties, ""):
            if SECRET_NAME.search(key):
                yield f"{name} holds {key} in plain text"
        for key, text in _texts(_values(resource["Type"], properties), ""):
            for token in TOKEN.findall(text):
                if _looks_random(token):
                    yield f"{name} holds {token[:6]}… in {key or 'a list'}"


def _values(kind: str, properties: Mapping[str, Any]) -> Any:
    """What of a resource holds values of ours, not names that the CDK makes."""
    if kind == "AWS::Lambda::Function":
        return properties.get("Environment", {}).get("Variables", {})
    if kind.startswith(("Custom::", "AWS::SSM::", "AWS::SecretsManager::", "AWS::ApiGateway::ApiKey")):
        return properties
    return {}


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        if not any(inner == "Ref" or inner.startswith("Fn::") for inner in value):
            for inner, content in value.items():
                yield from _texts(content, str(inner)) if inner not in NO_SECRETS else ()
    elif isinstance(value, list):
        for content in value:
            yield from _texts(content, key)


def _looks_random(token: str) -> bool:
    kinds = (str.isupper, str.islower, str.isdigit)
    if not all(any(kind(character) for character in token) for kind in kinds):
        return False
    counts = Counter(token)
    bits = -sum(n / len(token) * math.log2(n / len(token)) for n in counts.values())
    return bits > ENTROPY
