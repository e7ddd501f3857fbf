"""The genuine serving stack, started without root or namespaces, beside others of its kind."""

import json
import os
import subprocess
import tempfile
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest

from scripts.local.model_server.server import (
    ModelServer,
    ModelServerError,
    launch_model_server,
    start_model_server,
)
from scripts.local.waiting import wait_until
from tests.integration.conftest import write_artifact

pytestmark = pytest.mark.verified(
    "SageMaker serving stack: toolkit and multi-model-server", on="genuine part"
)

BROKEN_HANDLER = """
def model_fn(model_dir):
    raise ValueError("the towers are missing")
"""


def test_a_text_and_raw_bytes_reach_the_handler_as_they_were_sent(echo_server: ModelServer) -> None:
    text = json.loads(echo_server.invoke(b'{"inputs": "x"}').body)
    assert (text["content_type"], text["length"]) == ("application/json", 15)
    raw = echo_server.invoke(b"\xff\x00\xfe", content_type="image/jpeg", accept="application/x-npy")
    assert (raw.status, raw.content_type, raw.body) == (200, "application/x-npy", b"\xff\x00\xfe")


def test_the_handlers_status_and_body_reach_the_caller(echo_server: ModelServer) -> None:
    answer = echo_server.invoke(b"refuse", content_type="image/jpeg")
    assert answer.status == 415
    assert json.loads(answer.body)["error"]["code"] == "picture_unsupported_format"


def test_the_models_environment_and_files_are_the_containers(echo_server: ModelServer) -> None:
    answer = json.loads(echo_server.invoke(b"{}").body)
    assert answer["greeting"] == "hello"
    assert answer["files"] == ["code"]


def test_the_server_listens_on_loopback_only(echo_server: ModelServer) -> None:
    listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    addresses = {c.laddr.ip for c in listening if c.laddr and c.laddr.port == echo_server.port}
    assert addresses
    assert addresses <= {"127.0.0.1", "::ffff:127.0.0.1"}


@pytest.mark.usefixtures("java_for_servers", "echo_server")
def test_a_second_server_runs_beside_the_first_and_leaves_no_process(
    echo_artifact: Path, tmp_path: Path
) -> None:
    with start_model_server(echo_artifact, environment={"GREETING": "again"}, workdir=tmp_path) as server:
        assert json.loads(server.invoke(b"{}").body)["greeting"] == "again"
        family = [psutil.Process(server.pid), *_of_session(server.pid)]
        assert len(family) >= 3  # the toolkit, the Java server, and its workers
    # Killed when the block is left; the system may take a moment to bury them.
    assert wait_until(lambda: not any(map(_lives, family)), seconds=10)


@pytest.mark.usefixtures("java_for_servers")
def test_a_model_that_cannot_be_loaded_is_an_error_with_the_handlers_words(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "model.tar.gz", BROKEN_HANDLER)
    with (
        pytest.raises(ModelServerError, match="the towers are missing"),
        start_model_server(artifact, workdir=tmp_path / "work"),
    ):
        pass


@pytest.mark.usefixtures("java_for_servers")
def test_a_long_folder_for_temporary_files_is_no_hindrance(
    echo_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As below the state of an environment in a deep directory: longer than the name of a socket may be.
    deep = tmp_path / ("deep-" * 20)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    environment = {"GREETING": "from afar"}
    with start_model_server(echo_artifact, environment=environment, workdir=tmp_path / "work") as server:
        assert json.loads(server.invoke(b"{}").body)["greeting"] == "from afar"


@pytest.mark.usefixtures("java_for_servers")
def test_servers_that_are_started_at_once_get_ports_of_their_own(echo_artifact: Path, tmp_path: Path) -> None:
    # Neither listens yet when the other's port is chosen: its answers would pass for the other's.
    servers = [
        launch_model_server(echo_artifact, environment={}, workdir=tmp_path / name)
        for name in ("one", "other")
    ]
    for server in servers:
        server.stop()
    assert servers[0].port != servers[1].port


class WithoutModel(BaseHTTPRequestHandler):
    """What a server answers that has given up its only model, since no worker of it starts."""

    def do_POST(self) -> None:
        self.send_response(400)
        self.end_headers()
        self.wfile.write(b'{"type": "BadRequestException", "message": "Parameter model_name is required."}')


def test_a_server_that_has_given_its_model_up_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text("Failed to load model")
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), WithoutModel) as answering,
        subprocess.Popen(["sleep", "600"], start_new_session=True) as process,
    ):
        Thread(target=answering.serve_forever, daemon=True).start()
        server = ModelServer(
            process, port=answering.server_port, log=tmp_path / "server.log", holds=ExitStack()
        )
        try:
            with pytest.raises(ModelServerError, match=r"(?s)it answers 400.*Failed to load model"):
                server.wait_until_ready()
        finally:
            server.stop()
            answering.shutdown()


def _of_session(leader: int) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if os.getsid(process.pid) == leader]


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
