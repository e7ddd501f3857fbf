"""SageMaker's stand-in: the control plane is ours, the model server behind it is the genuine one."""

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from scripts.local.emulator.api import SageMakerApi
from scripts.local.emulator.cloudformation import resource_handlers
from scripts.local.emulator.errors import SageMakerError
from scripts.local.emulator.sagemaker import (
    REALTIME_PAYLOAD_BYTES,
    SERVERLESS_PAYLOAD_BYTES,
    SageMaker,
)
from scripts.local.model_server.server import ModelServer
from scripts.local.waiting import wait_until

pytestmark = [
    pytest.mark.verified("SageMaker: models, endpoint configurations, endpoints", on="stand-in"),
    pytest.mark.usefixtures("java_for_servers"),
]

BUCKET, OTHER_DIGEST = "artifacts", "0" * 64
SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}}


class Objects:
    """The emulator's S3 as far as the stand-in reads it."""

    def __init__(self, artifact: Path) -> None:
        content = artifact.read_bytes()
        self.key = f"models/{hashlib.sha256(content).hexdigest()}/model.tar.gz"
        self.contents = {self.key: content, f"models/{OTHER_DIGEST}/model.tar.gz": content}

    def __call__(self, bucket: str, key: str) -> bytes | None:
        return self.contents.get(key) if bucket == BUCKET else None


@pytest.fixture(scope="module")
def objects(echo_artifact: Path) -> Objects:
    return Objects(echo_artifact)


@pytest.fixture(scope="module")
def sagemaker(objects: Objects, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMaker]:
    sagemaker = SageMaker(
        workdir=tmp_path_factory.mktemp("endpoints"),
        first_port=18180,
        fetch_object=objects,
        container_environment={"GREETING": "from the platform"},
    )
    deploy(sagemaker, "real", key=objects.key, variant={})
    deploy(sagemaker, "serverless", key=objects.key, variant=SERVERLESS, greeting="from the model")
    yield sagemaker
    sagemaker.stop()


@pytest.fixture(scope="module")
def api(sagemaker: SageMaker) -> SageMakerApi:
    return SageMakerApi(sagemaker, account_of=lambda: "000000000000", region_of=lambda: "us-east-1")


def deploy(
    sagemaker: SageMaker, name: str, *, key: str, variant: dict[str, Any], greeting: str | None = None
) -> None:
    """What CloudFormation does with the three resources of one endpoint."""
    handlers = resource_handlers(
        sagemaker,
        arn=lambda kind, name: f"arn:{kind}/{name}",
        generated_name=lambda stack, id_: f"{stack}-{id_}",
    )
    environment = {"GREETING": greeting} if greeting else {}
    container = {"ModelDataUrl": f"s3://{BUCKET}/{key}", "Environment": environment, "Image": "ignored"}
    _, model = handlers["AWS::SageMaker::Model"]["create"]("Model", {"PrimaryContainer": container}, name)
    variants = [{"VariantName": "main", "ModelName": model["ModelName"], **variant}]
    create_config = handlers["AWS::SageMaker::EndpointConfig"]["create"]
    _, config = create_config("Config", {"ProductionVariants": variants}, name)
    properties = {"EndpointName": name, "EndpointConfigName": config["EndpointConfigName"]}
    physical_id, attributes = handlers["AWS::SageMaker::Endpoint"]["create"]("Endpoint", properties, name)
    assert (physical_id, attributes) == (f"arn:endpoint/{name}", {"EndpointName": name})


def invoke(api: SageMakerApi, name: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    lower = {key.replace("_", "-"): value for key, value in headers.items()}
    return asyncio.run(api.handle("POST", f"/endpoints/{name}/invocations", lower, body, {}))


def describe(api: SageMakerApi, name: str) -> tuple[int, dict[str, Any]]:
    headers = {"x-amz-target": "SageMaker.DescribeEndpoint"}
    body = json.dumps({"EndpointName": name}).encode()
    status, _, answer = asyncio.run(api.handle("POST", "/", headers, body, {}))
    return status, json.loads(answer)


def test_an_invocation_is_answered_by_the_genuine_model_server(api: SageMakerApi) -> None:
    status, headers, body = invoke(
        api, "real", b"\x00\xff", content_type="image/png", accept="application/x-npy"
    )
    assert (status, body) == (200, b"\x00\xff")
    assert headers == {"content-type": "application/x-npy", "x-amzn-invoked-production-variant": "main"}


def test_the_models_variables_win_over_the_platforms(api: SageMakerApi) -> None:
    def greeting(name: str) -> str:
        return str(json.loads(invoke(api, name, b"{}", content_type="application/json")[2])["greeting"])

    assert greeting("real") == "from the platform"
    assert greeting("serverless") == "from the model"


def test_an_unknown_endpoint_is_refused_as_by_sagemaker(api: SageMakerApi) -> None:
    status, headers, body = invoke(api, "missing", b"{}")
    assert (status, headers["x-amzn-ErrorType"]) == (400, "ValidationError")
    assert json.loads(body)["message"] == "Endpoint missing of account 000000000000 not found."


def test_a_containers_refusal_is_a_model_error_that_carries_it(api: SageMakerApi) -> None:
    status, headers, body = invoke(api, "real", b"refuse", content_type="image/png")
    answer = json.loads(body)
    assert (status, headers["x-amzn-ErrorType"], answer["OriginalStatusCode"]) == (424, "ModelError", 415)
    assert json.loads(answer["OriginalMessage"])["error"]["code"] == "picture_unsupported_format"


@pytest.mark.parametrize(
    ("name", "size", "status"),
    [
        ("serverless", SERVERLESS_PAYLOAD_BYTES, 200),
        ("serverless", SERVERLESS_PAYLOAD_BYTES + 1, 400),
        ("real", SERVERLESS_PAYLOAD_BYTES + 1, 200),
        ("real", REALTIME_PAYLOAD_BYTES + 1, 413),
    ],
)
def test_each_kind_of_endpoint_has_its_payload_limit(
    api: SageMakerApi, name: str, size: int, status: int
) -> None:
    assert invoke(api, name, b"x" * size, content_type="image/png")[0] == status


def test_an_endpoint_is_described_with_its_status(api: SageMakerApi) -> None:
    status, answer = describe(api, "real")
    assert (status, answer["EndpointStatus"]) == (200, "InService")
    assert describe(api, "missing")[0] == 400


def test_an_operation_that_the_stand_in_lacks_is_refused(api: SageMakerApi) -> None:
    headers = {"x-amz-target": "SageMaker.CreateTrainingJob"}
    status, _, body = asyncio.run(api.handle("POST", "/", headers, b"{}", {}))
    assert (status, json.loads(body)["__type"]) == (400, "UnknownOperationException")


def test_an_artifact_that_was_tampered_with_never_serves(sagemaker: SageMaker) -> None:
    with pytest.raises(SageMakerError, match="does not have the digest that it names"):
        deploy(sagemaker, "tampered", key=f"models/{OTHER_DIGEST}/model.tar.gz", variant={})
    assert "tampered" not in sagemaker.endpoints


def test_an_artifact_that_is_missing_is_named(sagemaker: SageMaker) -> None:
    with pytest.raises(SageMakerError, match="Could not find model data"):
        deploy(sagemaker, "absent", key=f"models/{'1' * 64}/model.tar.gz", variant={})


def test_an_artifact_without_a_digest_in_its_key_is_refused(sagemaker: SageMaker) -> None:
    with pytest.raises(SageMakerError, match="does not name its digest"):
        deploy(sagemaker, "unnamed", key="model.tar.gz", variant={})


def test_an_endpoint_name_cannot_be_taken_twice(sagemaker: SageMaker) -> None:
    with pytest.raises(SageMakerError, match="already existing endpoint real"):
        sagemaker.create_endpoint("real", "real-Config")


def test_an_updated_endpoint_serves_the_new_configuration_and_a_deleted_one_nothing(
    sagemaker: SageMaker, api: SageMakerApi, objects: Objects
) -> None:
    deploy(sagemaker, "moving", key=objects.key, variant={})
    sagemaker.update_endpoint("moving", "serverless-Config")
    answer = invoke(api, "moving", b"{}", content_type="application/json")
    assert json.loads(answer[2])["greeting"] == "from the model"
    server = sagemaker.endpoints["moving"].server
    assert server is not None
    sagemaker.delete_endpoint("moving")
    assert not server.is_running
    assert invoke(api, "moving", b"{}")[0] == 400


def test_what_an_updated_endpoint_was_asked_before_is_still_answered(
    sagemaker: SageMaker,
    api: SageMakerApi,
    objects: Objects,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deploy(sagemaker, "asked", key=objects.key, variant={})
    gate, ending, stop = tmp_path / "gate", threading.Event(), sagemaker.containers.stop

    def noticed_stop(server: ModelServer) -> None:
        ending.set()
        stop(server)

    monkeypatch.setattr(sagemaker.containers, "stop", noticed_stop)
    os.mkfifo(gate)
    with ThreadPoolExecutor() as pool:
        held = pool.submit(invoke, api, "asked", b"hold " + bytes(gate), content_type="image/png")
        with gate.open("w"):  # which waits until the model reads it
            update = pool.submit(sagemaker.update_endpoint, "asked", "serverless-Config")
            assert wait_until(lambda: sagemaker.endpoints["asked"].config_name != "asked-Config", seconds=60)
            assert not ending.wait(1)
        assert held.result()[0] == 200
        update.result()
    assert ending.is_set()


def test_a_container_that_ended_is_replaced(sagemaker: SageMaker, api: SageMakerApi) -> None:
    ended = sagemaker.endpoints["real"].server
    assert ended is not None
    for process in [*psutil.Process(ended.pid).children(recursive=True), psutil.Process(ended.pid)]:
        process.kill()
    assert wait_until(lambda: not ended.is_running, seconds=10)
    status, headers, _ = invoke(api, "real", b"{}")
    assert (status, headers["x-amzn-ErrorType"]) == (503, "ServiceUnavailable")
    assert wait_until(
        lambda: invoke(api, "real", b"{}", content_type="application/json")[0] == 200, seconds=60
    )
