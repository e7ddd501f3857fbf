"""The packaged demo model in the genuine SageMaker serving stack, asked as SageMaker asks a container."""

import base64
import io
import json
import os
import tarfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

import inference
from clip_inference.payloads import MAX_ITEMS
from scripts.artifact.archive import unpack
from scripts.artifact.package import PackagedModel, package_model
from scripts.artifact.wheels import host_platform
from scripts.artifact.work import BUILD
from scripts.local.model_package import python_version
from scripts.local.model_server.server import Answer, ModelServer, start_model_server
from scripts.local.settings import tool_python
from tests.handler import ask
from tests.pictures import bomb, corrupt, jpeg, png, truncated

pytestmark = [
    pytest.mark.verified("SageMaker serving stack: toolkit and multi-model-server", on="genuine part"),
    pytest.mark.verified("Model artifact: handler and dependencies as packaged", on="genuine part"),
]

ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    "IMAGE_BUCKET": "pictures",
    "AWS_DEFAULT_REGION": "us-east-1",
}
DECODER = "clip_inference.decoder_process"
JSON, NPY, LINES = "application/json", "application/x-npy", "application/jsonlines"


@pytest.fixture(scope="module")
def packaged() -> PackagedModel:
    python = python_version(tool_python("model_server"))
    return package_model("demo", python=python, platform_tag=host_platform(), output_dir=BUILD / "models")


@pytest.fixture(scope="module")
def server(
    packaged: PackagedModel, java_for_servers: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    workdir = tmp_path_factory.mktemp("packaged")
    with start_model_server(packaged.path, environment=ENVIRONMENT, workdir=workdir) as server:
        yield server


@pytest.fixture(scope="module")
def model(packaged: PackagedModel, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same model, loaded by the handler in this process."""
    folder = tmp_path_factory.mktemp("model")
    with tarfile.open(packaged.path) as archive:
        names = ("model.json", "image.onnx", "text.onnx", "tokenizer.json")
        unpack(archive, folder, map(archive.getmember, names))
    return inference.model_fn(str(folder))


def embeddings(answer: Answer) -> NDArray[np.float32]:
    assert answer.status == 200, answer.body
    return np.array(json.loads(answer.body)["embeddings"], np.float32)


def decoders_of(server: ModelServer) -> list[psutil.Process]:
    """The decoder processes in the server's session."""
    running = psutil.process_iter(["cmdline"])  # None of a process that has just ended
    found = [process for process in running if DECODER in (process.info["cmdline"] or [])]
    return [process for process in found if os.getsid(process.pid) == server.pid]


def test_texts_and_pictures_get_unit_vectors_of_the_packaged_model(
    packaged: PackagedModel, server: ModelServer
) -> None:
    picture = base64.b64encode(jpeg(seed=1)).decode()
    answer = server.invoke(json.dumps({"texts": ["a dog", "a boat"], "images": [picture]}).encode())

    said = json.loads(answer.body)
    assert (said["fingerprint"], said["dimension"]) == (packaged.fingerprint, packaged.dimension)
    assert embeddings(answer).shape == (3, packaged.dimension)
    np.testing.assert_allclose(np.linalg.norm(embeddings(answer), axis=1), 1, atol=1e-5)
    assert [entry and entry["content_type"] for entry in said["pictures"]] == [None, None, "image/jpeg"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(JSON, b'{"inputs": ["a red car", "two people on skis"]}'), ("image/png", png(seed=2))],
    ids=["texts", "picture"],
)
def test_the_container_gives_the_vectors_that_the_handler_gives_here(
    server: ModelServer, model: Any, content_type: str, body: bytes
) -> None:
    served = embeddings(server.invoke(body, content_type=content_type))
    here = ask(model, content_type=content_type, accept=JSON, body=body)

    expected = np.array(json.loads(here.body)["embeddings"], np.float32)
    assert (served * expected).sum(axis=1).min() >= 0.9999


def test_npy_answers_hold_the_same_vectors(server: ModelServer) -> None:
    body = b'{"inputs": "a red car"}'

    array = np.load(io.BytesIO(server.invoke(body, accept=NPY).body))

    np.testing.assert_allclose(array, embeddings(server.invoke(body)), atol=1e-6)


def test_a_bad_record_is_answered_on_its_line_and_the_others_are_embedded(server: ModelServer) -> None:
    records = [
        {"id": "good", "text": "a dog"},
        {"id": "bad", "image": base64.b64encode(corrupt()).decode()},
        {"id": "elsewhere", "s3_uri": "s3://not-ours/x.jpg"},
    ]
    body = "\n".join(map(json.dumps, records)).encode()

    answer = server.invoke(body, content_type=LINES, accept=LINES)

    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert [line["id"] for line in lines] == ["good", "bad", "elsewhere"]
    assert "embedding" in lines[0]
    assert [line["error"]["code"] for line in lines[1:]] == ["picture_corrupt", "source_forbidden"]


def test_the_largest_shard_of_pictures_is_answered_whole_and_in_order(server: ModelServer) -> None:
    pictures = [png((48, 32), seed=seed) for seed in range(MAX_ITEMS)]
    pictures[100] = truncated()
    body = "\n".join(
        json.dumps({"id": str(place), "image": base64.b64encode(picture).decode()})
        for place, picture in enumerate(pictures)
    )

    answer = server.invoke(body.encode(), content_type=LINES, accept=LINES)

    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert [line["id"] for line in lines] == [str(place) for place in range(MAX_ITEMS)]
    assert [line["id"] for line in lines if "error" in line] == ["100"]


def test_killed_decoders_cost_the_server_no_picture(server: ModelServer) -> None:
    assert server.invoke(png(), content_type="image/png").status == 200
    decoders = decoders_of(server)
    assert decoders
    for decoder in decoders:
        decoder.kill()

    assert server.invoke(png(), content_type="image/png").status == 200


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("image/jpeg", corrupt(), 400, "picture_corrupt"),
        ("image/jpeg", truncated(), 400, "picture_corrupt"),
        ("image/png", bomb(), 400, "picture_too_many_pixels"),
        ("image/jpeg", b"no picture at all", 415, "picture_unsupported_format"),
        (JSON, b'{"inputs": ', 400, "request_invalid"),
        (JSON, b'{"inputs": " "}', 400, "text_blank"),
        ("application/pdf", b"%PDF", 415, "content_type_unsupported"),
    ],
    ids=["corrupt", "truncated", "bomb", "wrong type", "malformed", "blank", "unknown content type"],
)
def test_bad_input_is_refused_with_its_code_and_the_server_lives_on(
    server: ModelServer, content_type: str, body: bytes, status: int, code: str
) -> None:
    refused = server.invoke(body, content_type=content_type)

    assert (refused.status, json.loads(refused.body)["error"]["code"]) == (status, code)
    assert server.invoke(b'{"inputs": "still there"}').status == 200
