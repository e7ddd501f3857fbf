"""Fetching pinned artifacts of Maven repositories: in parallel, checked, and going on where it stopped."""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from maven_artifact import Artifact, Downloader  # type: ignore[import-untyped]

from scripts.errors import CommandError

MIRROR_VARIABLE = "IMAGESEARCH_MAVEN_MIRROR"
"""Address of a Maven repository to use instead of the library's default, Maven Central."""

CONNECTIONS = 12
SECONDS_PER_FILE = 120


@dataclass(frozen=True, kw_only=True)
class PinnedArtifact:
    """One file: the folder it goes to, its coordinate, and the SHA-256 (hex) that it must have."""

    folder: str
    group: str
    artifact: str
    version: str
    extension: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name Maven gives the file."""
        return f"{self.artifact}-{self.version}.{self.extension}"


Fetch = Callable[[PinnedArtifact, Path], None]
Progress = Callable[[int, int], None]


def no_progress(_done: int, _total: int) -> None:
    """Tell nobody."""


def read_artifact_list(path: Path) -> list[PinnedArtifact]:
    """The artifacts of a list: per line a folder, ``group:artifact:version[:extension]``, a SHA-256."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return [_parse(line) for line in lines if line and not line.startswith("#")]


def fetch_all(
    artifacts: Iterable[PinnedArtifact],
    cache: Path,
    *,
    on_progress: Progress = no_progress,
    fetch: Fetch | None = None,
) -> None:
    """Bring every artifact into the folder ``cache``; what lies there already with the right hash stays.

    ``on_progress`` is told (done, total). Raises ``CommandError`` when one cannot be had or has another hash.
    """
    wanted = list(artifacts)
    cache.mkdir(parents=True, exist_ok=True)
    missing = [one for one in wanted if not _is_valid(cache / one.file_name, one)]
    on_progress(len(wanted) - len(missing), len(wanted))
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        running = [pool.submit(_fetch_one, one, cache, fetch or _download) for one in missing]
        try:
            for number, future in enumerate(as_completed(running), start=1):
                future.result()
                on_progress(len(wanted) - len(missing) + number, len(wanted))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _parse(line: str) -> PinnedArtifact:
    try:
        folder, coordinate, sha256 = line.split()
        group, artifact, version, *extension = coordinate.split(":")
    except ValueError as error:
        raise ValueError(f"not 'folder group:artifact:version[:extension] sha256': {line}") from error
    return PinnedArtifact(
        folder=folder,
        group=group,
        artifact=artifact,
        version=version,
        extension=extension[0] if extension else "jar",
        sha256=sha256,
    )


def _fetch_one(pinned: PinnedArtifact, cache: Path, fetch: Fetch) -> None:
    partial = cache / f"{pinned.file_name}.{os.getpid()}.partial"
    try:
        fetch(pinned, partial)
        if not _is_valid(partial, pinned):
            raise CommandError(
                "artifact_tampered",
                f"{pinned.file_name} does not have the SHA-256 that is pinned: check the repository it "
                f"came from (unset {MIRROR_VARIABLE} if it names a mirror) and try again.",
            )
        partial.replace(cache / pinned.file_name)
    finally:
        partial.unlink(missing_ok=True)


def _is_valid(path: Path, pinned: PinnedArtifact) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == pinned.sha256


def _download(pinned: PinnedArtifact, target: Path) -> None:
    mirror = os.environ.get(MIRROR_VARIABLE)
    downloader = Downloader(base=mirror.rstrip("/")) if mirror else Downloader()
    artifact = Artifact(pinned.group, pinned.artifact, pinned.version, extension=pinned.extension)

    def refuse(_address: str, error: Exception) -> None:
        raise CommandError(
            "artifact_unreachable",
            f"{artifact} could not be downloaded ({type(error).__name__}): check the network (or set "
            f"{MIRROR_VARIABLE} to a Maven mirror) and run the command again, or point OPENSEARCH_HOME or "
            "OPENSEARCH_URL at an OpenSearch of your own.",
        ) from error

    # Not Downloader.download: it prints a line per file and sets no time limit.
    address = downloader.resolver.uri_for_artifact(artifact)
    downloader.requestor.request(
        address, refuse, lambda answer: target.write_bytes(answer.content), timeout=SECONDS_PER_FILE
    )
