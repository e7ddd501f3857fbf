"""The command line ``imagesearch``, run as a person would."""

import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Command:
    """The program, the environment variables it runs with, and the directory where that is not ours."""

    program: Path
    variables: Mapping[str, str]
    directory: Path | None = None

    def __call__(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        """What the command printed and its exit status; with ``check``, a failure shows what it printed."""
        done = subprocess.run(
            [self.program, *arguments],
            env=dict(self.variables),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"imagesearch {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command as it runs, for those who interrupt it."""
        return subprocess.Popen(
            [self.program, *arguments],
            env=dict(self.variables),
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that starts the tests in the background lets them, and so this, ignore interrupts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
