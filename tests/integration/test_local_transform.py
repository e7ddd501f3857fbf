"""Transform jobs, each on a genuine model server of its own; S3 is a dictionary here."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from scripts.local.emulator.errors import SageMakerError
from scripts.local.emulator.sagemaker import SageMaker
from scripts.local.emulator.transform import TransformJob, TransformJobs
from tests.integration.conftest import write_artifact
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.verified("SageMaker: batch transform jobs", on="stand-in"),
    pytest.mark.usefixtures("java_for_servers"),
]

BUCKET = "artifacts"
HANDLER = '''
"""Does what its input says."""
import json
import os
import signal
import time

def model_fn(model_dir):
    return os.path.join(model_dir, "died")

def input_fn(body, content_type):
    return body if isinstance(body, str) else bytes(body).decode()

def predict_fn(word, died):
    began = time.time()
    if word.startswith("sleep"):
        time.sleep(float(word.split()[1]))
    if word == "die" and not os.path.exists(died):
        open(died, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "fail":
        raise ValueError("cannot")
    return {"word": word[:20], "began": began, "ended": time.time(), "variables": dict(os.environ)}

def output_fn(answer, accept, context):
    if answer["word"] == "refuse":
        context.set_response_status(code=415, phrase="Unsupported Media Type")
    return json.dumps(answer)
'''


class Objects:
    """The emulator's S3 as far as jobs use it: one bucket."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def fetch(self, bucket: str, key: str) -> bytes | None:
        return self.contents.get(key) if bucket == BUCKET else None

    def keys(self, bucket: str, prefix: str) -> list[str]:
        return sorted(key for key in self.contents if bucket == BUCKET and key.startswith(prefix))

    def put(self, bucket: str, key: str, body: bytes) -> None:
        if bucket != BUCKET:
            raise SageMakerError(400, "ValidationException", f"The bucket {bucket} does not exist.")
        self.contents[key] = body

    def put_all(self, prefix: str, contents: dict[str, str]) -> None:
        for name, word in contents.items():
            self.contents[f"{prefix}{name}"] = word.encode()

    def outputs(self, name: str) -> dict[str, dict[str, Any]]:
        """What the job of that name has written, by key below its output path."""
        folder = f"out/{name}/"
        keys = self.keys(BUCKET, folder)
        return {key.removeprefix(folder): json.loads(self.contents[key]) for key in keys}


class House:
    """A control plane with one model, and what its jobs read and write."""

    def __init__(self, workdir: Path) -> None:
        artifact = write_artifact(workdir / "model.tar.gz", HANDLER).read_bytes()
        key = f"models/{hashlib.sha256(artifact).hexdigest()}/model.tar.gz"
        self.objects = Objects()
        self.objects.contents[key] = artifact
        self.sagemaker = SageMaker(
            workdir=workdir / "endpoints",
            first_port=18380,
            fetch_object=self.objects.fetch,
            container_environment={"PLATFORM": "yes"},
        )
        variables = {"SAGEMAKER_MODEL_SERVER_WORKERS": "2", "GREETING": "from the model"}
        container = {"ModelDataUrl": f"s3://{BUCKET}/{key}", "Environment": variables}
        self.sagemaker.create_model("model", {"PrimaryContainer": container})
        tampered = {"ModelDataUrl": f"s3://{BUCKET}/models/{'0' * 64}/model.tar.gz"}
        self.objects.contents[f"models/{'0' * 64}/model.tar.gz"] = b"another"
        self.sagemaker.create_model("tampered", {"PrimaryContainer": tampered})
        self.jobs = TransformJobs(
            models=self.sagemaker.models,
            containers=self.sagemaker.containers,
            objects=self.objects,
            workdir=workdir / "jobs",
        )

    def start(self, name: str, contents: dict[str, str], **members: Any) -> TransformJob:
        """A job over ``contents`` (word by name below its prefix)."""
        self.objects.put_all(f"in/{name}/", contents)
        return self.jobs.create(request(name, **members))

    def run(self, name: str, contents: dict[str, str], **members: Any) -> TransformJob:
        """The same, once it is over."""
        job = self.start(name, contents, **members)
        assert job.finished.wait(60)
        return job


def request(
    name: str,
    *,
    data_type: str = "S3Prefix",
    uri: str | None = None,
    retries: int = 0,
    timeout: int = 60,
    **m: Any,
) -> dict[str, Any]:
    source = {"S3DataType": data_type, "S3Uri": uri or f"s3://{BUCKET}/in/{name}/"}
    return {
        "TransformJobName": name,
        "ModelName": "model",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": timeout, "InvocationsMaxRetries": retries},
        "TransformInput": {"ContentType": "text/plain", "DataSource": {"S3DataSource": source}},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out/{name}/", "Accept": "application/json"},
        "TransformResources": {"InstanceType": "ml.c6i.xlarge", "InstanceCount": 1},
        **m,
    }


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("transform"))
    yield house
    house.sagemaker.stop()


def model_server_processes(name: str) -> list[psutil.Process]:
    """The processes that work for the job of that name."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().endswith(f"jobs/{name}/0"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def most_at_once(outputs: dict[str, dict[str, Any]]) -> int:
    """The largest number of requests that the handler worked on at one moment."""
    intervals: list[tuple[float, float]] = [(o["began"], o["ended"]) for o in outputs.values()]
    return max(sum(began <= moment < ended for began, ended in intervals) for moment, _ in intervals)


def test_each_object_below_a_prefix_becomes_one_output_with_no_more_at_once_than_said(house: House) -> None:
    names = ["a.jsonl", "b", "c", "d", "deep/e.jsonl", "deep/f"]
    contents = {**dict.fromkeys(names, "sleep 0.5"), "folder/": ""}
    resources = {"InstanceType": "ml.c6i.xlarge", "InstanceCount": 2}
    environment = {"GREETING": "from the job"}
    job = house.run(
        "prefix",
        contents,
        MaxConcurrentTransforms=2,
        TransformResources=resources,
        Environment=environment,
    )
    outputs = house.objects.outputs("prefix")
    assert (job.status, job.failure) == ("Completed", None)
    assert set(outputs) == {f"{name}.out" for name in names}
    assert most_at_once(outputs) == 4  # two for each instance
    variables = [output["variables"] for output in outputs.values()]
    assert len({named["SAGEMAKER_BIND_TO_PORT"] for named in variables}) == 2
    assert {(named["GREETING"], named["PLATFORM"]) for named in variables} == {("from the job", "yes")}
    assert {named["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] for named in variables} == {"2"}
    assert model_server_processes("prefix") == []


def test_each_object_that_fails_is_logged_and_fails_the_job_and_the_others_have_outputs(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    contents = {
        "0": "good",
        "1": "x" * (1024 * 1024 + 1),
        "2": "x" * 1024 * 1024,
        "3": "refuse",
        "4": "die",  # the worker, and only once: the repetition finds another
        "5": "fail",
        "6": "sleep 3",
    }
    job = house.run("failing", contents, MaxPayloadInMB=1, retries=1, timeout=2)
    folder = f"s3://{BUCKET}/in/failing"
    assert (job.status, set(house.objects.outputs("failing"))) == ("Failed", {"0.out", "2.out", "4.out"})
    assert job.failure == (
        f"ClientError: 3 more input files failed; the first: {folder}/1: "
        "Too much data for max payload size (1048577 bytes, MaxPayloadInMB=1)"
    )
    _, refused, failed, slow = [record.getMessage() for record in caplog.records]
    assert f'ClientError: {folder}/3: ClientError: 415, message: {{"word": "refuse"' in refused
    assert f"AlgorithmError: {folder}/5: Bad HTTP status received from algorithm: 500" in failed
    assert slow.endswith(f"AlgorithmError: {folder}/6: Unable to get response from algorithm")


def test_a_container_that_is_killed_fails_the_job_at_once_and_keeps_the_outputs(house: House) -> None:
    job = house.start("killed", {"a": "good", "b": "sleep 30", "c": "good"}, retries=3)
    wait_for(lambda: house.objects.outputs("killed") or None, "the first output")
    for process in model_server_processes("killed"):
        process.kill()
    assert job.finished.wait(10)
    assert job.failure == (
        f"AlgorithmError: s3://{BUCKET}/in/killed/b: The container ended while it answered"
    )
    assert set(house.objects.outputs("killed")) == {"a.out"}


def test_a_stopped_job_gives_up_what_is_under_way_and_ends_its_container(house: House) -> None:
    job = house.start("stopped", {"a": "good", "b": "sleep 30", "c": "good"})
    wait_for(lambda: house.objects.outputs("stopped") or None, "the first output")
    house.jobs.stop("stopped")
    assert job.finished.wait(10)
    assert (job.status, job.failure) == ("Stopped", None)
    assert set(house.objects.outputs("stopped")) == {"a.out"}
    assert model_server_processes("stopped") == []
    house.jobs.stop("stopped")
    assert job.status == "Stopped"


@pytest.mark.parametrize(
    ("name", "members", "words"),
    [
        ("empty", {}, "no S3 objects found under S3 URL"),
        ("no-manifest", {"data_type": "ManifestFile"}, "does not exist"),
        (
            "bad-manifest",
            {"data_type": "ManifestFile", "uri": f"s3://{BUCKET}/models/{'0' * 64}/model.tar.gz"},
            "is not a manifest",
        ),
    ],
)
def test_a_job_without_inputs_fails_before_a_container_starts(
    house: House, name: str, members: dict[str, Any], words: str
) -> None:
    job = house.run(name, {}, **members)
    assert (job.status, job.started) == ("Failed", None)
    assert job.failure is not None
    assert job.failure.startswith("ClientError: ")
    assert words in job.failure


def test_a_model_that_was_tampered_with_fails_the_job(house: House) -> None:
    job = house.run("tampered", {"a": "good"}, ModelName="tampered")
    assert job.failure is not None
    assert job.failure.startswith("AlgorithmError: ")
    assert "does not have the digest that it names" in job.failure


def test_a_name_is_never_free_again_and_an_unknown_model_is_refused(house: House) -> None:
    house.run("taken", {})
    with pytest.raises(SageMakerError, match="Job name must be unique") as raised:
        house.start("taken", {})
    assert raised.value.code == "ResourceInUse"
    with pytest.raises(SageMakerError, match='Could not find model "missing"'):
        house.start("other", {}, ModelName="missing")
    with pytest.raises(SageMakerError, match="Could not find requested job with name: other"):
        house.jobs.get("other")
