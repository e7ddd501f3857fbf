"""Where the local environment keeps its state, which ports it takes, and where its tools lie."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.errors import CommandError
from scripts.local.ports import LAST_PORT, LOOPBACK
from scripts.repository import ROOT
from scripts.target import local_directory

TOOLS = ROOT / ".tools"
ACCOUNT = "000000000000"
REGION = "us-east-1"


def port_of(variables: Mapping[str, str], name: str, default: int, *, highest: int = 65535) -> int:
    """The port that the variable ``name`` sets, else ``default``; ``CommandError`` above ``highest``."""
    text = variables.get(name, str(default))
    if text.isdecimal() and 0 < int(text) <= highest:
        return int(text)
    raise CommandError(
        "port_invalid", f"{name}={text} cannot be used: set it to a number from 1 to {highest}."
    )


def switch_of(variables: Mapping[str, str], name: str) -> bool:
    """Whether the variable ``name`` is ``true``; ``CommandError`` when it is neither that nor ``false``."""
    text = variables.get(name, "false")
    if text not in {"true", "false"}:
        raise CommandError("switch_invalid", f"{name}={text} cannot be used: set it to true or false.")
    return text == "true"


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """One local environment: ``directory`` holds its state, so two may run beside each other.

    With ``enforce`` the emulator checks signatures and IAM policies, and answers by TLS.
    """

    directory: Path = field(default_factory=local_directory)
    emulator_port: int = 4566
    opensearch_port: int = 9200
    model_server_port: int = 18080
    web_port: int = 8090
    enforce: bool = False

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> "LocalSettings":
        """The settings that ``IMAGESEARCH_LOCAL_DIR``, the port variables and ``IMAGESEARCH_ENFORCE`` say."""
        return cls(
            directory=local_directory(variables),
            emulator_port=port_of(variables, "IMAGESEARCH_EMULATOR_PORT", cls.emulator_port),
            opensearch_port=port_of(variables, "IMAGESEARCH_OPENSEARCH_PORT", cls.opensearch_port),
            model_server_port=port_of(
                variables, "IMAGESEARCH_MODEL_SERVER_PORT", cls.model_server_port, highest=LAST_PORT
            ),
            web_port=port_of(variables, "IMAGESEARCH_WEB_PORT", cls.web_port),
            enforce=switch_of(variables, "IMAGESEARCH_ENFORCE"),
        )

    @property
    def emulator_url(self) -> str:
        """The emulator's address: every AWS service of the local environment answers there."""
        return f"{'https' if self.enforce else 'http'}://{LOOPBACK}:{self.emulator_port}"

    @property
    def ca_file(self) -> Path | None:
        """The certificate that clients of the emulator trust; None where it answers without TLS."""
        return self.directory / "tls" / "ca.pem" if self.enforce else None

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """What httpx verifies the emulator's certificate with."""
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True


def tool_python(name: str) -> Path:
    """The interpreter of the tool environment ``name`` (``emulator`` or ``model_server``)."""
    python = TOOLS / name / "bin" / "python"
    if not python.exists():
        raise CommandError("tool_missing", f"The tool environment .tools/{name} is missing: run make setup.")
    return python
