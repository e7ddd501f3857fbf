"""Running one command of a trial: watched, and ended with all that it has started."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 1.0
GRACE_SECONDS = 60.0
"""How long a command that is interrupted may take to end what it has begun."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A command that has ended: its exit status, what it answered, and what it told people meanwhile."""

    status: int
    answer: str
    told: str


def program_of(command: Sequence[str]) -> list[str]:
    """The command with `imagesearch` and `python` as those that this program is one of."""
    named = {"imagesearch": str(Path(sys.executable).with_name("imagesearch")), "python": sys.executable}
    return [named.get(command[0], command[0]), *command[1:]]


def run(
    command: Sequence[str], *, variables: Mapping[str, str], log: Path, watch: Callable[[], None]
) -> Ended:
    """Run a command, with what it says in the files ``log`` (`.out`, `.err`).

    Whatever ``watch`` raises ends it. It has a session of its own: an interruption reaches it through this
    program only, which decides what follows.
    """
    out, err = log.with_suffix(".out"), log.with_suffix(".err")
    with out.open("w") as answer, err.open("w") as told:
        process = subprocess.Popen(
            program_of(command),
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=told,
            start_new_session=True,
        )
        try:
            _wait(process, watch)
        except BaseException:
            _end(process)
            raise
    return Ended(status=process.returncode, answer=_read(out), told=_read(err))


def _read(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")


def _wait(process: "subprocess.Popen[bytes]", watch: Callable[[], None]) -> None:
    while True:
        try:
            process.wait(timeout=POLL_SECONDS)
        except subprocess.TimeoutExpired:
            watch()
        else:
            return


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Interrupt the command and all of its children, and kill what has not ended in time."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE_SECONDS)
            return
