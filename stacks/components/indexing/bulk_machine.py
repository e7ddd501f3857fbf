"""The state machine of the bulk run: plan, prepare, transform, index, finish.

Its states hand on a run's name and never its keys: what grows with the library lies in the artifact bucket.
"""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks import names
from stacks.components.foundations.log_retention import RETENTION
from stacks.components.foundations.permissions import acknowledge
from stacks.components.functions.python_function import PythonFunction
from stacks.components.indexing.bulk_machine_role import bulk_machine_role
from stacks.components.models.transform_task import transform_task
from stacks.settings import Settings

_ERROR = "$.error"
# The functions' errors that another try does not mend.
FINAL_ERRORS = (
    *("SettingsError", "EventInvalidError", "RunUnknownError", "RunOutdatedError", "ModelNotDeployedError"),
    *("ArtifactMissingError", "ArtifactDamagedError", "ShardIncompleteError", "BulkIncompleteError"),
    "SearchDeniedError",
)


@dataclass(frozen=True, kw_only=True)
class BulkFunctions:
    """The functions that the state machine calls."""

    plan: PythonFunction
    prepare: PythonFunction
    index: PythonFunction
    finish: PythonFunction


class BulkMachine(Construct):
    """The state machine `machine`; it fails unless every picture is accounted for.

    Input: `run` and `prefix`, and where they are not the defaults `source`, `check` and `index`. Whatever
    fails, the index is released from loading, and the report says so, before the execution fails with the
    first error.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, functions: BulkFunctions
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._functions = functions
        called = (functions.plan, functions.prepare, functions.index, functions.finish)
        role = bulk_machine_role(self, "Role", settings=settings, functions=called)
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=names.bulk_state_machine(settings),
            comment="Embeds and indexes the pictures of a prefix",
            definition_body=sfn.DefinitionBody.from_chainable(self._states()),
            # What the states need is granted there, resource by resource.
            role=role.without_policy_updates(),
            logs=sfn.LogOptions(destination=self._log_group(), level=sfn.LogLevel.ERROR),
            tracing_enabled=settings.functions.tracing,
        )
        # The CDK's own policy for the map, which this leaves attached to no role.
        self.machine.node.try_remove_child("DistributedMapPolicy")
        self._acknowledge()

    def _states(self) -> sfn.IChainable:
        release = self._release()
        plan, prepare, finish = self._plan(), self._prepare(), self._finish()
        transform, index = transform_task(self, "Transform", settings=self._settings), self._index()
        for state in (plan, prepare, transform, index, finish):
            state.add_catch(release, errors=[sfn.Errors.ALL], result_path=_ERROR)
        transform.next(index)
        index.next(finish)
        anything_left = sfn.Choice(self, "Anything to embed?")
        anything_left.when(sfn.Condition.number_greater_than("$.shards", 0), transform)
        # A resumed run may have all its embeddings, and none of them indexed; a check has none to map over.
        anything_left.when(sfn.Condition.number_greater_than("$.unfinished", 0), index).otherwise(finish)
        prepare.next(anything_left)
        all_planned = sfn.Choice(self, "All planned?")
        all_planned.when(sfn.Condition.boolean_equals("$.done", True), prepare).otherwise(plan)
        return plan.next(all_planned)

    def _plan(self) -> tasks.LambdaInvoke:
        # The execution's input is its first event, and its answer the next one, until it is done.
        return self._invoke("Plan", self._functions.plan)

    def _prepare(self) -> tasks.LambdaInvoke:
        return self._invoke("Prepare", self._functions.prepare, _input())

    def _index(self) -> sfn.DistributedMap:
        bucket = s3.Bucket.from_bucket_name(self, "Artifacts", names.artifact_bucket(self._settings))
        each = sfn.DistributedMap(
            self,
            "Index",
            label="Index",
            item_reader=sfn.S3ObjectsItemReader(bucket=bucket, prefix=_of_the_run(f"{names.EMBEDDINGS}/")),
            item_selector={
                "run": sfn.JsonPath.string_at("$.run"),
                "key": sfn.JsonPath.string_at("$$.Map.Item.Value.Key"),
            },
            max_concurrency=self._settings.bulk.index_concurrency,
            # The answers of a few thousand shards would be larger than a state's output may be.
            result_writer_v2=sfn.ResultWriterV2(bucket=bucket, prefix=_of_the_run(names.MAP_RESULTS)),
            result_path=sfn.JsonPath.DISCARD,
        )
        return each.item_processor(self._invoke("Index shard", self._functions.index))

    def _finish(self) -> tasks.LambdaInvoke:
        # The state tells what the transform job took, if there was one.
        return self._invoke("Finish", self._functions.finish, _input(state=sfn.JsonPath.entire_payload))

    def _release(self) -> tasks.LambdaInvoke:
        failed = sfn.Fail(self, "Failed", error_path=f"{_ERROR}.Error", cause_path=f"{_ERROR}.Cause")
        payload = _input(failed=True, state=sfn.JsonPath.entire_payload)
        release = self._invoke("Release", self._functions.finish, payload, keep_input=True)
        release.add_catch(failed, errors=[sfn.Errors.ALL], result_path=sfn.JsonPath.DISCARD)
        release.next(failed)
        return release

    def _invoke(
        self,
        name: str,
        function: PythonFunction,
        payload: sfn.TaskInput | None = None,
        *,
        keep_input: bool = False,
    ) -> tasks.LambdaInvoke:
        task = tasks.LambdaInvoke(
            self,
            name,
            lambda_function=function.function,
            payload=payload,
            payload_response_only=True,
            result_path=sfn.JsonPath.DISCARD if keep_input else None,
            retry_on_service_exceptions=False,
        )
        _add_retries(task)
        return task

    def _log_group(self) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "Logs",
            # Under this prefix log delivery needs no statement of its own in the account's resource policy.
            log_group_name=f"/aws/vendedlogs/states/{names.bulk_state_machine(self._settings)}",
            retention=RETENTION[self._settings.functions.log_retention_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    def _acknowledge(self) -> None:
        every_event = "Errors are logged; what became of each picture stands in the files of the run."
        findings = {"AwsSolutions-SF1": every_event}
        if not self._settings.functions.tracing:
            findings["AwsSolutions-SF2"] = "The settings trace nothing here: the emulator has no X-Ray."
        acknowledge(self.machine, findings)


def _add_retries(task: tasks.LambdaInvoke) -> None:
    task.add_retry(errors=list(FINAL_ERRORS), max_attempts=0)
    # Two minutes in all: that long an OpenSearch may be away that starts again.
    task.add_retry(
        errors=[sfn.Errors.TASKS_FAILED],
        interval=cdk.Duration.seconds(2),
        backoff_rate=2,
        max_attempts=6,
        max_delay=cdk.Duration.minutes(1),
    )


def _input(**more: object) -> sfn.TaskInput:
    return sfn.TaskInput.from_object({"run": sfn.JsonPath.string_at("$.run"), **more})


def _of_the_run(path: str) -> str:
    return sfn.JsonPath.format(f"{names.RUNS}/{{}}/{path}", sfn.JsonPath.string_at("$.run"))
