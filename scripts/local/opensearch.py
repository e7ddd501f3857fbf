"""A real OpenSearch with k-NN on loopback, without Docker.

In order: the one at ``OPENSEARCH_URL`` (used as it is, never stopped or emptied), the distribution in the
folder ``OPENSEARCH_HOME``, else one assembled from artifacts of Maven Central.
"""

import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from scripts.errors import CommandError
from scripts.local.artifacts import Progress, no_progress
from scripts.local.java import java_home
from scripts.local.opensearch_home import assembled_home
from scripts.local.ports import LOOPBACK
from scripts.local.processes import ProcessTable, require_free_port
from scripts.local.settings import LocalSettings
from scripts.local.unprivileged import (
    give_to,
    readable_copy,
    remove_writable_folder,
    service_user,
    writable_folder,
)
from scripts.local.waiting import wait_until

PART = "opensearch"
START_SECONDS = 180.0
HEAP = "512m"

CONFIGURATION = """\
cluster.name: imagesearch-local
discovery.type: single-node
network.host: 127.0.0.1
http.port: {port}
transport.port: 9300-9400
path.data: {data}
path.logs: {logs}
path.repo: {snapshots}
action.auto_create_index: false
cluster.routing.allocation.disk.threshold_enabled: false
"""

LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


def find_home(on_progress: Progress = no_progress) -> Path:
    """The distribution at ``OPENSEARCH_HOME``, else the home under .tools, assembled where it is missing."""
    given = os.environ.get("OPENSEARCH_HOME")
    return Path(given) if given else assembled_home(on_progress)


class OpenSearch:
    """The OpenSearch of one local environment."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._processes = ProcessTable(settings.directory)
        self._given_url = os.environ.get("OPENSEARCH_URL", "").rstrip("/")

    @property
    def url(self) -> str:
        """Where it answers, such as ``http://127.0.0.1:9200``."""
        return self._given_url or f"http://{LOOPBACK}:{self._settings.opensearch_port}"

    @property
    def address(self) -> str:
        """Its ``host:port``; ``CommandError`` when ``OPENSEARCH_URL`` is not made of these alone."""
        parts = urlsplit(self.url)
        if parts.scheme != "http" or parts.username or parts.path or parts.hostname is None:
            raise CommandError(
                "opensearch_url_unsupported",
                f"OPENSEARCH_URL={self.url} cannot be used: name a plain http://host:port, or unset it.",
            )
        return f"{parts.hostname}:{parts.port or 80}"

    @property
    def is_ours(self) -> bool:
        """Whether this environment starts and stops it."""
        return not self._given_url

    def pid(self) -> int | None:
        """The process id when ours runs."""
        started = self._processes.running(PART)
        return started.pid if started else None

    def health(self) -> str | None:
        """``green``, ``yellow`` or ``red``, or None when it does not answer."""
        try:
            answer = httpx.get(f"{self.url}/_cluster/health", timeout=5, trust_env=False)
            return str(answer.raise_for_status().json()["status"])
        except (httpx.HTTPError, ValueError, KeyError):
            return None

    def start(self, *, fresh: bool, on_progress: Progress = no_progress) -> None:
        """Have it running and healthy; ``fresh`` starts it anew without data. Progress counts downloads."""
        if not self.is_ours:
            self._require_answer()
            return
        if fresh:
            self.forget()
        if self._processes.running(PART) is None:
            self._launch(on_progress)
        self._wait_until_healthy()

    def require_port(self) -> None:
        """Raise the ``CommandError`` that says who holds its port, unless it runs or could start."""
        if self.is_ours and self.pid() is None:
            require_free_port(
                self._settings.opensearch_port, part="OpenSearch", variable="IMAGESEARCH_OPENSEARCH_PORT"
            )

    def stop(self) -> bool:
        """End ours with all it started; True when it ran. One at ``OPENSEARCH_URL`` is left alone."""
        return self.is_ours and self._processes.stop(PART)

    def forget(self) -> bool:
        """End ours and remove its data; True when it ran."""
        ran = self.stop()
        if self.is_ours:
            remove_writable_folder(self._settings.directory / PART, service_user())
        return ran

    def _require_answer(self) -> None:
        if self.health() is None:
            raise CommandError(
                "opensearch_unreachable", f"OPENSEARCH_URL={self.url} does not answer: start it, or unset it."
            )

    def _launch(self, on_progress: Progress) -> None:
        self.require_port()
        user = service_user()
        home = readable_copy(find_home(on_progress), user)
        run = self._prepare_run_folder(home, user)
        java = readable_copy(java_home(), user)
        script = home / "bin" / "opensearch"  # only a distribution has it
        try:
            self._processes.start(
                PART,
                [script] if script.exists() else java_command(java, home, run),
                environment={
                    "PATH": os.environ["PATH"],
                    "HOME": str(run),
                    "OPENSEARCH_PATH_CONF": str(run / "config"),
                    "OPENSEARCH_JAVA_OPTS": f"-Xms{HEAP} -Xmx{HEAP}",
                    "OPENSEARCH_TMPDIR": str(run / "tmp"),
                },
                port=self._settings.opensearch_port,
                directory=run,
                user=user,
            )
        except OSError as error:
            raise CommandError(
                "opensearch_unstartable",
                f"OpenSearch could not be started ({error}): set OPENSEARCH_URL to one that runs already.",
            ) from error

    def _run_folder(self) -> Path:
        return writable_folder(self._settings.directory / PART, service_user())

    def _prepare_run_folder(self, home: Path, user: int | None) -> Path:
        run = self._run_folder()
        for name in ("config", "data", "logs", "snapshots", "tmp"):
            (run / name).mkdir(exist_ok=True)
        folders = {name: run / name for name in ("data", "logs", "snapshots")}
        text = CONFIGURATION.format(port=self._settings.opensearch_port, **folders)
        if (home / "plugins" / "opensearch-security").exists():
            text += "plugins.security.disabled: true\n"
        (run / "config" / "opensearch.yml").write_text(text)
        (run / "config" / "log4j2.properties").write_text(LOGGING)
        if (home / "config" / "jvm.options").exists():
            shutil.copyfile(home / "config" / "jvm.options", run / "config" / "jvm.options")
        if user is not None:
            give_to(run, user)
        return run

    def _wait_until_healthy(self) -> None:
        def settled() -> bool:
            return self.health() in {"green", "yellow"} or self._processes.running(PART) is None

        if not wait_until(settled, seconds=START_SECONDS) or self._processes.running(PART) is None:
            raise CommandError(
                "opensearch_not_started",
                f"OpenSearch did not start; {self._processes.log_path(PART)} ends with:\n"
                f"{self._processes.log_tail(PART)}",
            )


def java_command(java: Path, home: Path, run: Path) -> list[str]:
    """What starts the OpenSearch that lies in ``home``, with the configuration and the files of ``run``."""
    return [
        str(java / "bin" / "java"),
        f"-Xms{HEAP}",
        f"-Xmx{HEAP}",
        f"-Djava.io.tmpdir={run / 'tmp'}",
        # What bin/opensearch and jvm.options of the distribution say.
        "-Djava.security.manager=allow",
        "-Dfile.encoding=UTF-8",
        "-Djava.awt.headless=true",
        "-Dlog4j.shutdownHookEnabled=false",
        "-Dlog4j2.disable.jmx=true",
        "-Dio.netty.noUnsafe=true",
        "-Dio.netty.noKeySetOptimization=true",
        "-Dio.netty.recycler.maxCapacityPerThread=0",
        "-Dio.netty.allocator.numDirectArenas=0",
        f"-Dopensearch.path.home={home}",
        f"-Dopensearch.path.conf={run / 'config'}",
        "-Dopensearch.distribution.type=tar",
        "-cp",
        f"{home / 'lib'}/*",
        "org.opensearch.bootstrap.OpenSearch",
    ]
