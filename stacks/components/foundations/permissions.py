"""Grants that name their actions and resources, and the acknowledgement of what a check finds in them."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import IConstruct


def acknowledge(construct: IConstruct, findings: Mapping[str, str]) -> None:
    """Acknowledge findings of the checks on `construct` and below: rule or rule[finding] to the reason."""
    for rule, reason in findings.items():
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=rule, reason=reason))


def bucket_arn(name: str) -> str:
    """Return the ARN of the bucket called `name`, in whichever partition the stack is deployed."""
    return f"arn:{cdk.Aws.PARTITION}:s3:::{name}"


def service_of_this_account(service: str) -> iam.ServicePrincipal:
    """Return `service` (such as `states`) as it acts for this account.

    For roles of services that say for whom they assume one: nobody else's resource makes them use ours.
    """
    return iam.ServicePrincipal(
        f"{service}.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}}
    )


def allow(
    role: iam.Role,
    *,
    actions: Sequence[str],
    resources: Sequence[str],
    wildcard: str | None = None,
    conditions: Mapping[str, object] | None = None,
) -> None:
    """Let `role` perform `actions` on `resources`, under IAM `conditions`.

    `wildcard` is the reason why a resource holds a wildcard: without it such a resource is refused with
    ValueError, and so is a wildcard among the actions in any case.
    """
    if any("*" in action for action in actions):
        raise ValueError(f"name every action instead of {', '.join(actions)}")
    role.add_to_policy(
        iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)
    )
    for resource in resources:
        acknowledge_wildcard(role, resource, wildcard)


def acknowledge_wildcard(construct: IConstruct, resource: str, reason: str | None) -> None:
    """Acknowledge the wildcard of a `resource` in the policies of `construct`, if it holds one.

    Raises ValueError without a `reason`.
    """
    finding = as_finding(cdk.Stack.of(construct).resolve(resource))
    if "*" not in finding:
        return
    if reason is None:
        raise ValueError(f"{finding}: a wildcard needs its reason")
    acknowledge(construct, {f"AwsSolutions-IAM5[Resource::{finding}]": reason})


def as_finding(value: object) -> str:
    """Return a resolved ARN as cdk-nag names it: references in angle brackets."""
    match value:
        case str():
            return value
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(map(as_finding, parts))
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::Sub": str(text)}:
            return text
    raise ValueError(f"no resource of a policy: {value!r}")
