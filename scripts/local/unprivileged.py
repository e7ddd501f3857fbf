"""Letting the unprivileged user, as whom OpenSearch must run when we are root, read what it needs."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.errors import CommandError

NOBODY = 65534
"""The uid and gid that Linux reserves for a user who owns nothing."""


def service_user() -> int | None:
    """The uid to start OpenSearch with: None for our own, ``NOBODY`` when we are root, which it refuses."""
    return NOBODY if os.geteuid() == 0 else None


def readable_copy(source: Path, user: int | None) -> Path:
    """``source`` itself when ``user`` can read it, else a copy of the folder where that is so.

    A copy that is like its source is never touched: another OpenSearch may be running from it.
    """
    if user is None or is_reachable(source):
        return source
    folder = _public_folder(source)
    copy = folder / source.name
    with _alone(folder), tempfile.TemporaryDirectory(dir=folder) as scratch:
        if _files(copy) != _files(source):
            shutil.copytree(source, Path(scratch) / "new")
            if copy.exists():
                copy.rename(Path(scratch) / "old")
            (Path(scratch) / "new").rename(copy)
    return copy


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from making the same copy meanwhile."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _files(folder: Path) -> dict[Path, tuple[int, int]]:
    """How large and how old each file of a folder is."""
    files = {path.relative_to(folder): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {path: (found.st_size, found.st_mtime_ns) for path, found in files.items()}


def writable_folder(wanted: Path, user: int | None) -> Path:
    """The folder ``wanted``, made and given to ``user``, or one in its place that ``user`` can reach."""
    folder = wanted if _is_usable(wanted, user) else _public_folder(wanted) / wanted.name
    folder.mkdir(parents=True, exist_ok=True)
    if user is not None:
        give_to(folder, user)
    return folder


def remove_writable_folder(wanted: Path, user: int | None) -> None:
    """Remove what ``writable_folder`` made."""
    shutil.rmtree(wanted if _is_usable(wanted, user) else _public_folder(wanted), ignore_errors=True)


def _is_usable(wanted: Path, user: int | None) -> bool:
    return user is None or is_reachable(wanted.parent)


def give_to(folder: Path, user: int) -> None:
    """Make ``user`` the owner of ``folder`` and of all in it."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user)


def is_reachable(path: Path) -> bool:
    """Whether everyone may read ``path`` and enter every folder above it (not so in a home of mode 700)."""
    existing = next(p for p in (path, *path.parents) if p.exists())
    everyone_reads = existing.stat().st_mode & stat.S_IROTH
    return bool(everyone_reads) and all(p.stat().st_mode & stat.S_IXOTH for p in existing.parents)


def _public_folder(source: Path) -> Path:
    """One folder per source path, the same each time; a folder that somebody else laid there is refused."""
    digest = hashlib.sha256(str(source.absolute()).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"imagesearch-{digest}"
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise CommandError("folder_foreign", f"{folder} belongs to somebody else: remove it and try again.")
    return folder
