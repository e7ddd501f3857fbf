"""The bulk run: its state machine, its transform job, and what each of its roles may touch."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from imagesearch import errors
from stacks import limits
from stacks.components.indexing.bulk_machine import FINAL_ERRORS
from stacks.settings import ENVIRONMENTS
from stacks.settings.bulk import BulkSettings
from stacks.settings.checks import SettingsError
from tests.infrastructure.assembly import PUBLISHED, Synthesized, flat, listed, resources

LAMBDA_STATES = {"Plan", "Prepare", "Finish", "Release"}


def _definition(synthesized: Synthesized, env: str) -> dict[str, Any]:
    (machine,) = resources(synthesized.templates[env]["Bulk"], "AWS::StepFunctions::StateMachine")
    definition: dict[str, Any] = json.loads(_joined(machine["Properties"]["DefinitionString"]))
    return definition


def _joined(value: Any) -> str:
    """Return the definition as CloudFormation would join it, in the partition `aws`."""
    match value:
        case {"Fn::Join": ["", parts]}:
            return "".join(map(_joined, parts))
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Fn::GetAtt": [function, "Arn"]}:
            return f"arn:aws:lambda:us-east-1:123456789012:function:{function}"
    return flat(value)


def _states(synthesized: Synthesized, env: str) -> dict[str, Any]:
    states: dict[str, Any] = _definition(synthesized, env)["States"]
    return states


def _shard_state(synthesized: Synthesized, env: str) -> dict[str, Any]:
    state: dict[str, Any] = _states(synthesized, env)["Index"]["ItemProcessor"]["States"]["Index shard"]
    return state


def test_cfn_lint_finds_nothing_in_the_definition_itself(synthesized: Synthesized, tmp_path: Path) -> None:
    definitions = [_definition(synthesized, env) for env in ENVIRONMENTS]
    assert _lint(tmp_path, definitions) == ""


def test_cfn_lint_would_find_a_state_without_a_resource(synthesized: Synthesized, tmp_path: Path) -> None:
    definition = _definition(synthesized, "dev")
    del definition["States"]["Plan"]["Resource"]
    assert "E3601" in _lint(tmp_path, [definition])


def _lint(folder: Path, definitions: Sequence[dict[str, Any]]) -> str:
    # In the templates they are joined from parts, which cfn-lint does not look into.
    for number, definition in enumerate(definitions):
        properties = {
            "RoleArn": "arn:aws:iam::123456789012:role/role",
            "DefinitionString": json.dumps(definition),
        }
        machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
        (folder / f"{number}.json").write_text(json.dumps({"Resources": {"Machine": machine}}))
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--", *map(str, folder.glob("*.json"))]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


def test_every_state_that_is_named_exists_and_is_reached(synthesized: Synthesized) -> None:
    for env in ENVIRONMENTS:
        states = _states(synthesized, env)
        assert {_definition(synthesized, env)["StartAt"], *_named(states)} == set(states)


def _named(states: dict[str, Any]) -> Iterator[str]:
    for state in states.values():
        ways = [state, *state.get("Catch", []), *state.get("Choices", [])]
        yield from (way[key] for way in ways for key in ("Next", "Default") if key in way)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_run_plans_until_it_is_done_then_transforms_indexes_and_finishes(
    synthesized: Synthesized, env: str
) -> None:
    states = _states(synthesized, env)
    assert _definition(synthesized, env)["StartAt"] == "Plan"
    (planned,) = states["All planned?"]["Choices"]
    left, unfinished = states["Anything to embed?"]["Choices"]
    assert (planned["Variable"], planned["BooleanEquals"], planned["Next"]) == ("$.done", True, "Prepare")
    assert states["All planned?"]["Default"] == "Plan"
    assert (left["Variable"], left["NumericGreaterThan"], left["Next"]) == ("$.shards", 0, "Transform")
    # A resumed run may have all its embeddings, and none of them indexed.
    assert (unfinished["Variable"], unfinished["NumericGreaterThan"]) == ("$.unfinished", 0)
    assert (unfinished["Next"], states["Anything to embed?"]["Default"]) == ("Index", "Finish")
    assert {name: state["Next"] for name, state in states.items() if "Next" in state} == {
        "Plan": "All planned?",
        "Prepare": "Anything to embed?",
        "Transform": "Index",
        "Index": "Finish",
        "Release": "Failed",
    }
    assert states["Finish"]["End"] is True


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_whatever_fails_releases_the_index_and_then_fails_the_run_with_the_first_error(
    synthesized: Synthesized, env: str
) -> None:
    states = _states(synthesized, env)
    for name in ("Plan", "Prepare", "Transform", "Index", "Finish"):
        (catch,) = states[name]["Catch"]
        assert catch == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Release"}
    (catch,) = states["Release"]["Catch"]
    assert catch == {"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Failed"}
    assert states["Release"]["Parameters"] == {"run.$": "$.run", "failed": True, "state.$": "$"}
    assert states["Finish"]["Parameters"] == {"run.$": "$.run", "state.$": "$"}
    assert states["Release"]["ResultPath"] is None
    assert states["Failed"] == {
        "Type": "Fail",
        "ErrorPath": "$.error.Error",
        "CausePath": "$.error.Cause",
    }


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_call_of_a_function_is_retried_unless_its_error_is_final(
    synthesized: Synthesized, env: str
) -> None:
    calls = [_states(synthesized, env)[name] for name in LAMBDA_STATES]
    for state in [*calls, _shard_state(synthesized, env)]:
        final, other = state["Retry"]
        assert (final["ErrorEquals"], final["MaxAttempts"]) == (list(FINAL_ERRORS), 0)
        assert (other["ErrorEquals"], other["MaxAttempts"]) == (["States.TaskFailed"], 6)


def test_final_errors_are_errors_of_the_functions() -> None:
    # Lambda tells Step Functions the name of the exception's class.
    assert all(issubclass(getattr(errors, name), errors.ImageSearchError) for name in FINAL_ERRORS)
    assert "SearchDeniedError" in FINAL_ERRORS, "roles of the domain change by deployments only"


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_transform_job_is_what_the_settings_say_and_leaves_nothing_to_defaults(
    synthesized: Synthesized, env: str
) -> None:
    bulk, transform = ENVIRONMENTS[env].bulk, _states(synthesized, env)["Transform"]
    own_key, alias = ENVIRONMENTS[env].encryption == "customer", f"alias/imagesearch-{env}-data"
    assert transform["Resource"] == "arn:aws:states:::sagemaker:createTransformJob.sync"
    assert transform["Parameters"] == {
        "TransformJobName.$": f"States.Format('imagesearch-{env}-{{}}', $.job)",
        "ModelName.$": "$.model",
        "TransformInput": {
            "ContentType": "application/jsonlines",
            "SplitType": "None",
            "DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri.$": "$.manifest"}},
        },
        "BatchStrategy": "SingleRecord",
        "MaxConcurrentTransforms": bulk.max_concurrent_transforms,
        "MaxPayloadInMB": 6,
        "ModelClientConfig": {
            "InvocationsTimeoutInSeconds": bulk.invocation_timeout_seconds,
            "InvocationsMaxRetries": bulk.invocation_retries,
        },
        "TransformOutput": {
            "S3OutputPath.$": "$.output",
            "Accept": "application/jsonlines",
            "AssembleWith": "None",
            **({"KmsKeyId": alias} if own_key else {}),
        },
        "TransformResources": {
            "InstanceType": bulk.instance_type,
            "InstanceCount": bulk.instance_count,
            **({"VolumeKmsKeyId": alias} if own_key else {}),
        },
    }
    # A job's name is never free again, so the same request cannot be sent twice.
    assert "Retry" not in transform


def test_a_jobs_name_has_room_for_its_prefix(synthesized: Synthesized) -> None:
    # Twenty-five characters of a run, and nine that tell its attempts apart.
    longest_job = 34
    for settings in ENVIRONMENTS.values():
        assert len(settings.endpoint_prefix) <= limits.DOMAIN_NAME.value + 1
    assert limits.DOMAIN_NAME.value + 1 + longest_job <= limits.TRANSFORM_JOB_NAME.value


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_each_output_is_an_item_of_its_own_and_none_may_fail(synthesized: Synthesized, env: str) -> None:
    index = _states(synthesized, env)["Index"]
    bucket = f"imagesearch-{env}-artifacts-reference-us-east-1"
    assert not [name for name in index if name.startswith("Tolerated")]
    assert "ItemBatcher" not in index
    assert index["MaxConcurrency"] == ENVIRONMENTS[env].bulk.index_concurrency
    assert index["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert index["ItemReader"] == {
        "Resource": "arn:aws:states:::s3:listObjectsV2",
        "Parameters": {"Bucket": bucket, "Prefix.$": "States.Format('runs/{}/embeddings/', $.run)"},
    }
    assert index["ItemSelector"] == {"run.$": "$.run", "key.$": "$$.Map.Item.Value.Key"}


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_maps_result_goes_to_s3_for_it_could_be_too_large_for_a_state(
    synthesized: Synthesized, env: str
) -> None:
    index = _states(synthesized, env)["Index"]
    assert index["ResultPath"] is None
    assert index["ResultWriter"]["Parameters"] == {
        "Bucket": f"imagesearch-{env}-artifacts-reference-us-east-1",
        "Prefix.$": "States.Format('runs/{}/map', $.run)",
    }


def test_the_functions_know_the_models_by_the_names_that_they_are_deployed_under(
    synthesized: Synthesized,
) -> None:
    for _, stacks in synthesized.templates.items():
        (model,) = resources(stacks["Model"], "AWS::SageMaker::Model")
        deployed = {PUBLISHED.fingerprint[:12]: model["Properties"]["ModelName"]}
        for step in ("plan", "prepare"):
            variables = _function(stacks["Bulk"], step)["Environment"]["Variables"]
            assert json.loads(variables["MODEL_NAMES"]) == deployed


def _function(template: dict[str, Any], step: str) -> dict[str, Any]:
    handler = f"imagesearch.entrypoints.bulk_{step}.handler"
    functions = [function["Properties"] for function in resources(template, "AWS::Lambda::Function")]
    (properties,) = (properties for properties in functions if properties["Handler"] == handler)
    assert isinstance(properties, dict)
    return properties


def _granted(template: dict[str, Any], role: dict[str, Any], service: str) -> set[tuple[str, str]]:
    """Return the actions of `service` that `role` may perform, each with the last part of its resource."""
    return {
        (action.split(":")[1], flat(resource).split(":::")[-1].split(":domain/")[-1])
        for statement in _statements(template, role)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if action.startswith(f"{service}:")
    }


def _statements(template: dict[str, Any], role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    logical_id = role["Fn::GetAtt"][0]
    for policy in resources(template, "AWS::IAM::Policy"):
        if {"Ref": logical_id} in policy["Properties"]["Roles"]:
            yield from policy["Properties"]["PolicyDocument"]["Statement"]


FILES = {
    "plan": {
        ("ListBucket", "images"),
        ("GetObject", "images/*"),
        ("ListBucket", "artifacts"),
        ("GetObject", "artifacts/runs/*"),
        ("GetObject", "artifacts/rejects/*"),
        ("PutObject", "artifacts/runs/*"),
        ("PutObject", "artifacts/rejects/*"),
    },
    "prepare": {
        ("ListBucket", "artifacts"),
        ("GetObject", "artifacts/runs/*"),
        ("PutObject", "artifacts/runs/*/manifest.json"),
    },
    "index": {
        ("ListBucket", "images"),
        ("GetObject", "images/*"),
        ("ListBucket", "artifacts"),
        ("GetObject", "artifacts/runs/*"),
        ("GetObject", "artifacts/rejects/*"),
        ("PutObject", "artifacts/runs/*/indexed/*"),
        ("PutObject", "artifacts/rejects/*"),
    },
    "finish": {
        ("ListBucket", "artifacts"),
        ("GetObject", "artifacts/runs/*"),
        ("PutObject", "artifacts/runs/*/report.json"),
    },
}
INDICES = {("ESHttpGet", "images/_mapping"), ("ESHttpGet", "images_written/_mapping")}
SINGLE = {(f"ESHttp{method}", "images-*/_doc/*") for method in ("Get", "Put", "Delete")}
REQUESTS = {
    "plan": {("ESHttpPost", "images-*/_mget"), ("ESHttpPost", "images-*/_search"), *INDICES, *SINGLE},
    "prepare": {("ESHttpPut", "images-*/_settings"), *INDICES},
    "index": {("ESHttpPost", "images-*/_bulk"), ("ESHttpPost", "images-*/_mget"), *INDICES, *SINGLE},
    "finish": {("ESHttpPut", "images-*/_settings"), ("ESHttpPost", "images-*/_refresh")},
}


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("step", FILES)
def test_a_function_reaches_the_files_of_its_step_and_no_others(
    synthesized: Synthesized, env: str, step: str
) -> None:
    template = synthesized.templates[env]["Bulk"]
    granted = _granted(template, _function(template, step)["Role"], "s3")
    short = {
        (action, path.removeprefix(f"imagesearch-{env}-").replace("-reference-us-east-1", ""))
        for action, path in granted
    }
    assert short == FILES[step]


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("step", REQUESTS)
def test_a_function_sends_the_requests_of_its_step_and_no_others(
    synthesized: Synthesized, env: str, step: str
) -> None:
    template = synthesized.templates[env]["Bulk"]
    granted = _granted(template, _function(template, step)["Role"], "es")
    assert {(action, path.removeprefix(f"imagesearch-{env}/")) for action, path in granted} == REQUESTS[step]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_machine_calls_its_functions_and_runs_jobs_of_its_environment_only(
    synthesized: Synthesized, env: str
) -> None:
    template = synthesized.templates[env]["Bulk"]
    (machine,) = resources(template, "AWS::StepFunctions::StateMachine")
    role = machine["Properties"]["RoleArn"]
    functions = {
        resource["Fn::GetAtt"][0]
        for statement in _statements(template, role)
        if "lambda:InvokeFunction" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    assert {template["Resources"][name]["Type"] for name in functions} == {"AWS::Lambda::Function"}
    assert len(functions) == len(FILES)
    jobs = {resource.split(":")[-1] for _, resource in _granted(template, role, "sagemaker")}
    assert jobs == {f"transform-job/imagesearch-{env}-*"}
    bucket = f"imagesearch-{env}-artifacts-reference-us-east-1"
    written = {resource for action, resource in _granted(template, role, "s3") if action != "ListBucket"}
    assert written == {f"{bucket}/runs/*/map/*"}
    # A transform job runs with the role of its model.
    assert not _granted(template, role, "iam")


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_machines_errors_are_logged_and_it_is_traced_where_the_functions_are(
    synthesized: Synthesized, env: str
) -> None:
    (machine,) = resources(synthesized.templates[env]["Bulk"], "AWS::StepFunctions::StateMachine")
    properties = machine["Properties"]
    assert properties["StateMachineName"] == f"imagesearch-{env}-bulk"
    assert properties["LoggingConfiguration"]["Level"] == "ERROR"
    assert len(properties["LoggingConfiguration"]["Destinations"]) == 1
    assert properties["TracingConfiguration"] == {"Enabled": ENVIRONMENTS[env].functions.tracing}
    waits = {synthesized.templates[env]["Bulk"]["Resources"][name]["Type"] for name in machine["DependsOn"]}
    assert waits == {"AWS::IAM::Role", "AWS::IAM::Policy"}


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("step", FILES)
def test_the_steps_that_settle_single_pictures_may_have_them_embedded(
    synthesized: Synthesized, env: str, step: str
) -> None:
    template = synthesized.templates[env]["Bulk"]
    granted = _granted(template, _function(template, step)["Role"], "sagemaker")
    invoked = {(action, resource.split(":")[-1]) for action, resource in granted}
    expected = {("InvokeEndpoint", f"endpoint/imagesearch-{env}-*")} if step in ("plan", "index") else set()
    assert invoked == expected


def _rules(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule["Properties"] for rule in resources(template, "AWS::Events::Rule")]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_what_is_ended_by_force_is_told_to_the_last_step(synthesized: Synthesized, env: str) -> None:
    template = synthesized.templates[env]["Bulk"]
    (rule,) = [rule for rule in _rules(template) if "EventPattern" in rule]
    (machine,) = [
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    ]
    assert rule["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [{"Ref": machine}], "status": ["ABORTED", "TIMED_OUT"]},
    }
    (target,) = rule["Targets"]
    called = template["Resources"][target["Arn"]["Fn::GetAtt"][0]]["Properties"]
    assert called["Handler"] == "imagesearch.entrypoints.bulk_finish.handler"
    assert target["InputPath"] == "$.detail"


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_everything_is_reconciled_as_often_as_the_settings_say(synthesized: Synthesized, env: str) -> None:
    template, days = synthesized.templates[env]["Bulk"], ENVIRONMENTS[env].bulk.reconcile_days
    scheduled = [rule for rule in _rules(template) if "ScheduleExpression" in rule]
    assert [rule["ScheduleExpression"] for rule in scheduled] == (
        [] if days is None else [f"rate({days} days)"]
    )
    for rule in scheduled:
        (target,) = rule["Targets"]
        transformer = target["InputTransformer"]
        (name,) = transformer["InputPathsMap"]
        assert transformer["InputPathsMap"] == {name: "$.id"}
        assert transformer["InputTemplate"] == f'{{"run":<{name}>,"prefix":""}}'
        granted = [
            action
            for statement in _statements(template, target["RoleArn"])
            for action in listed(statement["Action"])
        ]
        assert granted == ["states:StartExecution"]


@pytest.mark.parametrize(
    "changes",
    [{"reconcile_days": 0}, {"reconcile_days": -1}, {"instance_price_per_hour": 0.0}],
)
def test_unusable_settings_of_a_run_are_refused(changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(SettingsError, match=name):
        BulkSettings(instance_type="ml.c6i.large", instance_count=1, **changes)
