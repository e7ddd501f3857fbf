"""The genuine model servers that integration tests ask."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local.java import java_home
from scripts.local.model_server.server import ModelServer, start_model_server

ECHO_HANDLER = '''
"""Answers what it was asked: enough to see what the serving stack does with a request."""
import json
import os

def model_fn(model_dir):
    return sorted(os.listdir(model_dir))

def input_fn(body, content_type):
    return body.encode() if isinstance(body, str) else bytes(body), content_type

def predict_fn(request, files):
    if request[0].startswith(b"hold "):
        with open(request[0].removeprefix(b"hold ")) as until_it_is_closed:
            until_it_is_closed.read()
    return (*request, files)

def output_fn(prediction, accept, context):
    body, content_type, files = prediction
    if body == b"refuse":
        context.set_response_status(code=415, phrase="Unsupported Media Type")
        return json.dumps({"error": {"code": "picture_unsupported_format", "message": "no"}})
    if accept == "application/x-npy":
        return body
    return json.dumps({"content_type": content_type, "accept": accept, "length": len(body), "files": files,
                       "greeting": os.environ.get("GREETING")})
'''


def write_artifact(path: Path, handler: str) -> Path:
    """A model.tar.gz that holds nothing but ``handler`` as its inference.py."""
    content = handler.encode()
    member = tarfile.TarInfo("code/inference.py")
    member.size = len(content)
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(scope="session")
def echo_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_artifact(tmp_path_factory.mktemp("artifact") / "model.tar.gz", ECHO_HANDLER)


@pytest.fixture(scope="session")
def java_for_servers() -> Iterator[None]:
    """JAVA_HOME as the local environment sets it: model servers inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "JAVA_HOME", str(java_home()))
        yield


@pytest.fixture(scope="session")
def echo_server(
    echo_artifact: Path, java_for_servers: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    """The genuine serving stack with a handler that answers what it was asked."""
    workdir = tmp_path_factory.mktemp("server")
    environment = {"GREETING": "hello", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    with start_model_server(echo_artifact, environment=environment, workdir=workdir) as server:
        yield server


@pytest.fixture(scope="session")
def model_server_url(echo_server: ModelServer) -> str:
    """The address of a model server that echoes; ``start_model_server`` serves any other artifact."""
    return echo_server.url
