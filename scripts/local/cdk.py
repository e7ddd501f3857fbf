"""Calling the CDK's command line against the emulator."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.errors import CommandError
from scripts.local.emulator_process import aws_environment
from scripts.local.settings import ACCOUNT, REGION, LocalSettings
from scripts.repository import ROOT, cdk_program, search_path

QUIET = ("--no-notices", "--no-version-reporting", "--no-color", "--ci")


class Cdk:
    """The CDK's command line, bound to one local environment; what it prints goes to logs/cdk.log."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._log = settings.directory / "logs" / "cdk.log"
        self._home = settings.directory / "cdk"

    def bootstrap(self) -> None:
        """``cdk bootstrap`` of the emulator's account."""
        # Elsewhere than in the repository, where it would synthesize the app first.
        self._run(["bootstrap", f"aws://{ACCOUNT}/{REGION}"], directory=self._home)

    def synthesize(self, stacks: str, *, context: Mapping[str, str], assembly: Path) -> None:
        """``cdk synth`` of the stacks that the pattern selects, into ``assembly``, which keeps assets."""
        pairs = [part for name, value in context.items() for part in ("--context", f"{name}={value}")]
        self._run(["synth", stacks, "--quiet", "--output", str(assembly), *pairs], directory=ROOT)

    def deploy(self, stacks: str, *, assembly: Path, outputs: Path) -> None:
        """``cdk deploy`` of the synthesized stacks that the pattern selects; outputs into ``outputs``."""
        self._run(
            [
                "deploy",
                stacks,
                *("--app", str(assembly)),
                *("--require-approval", "never"),
                *("--method", "direct"),
                *("--concurrency", "4"),
                *("--outputs-file", str(outputs)),
            ],
            directory=ROOT,
        )

    def destroy(self, stacks: str, *, assembly: Path) -> None:
        """``cdk destroy`` of the synthesized stacks that the pattern selects, the last ones first."""
        self._run(["destroy", stacks, "--app", str(assembly), "--force"], directory=ROOT)

    def _run(self, arguments: Sequence[str], *, directory: Path) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            start = log.tell()
            finished = subprocess.run(
                [cdk_program(), *arguments, *QUIET],
                cwd=directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if finished.returncode:
            said = self._log.read_bytes()[start:].decode(errors="replace").splitlines()
            raise CommandError(
                "cdk_failed",
                f"cdk {arguments[0]} failed (all of it: {self._log}):\n" + "\n".join(said[-25:]),
            )

    def _environment(self) -> dict[str, str]:
        """Ours, as bundling needs the developer's package settings, without any way to a real account."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
        return {
            **ours,
            **aws_environment(self._settings),
            "AWS_CONFIG_FILE": str(self._home / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self._home / "no-credentials"),
            "CDK_HOME": str(self._home),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "PATH": search_path(),
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"])),
        }
