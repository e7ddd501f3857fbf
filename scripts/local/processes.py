"""Processes that outlive the command that started them: pid files, logs, and a stop that leaves nothing.

A pid file holds the pid *and* the process's start time, so that a recycled pid is never taken for ours. Every
process carries a marker in its environment, which its children inherit: that is how a stop finds what a
crashed parent left behind.
"""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from scripts.errors import CommandError
from scripts.local.ports import LOOPBACK
from scripts.local.waiting import wait_until

MARKER = "IMAGESEARCH_PROCESS"
"""Environment variable that says which environment and part a process belongs to."""

STOP_SECONDS = 8.0
"""How long a part may take to end after SIGTERM before it is killed; each usually takes less than three."""


@dataclass(frozen=True, kw_only=True)
class StartedProcess:
    """What a pid file says; ``created`` is the start time in seconds since the epoch."""

    pid: int
    created: float
    port: int


class ProcessTable:
    """The processes of one local environment, by part name, kept in ``directory``/run and /logs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def log_path(self, name: str) -> Path:
        """Where the part's output goes."""
        return self._directory / "logs" / f"{name}.log"

    def marker(self, name: str) -> str:
        """The value of ``MARKER`` for the part's processes."""
        return f"{self._directory.resolve()}:{name}"

    def start(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        *,
        environment: Mapping[str, str],
        port: int,
        directory: Path,
        user: int | None = None,
    ) -> StartedProcess:
        """Start the part in a session of its own, so that Ctrl-C in the terminal does not reach it."""
        log = self.log_path(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={**environment, MARKER: self.marker(name)},
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        started = StartedProcess(
            pid=process.pid, created=psutil.Process(process.pid).create_time(), port=port
        )
        write_atomically(self._pid_file(name), json.dumps(asdict(started)))
        return started

    def running(self, name: str) -> StartedProcess | None:
        """The part as it was started, if that very process still runs."""
        try:
            started = StartedProcess(**json.loads(self._pid_file(name).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return started if is_alive(started) else None

    def stop(self, name: str) -> bool:
        """End the part with all its descendants; True when something had to be ended."""
        processes = list(self._members(name))
        end_processes(processes)
        self._pid_file(name).unlink(missing_ok=True)
        return bool(processes)

    def log_tail(self, name: str, *, lines: int = 15) -> str:
        """The last lines that the part wrote."""
        path = self.log_path(name)
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def _pid_file(self, name: str) -> Path:
        return self._directory / "run" / f"{name}.json"

    def _members(self, name: str) -> Iterator[psutil.Process]:
        marker, started = self.marker(name), self.running(name)
        for process in psutil.process_iter():
            if _marker_of(process) == marker or (started is not None and process.pid == started.pid):
                yield process


def is_alive(started: StartedProcess) -> bool:
    """Whether the process with this pid is still the one that was started (and not a zombie)."""
    try:
        process = psutil.Process(started.pid)
        return process.create_time() == started.created and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def end_processes(processes: Sequence[psutil.Process], *, seconds: float = STOP_SECONDS) -> None:
    """SIGTERM to each of ``processes``, and SIGKILL to those that have not ended within ``seconds``."""
    for process in processes:
        _send(process, signal.SIGTERM)
    if wait_until(lambda: not any(map(_lives, processes)), seconds=seconds, poll_seconds=0.05):
        return
    for process in filter(_lives, processes):
        _send(process, signal.SIGKILL)
    wait_until(lambda: not any(map(_lives, processes)), seconds=seconds, poll_seconds=0.05)


def require_free_port(port: int, *, part: str, variable: str) -> None:
    """Raise the ``CommandError`` that names the port, who holds it and what to do, unless it is free."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise CommandError(
                "port_busy",
                f"Port {port}, which {part} needs, is held by {port_holder(port) or 'another process'}: "
                f"end that, or set {variable} to a free port.",
            ) from error


def port_holder(port: int) -> str | None:
    """``name (pid N)`` of who listens on ``port``, or None where the system does not tell."""
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        pids = [c.pid for c in listening if c.pid and c.laddr and c.laddr.port == port]
        return f"{psutil.Process(pids[0]).name()} (pid {pids[0]})" if pids else None
    except psutil.Error:
        return None


def _marker_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARKER)
    except (psutil.Error, OSError):
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _send(process: psutil.Process, number: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)  # refuses by itself when the pid was recycled


def write_atomically(path: Path, text: str) -> None:
    """Write a file that a reader finds whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)
