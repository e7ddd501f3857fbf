"""The process that lets browsers on this machine see the search page."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from scripts.errors import CommandError
from scripts.local.ports import LOOPBACK
from scripts.local.processes import ProcessTable, StartedProcess, require_free_port
from scripts.local.settings import LocalSettings
from scripts.local.waiting import wait_until

PART = "web"
START_SECONDS = 20.0
_PROGRAM = Path(__file__).with_name("web_server.py")


class WebPage:
    """The page of one local environment, at `url`."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._processes = ProcessTable(settings.directory)

    @property
    def url(self) -> str:
        """The page's address, ending in a slash."""
        return f"http://{LOOPBACK}:{self._settings.web_port}/"

    def running(self) -> StartedProcess | None:
        """The process, if it runs."""
        return self._processes.running(PART)

    def is_healthy(self) -> bool:
        """Whether the page can be loaded."""
        try:
            return httpx.get(self.url, timeout=10, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def require_port(self) -> None:
        """Raise the ``CommandError`` that says who holds its port, unless it runs or could start."""
        if self.running() is None:
            require_free_port(self._settings.web_port, part="the page", variable="IMAGESEARCH_WEB_PORT")

    def start(self, address: str) -> None:
        """Serve the deployed page, whose address in AWS would be ``address``."""
        self.stop()  # one that runs may serve an older distribution
        self.require_port()
        ca_file = self._settings.ca_file
        self._processes.start(
            PART,
            [
                sys.executable,
                _PROGRAM,
                *("--port", str(self._settings.web_port)),
                *("--emulator-url", self._settings.emulator_url),
                *("--host", urlsplit(address).netloc),
                *(("--ca-file", str(ca_file)) if ca_file else ()),
            ],
            environment={"PATH": os.defpath, "LANG": "C.UTF-8"},
            port=self._settings.web_port,
            directory=self._settings.directory,
        )
        wait_until(lambda: self.is_healthy() or self.running() is None, seconds=START_SECONDS)
        if not self.is_healthy():
            raise CommandError(
                "page_not_served",
                f"The page is not served at {self.url}; {self._processes.log_path(PART)} ends with:\n"
                f"{self._processes.log_tail(PART)}",
            )

    def stop(self) -> bool:
        """End it; True when it ran."""
        return self._processes.stop(PART)
