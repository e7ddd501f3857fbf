"""Who may do what with which part: edges from the policies of roles."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.diagrams.assembly import Assembly, Resource
from scripts.diagrams.parts import Parts

VERBS: Mapping[str, str] = {
    "s3:GetObject": "reads",
    "s3:ListBucket": "reads",
    "s3:ListMultipartUploadParts": "reads",
    "s3:PutObject": "writes",
    "s3:AbortMultipartUpload": "writes",
    "s3:DeleteObject": "writes",
    "es:ESHttpGet": "reads",
    "es:ESHttpPut": "writes",
    "es:ESHttpDelete": "writes",
    "sagemaker:InvokeEndpoint": "invokes",
    "lambda:InvokeFunction": "invokes",
    "states:StartExecution": "starts",
    "cognito-idp:DescribeUserPoolClient": "reads",
}
"""What an action is called; any other stands in the diagram under its own name."""
READING_POSTS = ("_count", "_mget", "_msearch", "_search")
"""Calls of OpenSearch that carry a body and change nothing."""
# The event source says which function takes a queue's messages.
SAID_ELSEWHERE = ("sqs:",)
ROLE_PROPERTIES = {
    "AWS::Lambda::Function": "Role",
    "AWS::SageMaker::Model": "ExecutionRoleArn",
    "AWS::StepFunctions::StateMachine": "RoleArn",
}


@dataclass(frozen=True, kw_only=True)
class Link:
    """Something between two parts, and the stack that brings it about."""

    stack: str
    source: Resource
    target: Resource
    label: str


def grants(assembly: Assembly, parts: Parts) -> Iterator[Link]:
    """What the policies allow the parts to do with other parts."""
    holders = _holders(assembly, parts)
    for policy in assembly.resources("AWS::IAM::Policy"):
        for role in policy.properties["Roles"]:
            for holder in holders.get(role, ()):
                for target, label in _allowed(policy, parts):
                    if target.mark != holder.mark:
                        yield Link(stack=policy.stack, source=holder, target=target, label=label)


def _holders(assembly: Assembly, parts: Parts) -> dict[str, list[Resource]]:
    """The parts that act as a role, by the role's mark."""
    found: dict[str, list[Resource]] = {}
    for part in parts.all:
        if part.type in ROLE_PROPERTIES:
            found.setdefault(part.properties[ROLE_PROPERTIES[part.type]], []).append(part)
    for role in assembly.resources("AWS::IAM::Role"):
        # Snapshots are written by the domain, as a role that is handed to it.
        if "'es.amazonaws.com'" in str(role.properties["AssumeRolePolicyDocument"]):
            found[role.mark] = parts.of_type("AWS::OpenSearchService::Domain")
    return found


def _allowed(policy: Resource, parts: Parts) -> Iterator[tuple[Resource, str]]:
    for statement in policy.properties["PolicyDocument"]["Statement"]:
        if statement["Effect"] != "Allow":
            continue
        for text in _listed(statement["Resource"]):
            for target in parts.in_text(text):
                for action in _listed(statement["Action"]):
                    if not action.startswith(SAID_ELSEWHERE):
                        yield target, _verb(action, text)


def _verb(action: str, resource: str) -> str:
    if action == "es:ESHttpPost":
        return "reads" if resource.endswith(READING_POSTS) else "writes"
    return VERBS.get(action, action)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
