"""Starting and ending one model server that serves one ``model.tar.gz``.

Needs the standard library only: the emulator's interpreter runs it too.
"""

import http.client
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.artifact.archive import unpack
from scripts.local.ports import FIRST_PORT, LOOPBACK, number_of, reserve_port

_ROOT = Path(__file__).resolve().parents[3]
PYTHON = _ROOT / ".tools" / "model_server" / "bin" / "python"
SERVE = _ROOT / "serving_image" / "serve.py"
"""The program that the container's own image starts."""

START_SECONDS = 120.0
STOP_SECONDS = 5.0
READY_REQUEST = b'{"inputs": "ready"}'
STILL_STARTING = {503, 507}
"""What the server answers while it starts its worker or loads the model."""

SOCKET_NAME_BYTES = 107
"""How long the name of a Unix socket may be (unix(7), without the byte that ends it)."""
SOCKET_NAME = ".mms.sock.9000"
"""A worker's socket in the folder for temporary files, as multi-model-server calls it."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """An interpreter that has multi-model-server and a toolkit, and the toolkit's module that starts it."""

    python: Path
    toolkit: str


GENERIC = Stack(python=PYTHON, toolkit="sagemaker_inference.model_server")


class ModelServerError(Exception):
    """The model server did not start or does not serve; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class Answer:
    """What the model server answered to one invocation."""

    status: int
    content_type: str
    body: bytes


class ModelServer:
    """One running model server; ``port`` is on loopback, ``log`` is the file with its output.

    ``holds`` is what is given back once it has ended: its port and its temporary files.
    """

    def __init__(self, process: subprocess.Popen[bytes], *, port: int, log: Path, holds: ExitStack) -> None:
        self.port = port
        self.log = log
        self._process = process
        self._holds = holds

    @property
    def url(self) -> str:
        """The server's address; invocations go to ``/invocations`` below it."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the toolkit, which leads the session of all its processes."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the toolkit's process, which ends with its server, still runs."""
        return self._process.poll() is None

    def invoke(
        self,
        body: bytes,
        *,
        content_type: str = "application/json",
        accept: str | None = None,
        attributes: str | None = None,
        timeout_seconds: float = 60.0,
    ) -> Answer:
        """One POST to ``/invocations``; ``OSError`` or ``http.client.HTTPException`` when nobody answers.

        ``attributes`` are the caller's own, which SageMaker hands on as they are.
        """
        given = {"Accept": accept, "X-Amzn-SageMaker-Custom-Attributes": attributes}
        headers = {"Content-Type": content_type, **{name: text for name, text in given.items() if text}}
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=timeout_seconds)
        try:
            connection.request("POST", "/invocations", body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers.get("Content-Type", ""), response.read())
        finally:
            connection.close()

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Return once an invocation is answered; ``ModelServerError`` when the model cannot be loaded.

        ``/ping`` is not asked: it answers 200 before the model is loaded and after loading has failed. A
        server that has given up its only model, since no worker starts, answers invocations itself, with 400.
        """
        deadline, pause = time.monotonic() + seconds, threading.Event()
        while time.monotonic() < deadline:
            answer = self._try_ready_request()
            if answer is not None and answer.status == http.client.OK:
                return
            if answer is not None and answer.status not in STILL_STARTING:
                raise self._error(f"it answers {answer.status}: {answer.body[:500].decode(errors='replace')}")
            if not self.is_running:
                raise self._error("it has ended")
            pause.wait(0.1)
        raise self._error(f"it is not ready after {seconds:.0f} s")

    def stop(self) -> None:
        """End the toolkit, the server and its workers, remove their temporary files, and free the port."""
        _signal_group(self.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        # The workers outlive a SIGTERM to the server, and the toolkit may be gone before them.
        _signal_group(self.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)
        self._holds.close()

    def _try_ready_request(self) -> Answer | None:
        try:
            return self.invoke(READY_REQUEST)
        except (OSError, http.client.HTTPException):
            return None

    def _error(self, reason: str) -> ModelServerError:
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return ModelServerError(f"The model server does not serve: {reason}\n{self.log} ends with:\n{tail}")


@contextmanager
def start_model_server(
    artifact: Path, *, environment: Mapping[str, str] | None = None, workdir: Path
) -> Iterator[ModelServer]:
    """Serve ``artifact`` from ``workdir`` until the block is left.

    ``environment`` is the container's, as a SageMaker model sets it. Yields when the model answers.
    """
    server = launch_model_server(artifact, environment=environment or {}, workdir=workdir)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def launch_model_server(
    artifact: Path,
    *,
    environment: Mapping[str, str],
    workdir: Path,
    first_port: int = FIRST_PORT,
    stack: Stack = GENERIC,
) -> ModelServer:
    """Unpack ``artifact`` below ``workdir`` and start serving it, without waiting until it is ready.

    Its port is the first from ``first_port`` on that is free and that no other model server is promised.
    """
    _unpack(artifact, workdir / "model")
    log = workdir / "server.log"
    with ExitStack() as holds, log.open("wb") as output:
        port = number_of(holds.enter_context(reserve_port(first_port)))
        temporary = _temporary_folder()
        holds.callback(shutil.rmtree, temporary, ignore_errors=True)
        process = subprocess.Popen(
            [stack.python, SERVE],
            env={
                "PATH": os.pathsep.join([str(stack.python.parent), os.environ.get("PATH", os.defpath)]),
                "SERVING_TOOLKIT": stack.toolkit,
                **_process_environment(environment, port=port, workdir=workdir, temporary=temporary),
            },
            cwd=workdir,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return ModelServer(process, port=port, log=log, holds=holds.pop_all())


def _temporary_folder() -> Path:
    """A new folder for temporary files, whose name leaves room for that of a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="imagesearch-"))
    if len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_NAME_BYTES:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="imagesearch-", dir="/tmp"))


def _unpack(artifact: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(artifact) as archive:
        unpack(archive, folder)


def _process_environment(
    container: Mapping[str, str], *, port: int, workdir: Path, temporary: Path
) -> dict[str, str]:
    """The container's variables, what places the server, and of ours only what a process needs to run."""
    inherited = {
        name: os.environ[name] for name in ("JAVA_HOME", "IMAGESEARCH_PROCESS") if name in os.environ
    }
    address = f"http://{LOOPBACK}:{port}"
    return {
        "LANG": "C.UTF-8",
        **inherited,
        **container,
        "HOME": str(workdir),
        "TMPDIR": str(temporary),
        "TEMP": str(temporary),  # the name under which the server looks for it
        "SAGEMAKER_BASE_DIR": str(workdir),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "MMS_INFERENCE_ADDRESS": address,
        "MMS_MANAGEMENT_ADDRESS": address,
        "LOG_LOCATION": str(workdir / "logs"),
        "METRICS_LOCATION": str(workdir / "logs"),
    }


def _signal_group(leader: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, number)
