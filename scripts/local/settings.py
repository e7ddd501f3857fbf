"""Where the local environment keeps its state, which ports it takes, and where its tools lie."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.errors import CommandError
from scripts.local.model_server.server import LAST_PORT
from scripts.repository import ROOT
from scripts.target import local_directory

TOOLS = ROOT / ".tools"
ACCOUNT = "000000000000"
REGION = "us-east-1"
LOOPBACK = "127.0.0.1"


def port_of(variables: Mapping[str, str], name: str, default: int, *, highest: int = 65535) -> int:
    """The port that the variable ``name`` sets, else ``default``; ``CommandError`` above ``highest``."""
    text = variables.get(name, str(default))
    if text.isdecimal() and 0 < int(text) <= highest:
        return int(text)
    raise CommandError(
        "port_invalid", f"{name}={text} cannot be used: set it to a number from 1 to {highest}."
    )


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """One local environment: ``directory`` holds its state, so two may run beside each other."""

    directory: Path = field(default_factory=local_directory)
    emulator_port: int = 4566
    opensearch_port: int = 9200
    model_server_port: int = 18080

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> "LocalSettings":
        """The settings that ``IMAGESEARCH_LOCAL_DIR`` and the three port variables say."""
        return cls(
            directory=local_directory(variables),
            emulator_port=port_of(variables, "IMAGESEARCH_EMULATOR_PORT", cls.emulator_port),
            opensearch_port=port_of(variables, "IMAGESEARCH_OPENSEARCH_PORT", cls.opensearch_port),
            model_server_port=port_of(
                variables, "IMAGESEARCH_MODEL_SERVER_PORT", cls.model_server_port, highest=LAST_PORT
            ),
        )

    @property
    def emulator_url(self) -> str:
        """The emulator's address: every AWS service of the local environment answers there."""
        return f"http://{LOOPBACK}:{self.emulator_port}"


def tool_python(name: str) -> Path:
    """The interpreter of the tool environment ``name`` (``emulator`` or ``model_server``)."""
    python = TOOLS / name / "bin" / "python"
    if not python.exists():
        raise CommandError("tool_missing", f"The tool environment .tools/{name} is missing: run make setup.")
    return python
