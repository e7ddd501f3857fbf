"""Transform jobs on the emulator: asked by clients of SageMaker, and run as a state of a state machine."""

import hashlib
import io
import json
import signal
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from scripts.local.emulator_process import Emulator
from scripts.local.settings import ACCOUNT, REGION, LocalSettings
from scripts.target import LOCAL_CREDENTIALS
from tests.integration.conftest import ECHO_HANDLER, write_artifact
from tests.ports import free_ports
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.verified("SageMaker: batch transform jobs", on="stand-in"),
    pytest.mark.verified("Step Functions: createTransformJob.sync", on="stand-in"),
]

BUCKET, ROLE = "transform-artifacts", f"arn:aws:iam::{ACCOUNT}:role/any"
SYNC = "arn:aws:states:::sagemaker:createTransformJob.sync"
SLEEPY_HANDLER = (
    ECHO_HANDLER
    + """
import time

def predict_fn(request, files):
    if request[0] == b"sleep":
        time.sleep(600)
    return (*request, files)
"""
)


class Cloud:
    """Clients of one emulator that knows the echo model, which can sleep, under the name ``echo``."""

    def __init__(self, settings: LocalSettings, artifact: bytes) -> None:
        session = boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS)
        self.s3 = session.client("s3", endpoint_url=settings.emulator_url)
        self.sagemaker: Any = session.client("sagemaker", endpoint_url=settings.emulator_url)
        self.states = session.client("stepfunctions", endpoint_url=settings.emulator_url)
        self.functions = session.client("lambda", endpoint_url=settings.emulator_url)
        self.cloudformation = session.client("cloudformation", endpoint_url=settings.emulator_url)
        self._deploy(artifact)

    def put(self, prefix: str, contents: dict[str, bytes]) -> None:
        for name, content in contents.items():
            self.s3.put_object(Bucket=BUCKET, Key=f"{prefix}{name}", Body=content)

    def keys(self, prefix: str) -> list[str]:
        page = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"].removeprefix(prefix) for item in page.get("Contents", [])]

    def start(self, name: str, states: dict[str, Any], data: object = None) -> str:
        """An execution of a new state machine that begins with the first of ``states``."""
        definition = json.dumps({"StartAt": next(iter(states)), "States": states})
        machine = self.states.create_state_machine(name=name, definition=definition, roleArn=ROLE)
        arn, text = machine["stateMachineArn"], json.dumps(data or {})
        return str(self.states.start_execution(stateMachineArn=arn, input=text)["executionArn"])

    def outcome(self, execution: str) -> dict[str, Any]:
        """What DescribeExecution says of it once it is over."""

        def ended() -> dict[str, Any] | None:
            described = self.states.describe_execution(executionArn=execution)
            return None if described["status"] == "RUNNING" else dict(described)

        return wait_for(ended, execution)

    def function(self, name: str, code: str) -> str:
        """The ARN of a new function."""
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("index.py", code)
        function = self.functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="index.handler",
            Role=ROLE,
            Code={"ZipFile": package.getvalue()},
        )
        return str(function["FunctionArn"])

    def job_status(self, name: str) -> str:
        return str(self.sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"])

    def _deploy(self, artifact: bytes) -> None:
        self.s3.create_bucket(Bucket=BUCKET)
        key = f"models/{hashlib.sha256(artifact).hexdigest()}/model.tar.gz"
        self.put("", {key: artifact})
        variables = {"GREETING": "from the model", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
        container = {"Image": "i", "ModelDataUrl": f"s3://{BUCKET}/{key}", "Environment": variables}
        properties = {"ModelName": "echo", "PrimaryContainer": container}
        template = {"Resources": {"Model": {"Type": "AWS::SageMaker::Model", "Properties": properties}}}
        self.cloudformation.create_stack(StackName="echo", TemplateBody=json.dumps(template))
        waiter = self.cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName="echo", WaiterConfig={"Delay": 1, "MaxAttempts": 60})


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> LocalSettings:
    directory = tmp_path_factory.mktemp("local")
    return LocalSettings(directory=directory, emulator_port=free_ports(1)[0], model_server_port=18480)


@pytest.fixture(scope="module")
def emulator(settings: LocalSettings) -> Iterator[Emulator]:
    emulator = Emulator(settings)
    try:
        emulator.start(opensearch_address="127.0.0.1:1")
        yield emulator
    finally:
        emulator.stop()


@pytest.fixture(scope="module")
def cloud(settings: LocalSettings, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    artifact = write_artifact(tmp_path_factory.mktemp("artifact") / "model.tar.gz", SLEEPY_HANDLER)
    return Cloud(settings, artifact.read_bytes())


def request(name: str, **members: Any) -> dict[str, Any]:
    """A job over the objects below ``in/<name>/``."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/{name}/"}
    return {
        "TransformJobName": name,
        "ModelName": "echo",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 0},
        "TransformInput": {"ContentType": "application/jsonlines", "DataSource": {"S3DataSource": source}},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out/{name}", "Accept": "application/jsonlines"},
        "TransformResources": {"InstanceType": "ml.c6i.xlarge", "InstanceCount": 1},
        **members,
    }


def transform(parameters: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": SYNC, "Parameters": parameters, "End": True, **members}


def test_a_state_machine_waits_for_its_job_and_gets_its_description(cloud: Cloud) -> None:
    manifest = json.dumps([{"prefix": f"s3://{BUCKET}/in/sync/"}, "0.jsonl", "1 ü.jsonl"])
    cloud.put("in/sync/", {"0.jsonl": b"{}", "1 ü.jsonl": b"{}\n{}", "unnamed": b"refuse"})
    cloud.put("", {"manifest.json": manifest.encode()})
    source = {"S3DataType": "ManifestFile", "S3Uri.$": "$.manifest"}
    parameters = request("sync")
    parameters["TransformInput"]["DataSource"]["S3DataSource"] = source
    execution = cloud.start(
        "sync", {"Transform": transform(parameters)}, {"manifest": f"s3://{BUCKET}/manifest.json"}
    )
    outcome = cloud.outcome(execution)
    assert outcome["status"] == "SUCCEEDED", outcome
    output = json.loads(outcome["output"])
    assert (output["TransformJobStatus"], output["ModelName"]) == ("Completed", "echo")
    assert output["TransformJobArn"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:transform-job/sync"
    assert cloud.keys("out/sync/") == ["0.jsonl.out", "1 ü.jsonl.out"]
    answer = json.loads(cloud.s3.get_object(Bucket=BUCKET, Key="out/sync/1 ü.jsonl.out")["Body"].read())
    assert (answer["length"], answer["content_type"]) == (5, "application/jsonlines")
    assert (answer["accept"], answer["greeting"]) == ("application/jsonlines", "from the model")


def test_a_failed_job_fails_its_state_with_the_jobs_description_as_the_cause(cloud: Cloud) -> None:
    cloud.put("in/failing/", {"0.jsonl": b"{}", "1.jsonl": b"refuse"})
    catch = [{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "Caught"}]
    states = {"Transform": transform(request("failing"), Catch=catch), "Caught": {"Type": "Succeed"}}
    outcome = cloud.outcome(cloud.start("failing", states))
    error = json.loads(outcome["output"])["error"]
    cause = json.loads(error["Cause"])
    assert (outcome["status"], error["Error"]) == ("SUCCEEDED", "States.TaskFailed")
    assert cause["TransformJobStatus"] == "Failed"
    assert cause["FailureReason"].startswith(
        f'ClientError: s3://{BUCKET}/in/failing/1.jsonl: ClientError: 415, message: {{"error"'
    )
    assert cloud.keys("out/failing/") == ["0.jsonl.out"]


def test_a_refused_request_fails_its_state_with_the_services_error(cloud: Cloud) -> None:
    unknown = cloud.outcome(cloud.start("unknown", {"T": transform(request("unknown", DataProcessing={}))}))
    assert (unknown["status"], unknown["error"]) == ("FAILED", "SageMaker.AmazonSageMakerException")
    assert "DataProcessing is not known" in unknown["cause"]
    cloud.sagemaker.create_transform_job(**request("taken"))
    taken = cloud.outcome(cloud.start("taken", {"T": transform(request("taken"))}))
    assert taken["error"] == "SageMaker.ResourceInUseException"


def test_a_stopped_execution_and_a_timeout_stop_their_jobs(cloud: Cloud) -> None:
    for name in ("aborted", "late"):
        cloud.put(f"in/{name}/", {"0": b"sleep"})
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 0, "MaxAttempts": 3}]
    execution = cloud.start("aborted", {"T": transform(request("aborted"), Retry=retry)})
    wait_for(lambda: "aborted" in names_of_jobs(cloud) or None, "the job")
    cloud.states.stop_execution(executionArn=execution)
    late = cloud.outcome(cloud.start("late", {"T": transform(request("late"), TimeoutSeconds=1)}))
    assert late["error"] == "States.Timeout"
    wait_for(lambda: cloud.job_status("aborted") == "Stopped" or None, "the job of the stopped execution")
    wait_for(lambda: cloud.job_status("late") == "Stopped" or None, "the job that was too late")
    assert cloud.outcome(execution)["status"] == "ABORTED"


def names_of_jobs(cloud: Cloud) -> list[str]:
    summaries = cloud.sagemaker.list_transform_jobs()["TransformJobSummaries"]
    return [summary["TransformJobName"] for summary in summaries]


def test_a_client_creates_describes_lists_and_stops_jobs_without_waiting_for_them(cloud: Cloud) -> None:
    cloud.put("in/client/", {"0": b"{}"})
    output = {"S3OutputPath": "s3://no-such-bucket/out"}
    began = time.monotonic()
    created = cloud.sagemaker.create_transform_job(
        **request("client", TransformOutput=output, Tags=[{"Key": "a", "Value": "b"}])
    )
    assert time.monotonic() - began < 1
    assert created["TransformJobArn"].endswith(":transform-job/client")
    described = cloud.sagemaker.describe_transform_job(TransformJobName="client")
    assert (described["TransformJobStatus"], described["TransformOutput"]) == ("InProgress", output)
    wait_for(lambda: cloud.job_status("client") == "Failed" or None, "the job to fail")
    cloud.sagemaker.stop_transform_job(TransformJobName="client")
    listed = cloud.sagemaker.list_transform_jobs(StatusEquals="Failed", NameContains="clien")
    (summary,) = listed["TransformJobSummaries"]
    assert summary["TransformJobName"] == "client"
    assert "s3://no-such-bucket/out/0.out cannot be written" in summary["FailureReason"]
    with pytest.raises(ClientError, match="Could not find requested job with name: missing"):
        cloud.sagemaker.describe_transform_job(TransformJobName="missing")
    with pytest.raises(ClientError, match="SortBy is not known"):
        cloud.sagemaker.list_transform_jobs(SortBy="Name")


def test_a_result_over_the_quota_of_a_state_fails_the_execution(cloud: Cloud) -> None:
    arn = cloud.function("big", "def handler(event, context): return 'x' * event['size']")
    for size, status in ((256 * 1024 - 100, "SUCCEEDED"), (256 * 1024, "FAILED")):
        parameters = {"FunctionName": arn, "Payload": {"size": size}}
        resource = "arn:aws:states:::lambda:invoke"
        states = {"T": {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}}
        outcome = cloud.outcome(cloud.start(f"size-{size}", states))
        assert outcome["status"] == status
    assert outcome["error"] == "States.DataLimitExceeded"


def test_a_path_that_the_input_lacks_fails_the_execution(cloud: Cloud) -> None:
    for number, path in enumerate(("$.missing", "$.list[3]", "$$.Execution.Nothing")):
        states = {"P": {"Type": "Pass", "Parameters": {"nested": {"a.$": path}}, "End": True}}
        outcome = cloud.outcome(cloud.start(f"path-{number}", states, {"list": [1], "null": None}))
        assert (outcome["status"], outcome["error"]) == ("FAILED", "States.Runtime")
        assert f"The JSONPath '{path}' specified for the field 'a.$'" in outcome["cause"]
    present = {
        "a.$": "$.null",
        "b.$": "$.list[0]",
        "c.$": "$",
        "d.$": "$$.Execution.Name",
        "e.$": "$.list[*]",
    }
    states = {"P": {"Type": "Pass", "Parameters": present, "End": True}}
    outcome = cloud.outcome(cloud.start("path-present", states, {"list": [1], "null": None}))
    output = json.loads(outcome["output"])
    assert (output["a"], output["b"], output["e"]) == (None, 1, [1])


def test_a_stopped_execution_begins_no_further_items_of_its_map(cloud: Cloud) -> None:
    """And a failure after the stop leaves it ABORTED."""
    cloud.put("map/", {str(number): b"" for number in range(4)})
    reader = {
        "Resource": "arn:aws:states:::s3:listObjectsV2",
        "Parameters": {"Bucket": BUCKET, "Prefix": "map/"},
    }
    item = {
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Transform"},
        "Transform": transform({**request("unused"), "TransformJobName.$": "$.name"}),
    }
    states = {
        "Map": {
            "Type": "Map",
            "MaxConcurrency": 2,
            "ItemReader": reader,
            "ItemSelector": {"name.$": "States.Format('map-{}', $$.Map.Item.Index)"},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "Wait", "States": item},
            "End": True,
        }
    }
    execution = cloud.start("map", states)
    wait_for(lambda: cloud.states.list_map_runs(executionArn=execution)["mapRuns"] or None, "the map")
    cloud.states.stop_execution(executionArn=execution)
    run = cloud.states.list_map_runs(executionArn=execution)["mapRuns"][0]["mapRunArn"]
    wait_for(lambda: cloud.states.describe_map_run(mapRunArn=run).get("stopDate"), "the map's end")
    assert cloud.states.describe_map_run(mapRunArn=run)["itemCounts"]["failed"] == 4
    assert not [name for name in names_of_jobs(cloud) if name.startswith("map-")]
    assert cloud.outcome(execution)["status"] == "ABORTED"


def test_the_emulators_end_ends_its_jobs_model_servers(
    cloud: Cloud, emulator: Emulator, settings: LocalSettings
) -> None:
    """By a SIGTERM to its own process alone; the last test, as nothing is asked after it."""
    cloud.put("in/last/", {"0": b"sleep"})
    cloud.start("last", {"T": transform(request("last"), TimeoutSeconds=600)})
    folder = str(settings.directory / "emulator" / "jobs" / "last")
    servers = wait_for(lambda: processes_in(folder) or None, "the job's model server")
    process = emulator.running()
    assert process is not None
    psutil.Process(process.pid).send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs([psutil.Process(process.pid), *servers], timeout=15)
    assert alive == []
    assert processes_in(folder) == []


def processes_in(folder: str) -> list[psutil.Process]:
    """The processes whose working directory lies in ``folder``."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found
