"""The emulator's process: how it is started, asked and ended from the project's own interpreter."""

import os
import shutil
import subprocess
from pathlib import Path

import httpx

from scripts.errors import CommandError
from scripts.local.java import java_home
from scripts.local.ports import LOOPBACK
from scripts.local.processes import ProcessTable, StartedProcess, require_free_port
from scripts.local.settings import ACCOUNT, REGION, LocalSettings, tool_python
from scripts.local.waiting import wait_until
from scripts.repository import ROOT, node_folder

PART = "emulator"
START_SECONDS = 60.0
PROGRAMS = Path(__file__).parent / "emulator"
LAUNCHER, CERTIFICATE = PROGRAMS / "launcher.py", PROGRAMS / "certificate.py"


def aws_environment(settings: LocalSettings) -> dict[str, str]:
    """What an AWS client needs to reach the emulator and nothing else: no developer's credentials."""
    return {
        "AWS_ENDPOINT_URL": settings.emulator_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        **_trust(settings.ca_file),
    }


def _trust(ca_file: Path | None) -> dict[str, str]:
    """The variables by which the SDKs of Python and Node trust the emulator's certificate."""
    if ca_file is None:
        return {}
    return {"AWS_CA_BUNDLE": str(ca_file), "NODE_EXTRA_CA_CERTS": str(ca_file)}


class Emulator:
    """The emulator of one local environment. Its state is in memory: a new start is an empty account."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._processes = ProcessTable(settings.directory)

    def running(self) -> StartedProcess | None:
        """The process, if it runs."""
        return self._processes.running(PART)

    def is_healthy(self) -> bool:
        """Whether it answers."""
        try:
            address = f"{self._settings.emulator_url}/_ministack/health"
            verify = self._settings.verify
            return httpx.get(address, timeout=5, trust_env=False, verify=verify).is_success
        except (httpx.HTTPError, FileNotFoundError):  # no certificate before the first start
            return False

    def start(self, *, opensearch_address: str) -> None:
        """Have it running; every domain's endpoint is ``opensearch_address`` (``host:port``)."""
        if self.running() is None:
            self.stop()  # what a crash left: model servers, functions
            self._launch(opensearch_address)
        self._wait_until_healthy()

    def require_port(self) -> None:
        """Raise the ``CommandError`` that says who holds its port, unless it runs or could start."""
        if self.running() is None:
            require_free_port(
                self._settings.emulator_port, part="the emulator", variable="IMAGESEARCH_EMULATOR_PORT"
            )

    def stop(self) -> bool:
        """End it with its functions and model servers; True when anything ran."""
        ended = self._processes.stop(PART)
        shutil.rmtree(self._settings.directory / PART, ignore_errors=True)
        return ended

    def _launch(self, opensearch_address: str) -> None:
        self.require_port()
        folder = self._settings.directory / PART
        for name in ("home", "tmp", "endpoints"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._make_certificates()
        self._processes.start(
            PART,
            [
                tool_python("emulator"),
                LAUNCHER,
                "--workdir",
                folder / "endpoints",
                "--model-server-port",
                str(self._settings.model_server_port),
            ],
            environment=self._environment(folder, opensearch_address),
            port=self._settings.emulator_port,
            directory=folder,
        )

    def _environment(self, folder: Path, opensearch_address: str) -> dict[str, str]:
        """A whole environment of its own: functions inherit it, so nothing of the developer's may be in."""
        return {
            **aws_environment(self._settings),
            "PATH": os.pathsep.join([str(node_folder()), str(ROOT / ".venv" / "bin"), os.defpath]),
            "LANG": "C.UTF-8",
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "JAVA_HOME": str(java_home()),
            "NODE_PATH": str(ROOT / "node_modules"),  # where CDK's own functions find the AWS SDK
            "GATEWAY_PORT": str(self._settings.emulator_port),
            "BIND_HOST": LOOPBACK,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "MINISTACK_OPENSEARCH_ENDPOINT": opensearch_address,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": f"unix://{folder / 'no-docker.sock'}",  # it would look for containers to remove
            **self._enforcement(),
        }

    def _enforcement(self) -> dict[str, str]:
        """What makes the emulator check signatures and policies and answer by TLS, which functions trust."""
        if self._settings.ca_file is None:
            return {}
        folder = self._settings.ca_file.parent
        return {
            "AUTH": "true",
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(folder / "server.pem"),
            "MINISTACK_SSL_KEY": str(folder / "server.key"),
            "SSL_CERT_FILE": str(self._settings.ca_file),
            # The canary asks the API with requests, which brings authorities of its own.
            "REQUESTS_CA_BUNDLE": str(self._settings.ca_file),
        }

    def _make_certificates(self) -> None:
        """A new authority and server certificate, for which the emulator's interpreter has the tools."""
        if self._settings.ca_file is not None:
            self._settings.ca_file.parent.mkdir(parents=True, exist_ok=True)
            command = [tool_python("emulator"), CERTIFICATE, self._settings.ca_file.parent]
            subprocess.run(command, check=True)

    def _wait_until_healthy(self) -> None:
        if not wait_until(lambda: self.is_healthy() or self.running() is None, seconds=START_SECONDS):
            raise self._not_started()
        if self.running() is None:
            raise self._not_started()

    def _not_started(self) -> CommandError:
        return CommandError(
            "emulator_not_started",
            f"The emulator did not start; {self._processes.log_path(PART)} ends with:\n"
            f"{self._processes.log_tail(PART)}",
        )
