"""The role of the bulk run's state machine."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks import names
from stacks.components.foundations.encryption_key import allow_objects, allow_volumes
from stacks.components.foundations.permissions import allow, bucket_arn, service_of_this_account
from stacks.components.functions.python_function import PythonFunction
from stacks.settings import Settings

_LOG_DELIVERY = (
    *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery"),
    *("logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies"),
    "logs:DescribeLogGroups",
)
_TRACING = (
    *("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
    *("xray:GetSamplingRules", "xray:GetSamplingTargets"),
)


def bulk_machine_role(
    scope: Construct, construct_id: str, *, settings: Settings, functions: Sequence[PythonFunction]
) -> iam.Role:
    """Return a role that calls `functions`, runs transform jobs, and maps over their output."""
    role = iam.Role(scope, construct_id, assumed_by=service_of_this_account("states"))
    arns = [function.function.function_arn for function in functions]
    allow(role, actions=["lambda:InvokeFunction"], resources=arns)
    _allow_transform(role, settings)
    _allow_map(role, settings)
    _allow_map_files(role, settings)
    reason = "Neither log deliveries nor traces have resources: they are granted on * or not at all."
    allow(role, actions=_LOG_DELIVERY, resources=["*"], wildcard=reason)
    if settings.functions.tracing:
        allow(role, actions=_TRACING, resources=["*"], wildcard=reason)
    return role


def _allow_transform(role: iam.Role, settings: Settings) -> None:
    # No role is passed: a job runs with that of its model.
    stack = cdk.Stack.of(role)
    jobs = stack.format_arn(
        service="sagemaker", resource="transform-job", resource_name=f"{settings.endpoint_prefix}*"
    )
    actions = ["CreateTransformJob", "DescribeTransformJob", "StopTransformJob", "AddTags", "ListTags"]
    allow(
        role,
        actions=[f"sagemaker:{action}" for action in actions],
        resources=[jobs],
        wildcard="Jobs are named by environment and run.",
    )
    # The rule by which Step Functions learns of a job's end; its name is fixed.
    rule = stack.format_arn(
        service="events",
        resource="rule",
        resource_name="StepFunctionsGetEventsForSageMakerTransformJobsRule",
    )
    allow(role, actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"], resources=[rule])
    allow_volumes(role, settings=settings)


def _allow_map(role: iam.Role, settings: Settings) -> None:
    name = names.bulk_state_machine(settings)
    allow(role, actions=["states:StartExecution"], resources=[_states_arn(role, "stateMachine", name)])
    allow(
        role,
        actions=["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"],
        resources=[_states_arn(role, "execution", f"{name}/*"), _states_arn(role, "execution", f"{name}:*")],
        wildcard="The children of a map are executions of the machine, with generated names.",
    )


def _states_arn(scope: Construct, resource: str, name: str) -> str:
    return cdk.Stack.of(scope).format_arn(
        service="states",
        resource=resource,
        resource_name=name,
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )


def _allow_map_files(role: iam.Role, settings: Settings) -> None:
    bucket = bucket_arn(names.artifact_bucket(settings))
    allow(
        role,
        actions=["s3:ListBucket"],
        resources=[bucket],
        conditions={"StringLike": {"s3:prefix": f"{names.RUNS}/*/{names.EMBEDDINGS}/*"}},
    )
    allow(
        role,
        actions=["s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
        resources=[f"{bucket}/{names.RUNS}/*/{names.MAP_RESULTS}/*"],
        wildcard="The results of the map over any run's shards.",
    )
    allow_objects(role, settings=settings, bucket=names.artifact_bucket(settings), write=True)
