"""Contestants behind the genuine model server: the toolkit, multi-model-server, and HTTP."""

import http.client
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.contestants import Contestant
from benchmarks.loops import pss_mb
from benchmarks.requests import Request
from scripts.local.java import java_home
from scripts.local.model_server.server import (
    GENERIC,
    Answer,
    ModelServer,
    Stack,
    launch_model_server,
)
from scripts.local.settings import tool_python

_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.02


def hugging_face() -> Stack:
    """Return what SageMaker's Hugging Face image has: its toolkit imports torch and transformers, twice."""
    return Stack(
        python=tool_python("huggingface_server"),
        toolkit="sagemaker_huggingface_inference_toolkit.mms_model_server",
    )


@contextmanager
def starting_server(
    contestant: Contestant, *, environment: Mapping[str, str] | None = None, stack: Stack = GENERIC
) -> Iterator[ModelServer]:
    """Start a server of the contestant, without waiting for it, and end it after the block.

    `environment` is added to what the contestant's container is given.
    """
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder:
        server = launch_model_server(
            contestant.archive,
            environment={
                **contestant.environment,
                "JAVA_HOME": str(java_home()),
                **(environment or {}),
            },
            workdir=Path(folder),
            stack=stack,
        )
        try:
            yield server
        finally:
            server.stop()


def ask(server: ModelServer, request: Request) -> Answer:
    """Return what the server answers. Raises OSError and HTTPException as they come."""
    return server.invoke(request.path.read_bytes(), content_type=request.content_type, accept=request.accept)


def seconds_to_first_answer(server: ModelServer, request: Request) -> float:
    """Return how long after the toolkit's process began it answers this request, which is sent until then."""
    deadline, pause = time.monotonic() + _PATIENCE_SECONDS, threading.Event()
    while time.monotonic() < deadline:
        if _is_answered(server, request):
            return _age(server.pid)
        pause.wait(_PAUSE_SECONDS)
    log = server.log.read_text(errors="replace")
    raise RuntimeError(f"the model server did not answer within {_PATIENCE_SECONDS:g} s:\n{log[-2000:]}")


def memory_mb(server: ModelServer) -> float:
    """Return what all processes of a server take, as `pss_mb` tells it; Java is no child of the toolkit."""
    return pss_mb([process for process in psutil.process_iter() if _session_of(process) == server.pid])


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return None


def _is_answered(server: ModelServer, request: Request) -> bool:
    try:
        return ask(server, request).status == 200
    except (OSError, http.client.HTTPException):
        return False


def _age(pid: int) -> float:
    """Return the seconds since a process began, to a hundredth.

    Linux tells its beginning in ticks since the machine's; psutil gives it as a date, to the second.
    """
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
