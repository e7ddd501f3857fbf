"""What CDK Pipelines grants by wildcard, named one by one: any other wildcard is still a fault."""

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import pipelines

from stacks.components.foundations.permissions import acknowledge, as_finding

_ACTIONS = (
    *("s3:Abort*", "s3:DeleteObject*", "s3:GetBucket*", "s3:GetObject*", "s3:List*"),
    *("kms:GenerateDataKey*", "kms:ReEncrypt*"),
)
_GENERATED = "CDK Pipelines lets each action read and write what the steps hand on, its logs and its reports."
_BOOTSTRAPPED = "CDK Pipelines lets the self-mutation find its stack and take the roles of the bootstrap."
_LOGGED = "CDK Pipelines has one role for all assets, whose projects come and go with them."
_HANDED_ON = "What the steps hand on is for them alone; CodePipeline keeps who started which."


def acknowledge_pipeline(stack: cdk.Stack, pipeline: pipelines.CodePipeline) -> None:
    """Acknowledge what a pipeline that has been built was given by the CDK."""
    bucket = stack.get_logical_id(_resource(pipeline.pipeline.artifact_bucket))
    resources = [f"<{bucket}.Arn>/*", *_logs_and_reports(stack)]
    wildcards = [f"Action::{action}" for action in _ACTIONS] + [f"Resource::{each}" for each in resources]
    acknowledge(
        stack,
        {
            "AwsSolutions-S1": _HANDED_ON,
            **{f"AwsSolutions-IAM5[{wildcard}]": _GENERATED for wildcard in wildcards},
        },
    )
    acknowledge(
        pipeline.node.find_child("UpdatePipeline"),
        {
            "AwsSolutions-IAM5[Resource::*]": _BOOTSTRAPPED,
            "AwsSolutions-IAM5[Resource::arn:*:iam::<AWS::AccountId>:role/*]": _BOOTSTRAPPED,
        },
    )
    assets = ["*", _group(stack, "*"), _report(stack, "*")]
    acknowledge(
        pipeline.node.find_child("Assets"),
        {f"AwsSolutions-IAM5[Resource::{each}]": _LOGGED for each in assets},
    )


def _logs_and_reports(stack: cdk.Stack) -> Iterator[str]:
    for construct in stack.node.find_all():
        if isinstance(construct, codebuild.CfnProject):
            project = f"<{stack.get_logical_id(construct)}>"
            yield _group(stack, f"{project}:*")
            yield _report(stack, f"{project}-*")


def _group(stack: cdk.Stack, name: str) -> str:
    form = cdk.ArnFormat.COLON_RESOURCE_NAME
    arn = stack.format_arn(
        service="logs", resource="log-group", resource_name=f"/aws/codebuild/{name}", arn_format=form
    )
    return as_finding(stack.resolve(arn))


def _report(stack: cdk.Stack, name: str) -> str:
    arn = stack.format_arn(service="codebuild", resource="report-group", resource_name=name)
    return as_finding(stack.resolve(arn))


def _resource(construct: cdk.IResource) -> cdk.CfnElement:
    resource = construct.node.default_child
    assert isinstance(resource, cdk.CfnElement)
    return resource
