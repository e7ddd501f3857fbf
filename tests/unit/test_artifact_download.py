"""The hub's own client against a server that answers as the hub does, in a fresh interpreter."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.artifact.hub import FILES
from tests.unit.artifact_models import write_layout

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROGRAM = """
import sys
from scripts.artifact.hub import download
from scripts.errors import CommandError
try:
    print(download("someone/model", revision=sys.argv[1], digests={}, report=lambda _: None))
except CommandError as error:
    sys.exit(f"{error.code}: {error}")
"""


class Hub(BaseHTTPRequestHandler):
    """Serves one repository at `main` and at its commit; 404 with the hub's own code for the rest."""

    def __init__(self, folder: Path, *args: object) -> None:
        self.folder = folder
        super().__init__(*args)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self.wfile.write(self._answer())

    def _answer(self) -> bytes:
        repository, _, rest = self.path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        if self.path == "/" or repository != "/someone/model" or revision not in ("main", COMMIT):
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("X-Error-Code", "RevisionNotFound")
            self.end_headers()
            return b""
        content = (self.folder / name).read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return content

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, write_layout(tmp_path / "repository")))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(hub: str, tmp_path: Path, revision: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment |= {"HF_ENDPOINT": hub, "HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "0"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, revision],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_repository_is_fetched_at_the_commit_of_its_branch(hub: str, tmp_path: Path) -> None:
    result = fetch(hub, tmp_path, "main")
    assert result.returncode == 0, result.stderr
    folder = Path(result.stdout.strip())
    assert folder.name == COMMIT
    for name in FILES:
        assert (folder / name).read_bytes() == (tmp_path / "repository" / name).read_bytes()


def test_a_fetched_commit_needs_no_hub_again(hub: str, tmp_path: Path) -> None:
    first = fetch(hub, tmp_path, COMMIT)
    assert first.returncode == 0, first.stderr
    assert fetch("http://127.0.0.1:1", tmp_path, COMMIT).stdout == first.stdout


def test_an_unknown_revision_is_refused_at_once(hub: str, tmp_path: Path) -> None:
    result = fetch(hub, tmp_path, "no-such-branch")
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("hub_refused: ")
    assert "--revision" in last
