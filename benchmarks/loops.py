"""Processes that measure within the environment of what they measure, driven by orders."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.contestants import Contestant
from benchmarks.requests import Request

_HANDLER = Path(__file__).with_name("handler_loop.py")
_TOWER = Path(__file__).with_name("tower_loop.py")
# Set on machines whose numpy is old; they slow a current one.
_SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_CUDA = ("/nvidia/", "cuda")


class Loop:
    """A running process that answers each order with a line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def order(self, **order: Any) -> dict[str, Any]:
        """Return what the process answers. Raises RuntimeError where it has ended; it said why on stderr."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the measured process has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    @property
    def memory_mb(self) -> float:
        """What the process and its children take, as `pss_mb` tells it."""
        root = psutil.Process(self._process.pid)
        return pss_mb([root, *root.children(recursive=True)])


class HandlerLoop(Loop):
    """A handler that is asked."""

    def seconds(self, *requests: Request) -> list[float]:
        """Return how long each of these requests took, which are of one kind."""
        seconds: list[float] = self._ask(requests)["seconds"]
        return seconds

    def seconds_outside(self, *requests: Request) -> list[float]:
        """Return how much of each request's time our towers did not run; all of it for another handler."""
        seconds: list[float] = self._ask(requests)["outside"]
        return seconds

    def rate(self, *requests: Request) -> float:
        """Return pictures a second over these requests, sent one after the other."""
        return sum(request.pictures for request in requests) / sum(self.seconds(*requests))

    def vector(self, request: Request) -> NDArray[np.float64]:
        """Return the answer to a request for one vector, normalised."""
        answer = json.loads(self._ask([request])["answer"])
        vector = np.array(answer["embeddings"][0] if isinstance(answer, dict) else answer)
        normalised: NDArray[np.float64] = vector / np.linalg.norm(vector)
        return normalised

    def _ask(self, requests: Sequence[Request]) -> dict[str, Any]:
        return self.order(
            paths=[str(request.path) for request in requests],
            content_type=requests[0].content_type,
            accept=requests[0].accept,
        )


class TowerLoop(Loop):
    """Towers and products of matrices that are run alone."""

    def seconds(self, *, repeats: int, **order: Any) -> list[float]:
        """Return how long each repeat took."""
        seconds: list[float] = self.order(repeats=repeats, **order)["seconds"]
        return seconds


def pss_mb(processes: Iterable[psutil.Process]) -> float:
    """Return the proportional set size of these processes in MB, CUDA's libraries left out.

    A torch for CPUs, as a container has it, does not have them.
    """
    maps = [each for process in processes for each in _maps(process)]
    size: int = sum(each.pss for each in maps if not any(part in each.path for part in _CUDA))
    return size / 1e6


def _maps(process: psutil.Process) -> list[Any]:
    """Return what a process has mapped; nothing where it has ended meanwhile."""
    try:
        return process.memory_maps()
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return []


@contextmanager
def handler_loop(contestant: Contestant) -> Iterator[HandlerLoop]:
    """Run a contestant's handler until the block is left."""
    with _running(_HANDLER, contestant) as process:
        yield HandlerLoop(process)


@contextmanager
def tower_loop(contestant: Contestant) -> Iterator[TowerLoop]:
    """Make a contestant's towers ready until the block is left."""
    with _running(_TOWER, contestant) as process:
        yield TowerLoop(process)


@contextmanager
def _running(program: Path, contestant: Contestant) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if name not in _SLOWING}
    command: list[str | Path] = [
        contestant.python,
        "-P",
        "-W",
        "ignore",
        program,
        contestant.code,
        contestant.folder,
    ]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.terminate()
