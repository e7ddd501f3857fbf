"""Uploads a folder of pictures and waits until each can be found, or is known to be rejected."""

import hashlib
import mimetypes
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.client import Fault, ImageSearchClient, ImageState
from scripts.errors import CommandError

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"}
)
"""What is taken for a picture by its name; what a file really is, its bytes decide when it is ingested."""

WORKERS = 8
POLL_SECONDS = 0.5

OnProgress = Callable[[int, int, int], None]
"""Called with (pictures in all, uploaded, known to the index) as work goes on."""

mimetypes.add_type("image/heic", ".heic")
mimetypes.add_type("image/heif", ".heif")
mimetypes.add_type("image/avif", ".avif")
mimetypes.add_type("image/webp", ".webp")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One picture in the bucket: its key, the ETag that S3 gave it, and whether this run had to send it."""

    key: str
    etag: str
    sent: bool


@dataclass(kw_only=True)
class Report:
    """What became of a folder: a picture is indexed or rejected; ``skipped`` files are no pictures."""

    sent: int = 0
    unchanged: int = 0
    indexed: int = 0
    rejected: dict[str, Fault] = field(default_factory=dict)
    skipped: list[Path] = field(default_factory=list)


def find_pictures(folder: Path) -> tuple[list[Path], list[Path]]:
    """(pictures, other files) below ``folder``, sorted; hidden files and folders count as neither."""
    if not folder.is_dir():
        raise CommandError(
            "folder_missing", f"{folder} is not a folder. Name the one that holds the pictures."
        )
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    pictures = [path for path in files if path.suffix.lower() in PICTURE_SUFFIXES]
    return pictures, [path for path in files if path.suffix.lower() not in PICTURE_SUFFIXES]


def ingest(
    folder: Path,
    *,
    client: ImageSearchClient,
    s3: Any,
    bucket: str,
    prefix: str = "",
    patience: float = 120.0,
    on_progress: OnProgress = lambda _total, _uploaded, _known: None,
) -> Report:
    """Upload the pictures of ``folder`` and wait until each is findable or rejected.

    A picture that the bucket already holds unchanged is not sent again, so a run that was cut off is
    continued by running it again. Raises ``CommandError`` (``ingest_stalled``) when nothing has become
    known for ``patience`` seconds.
    """
    pictures, skipped = find_pictures(folder)
    report = Report(skipped=skipped)
    uploads: list[Upload] = []
    for upload in _upload_all(pictures, folder=folder, s3=s3, bucket=bucket, prefix=prefix):
        uploads.append(upload)
        report.sent += upload.sent
        report.unchanged += not upload.sent
        on_progress(len(pictures), len(uploads), 0)
    for known, state in enumerate(_wait_all(uploads, client=client, patience=patience), start=1):
        if state.error is not None:
            report.rejected[state.key] = state.error
        else:
            report.indexed += 1
        on_progress(len(pictures), len(uploads), known)
    return report


def _upload_all(
    pictures: Iterable[Path], *, folder: Path, s3: Any, bucket: str, prefix: str
) -> Iterator[Upload]:
    present = _present_etags(s3, bucket=bucket, prefix=prefix)

    def upload(path: Path) -> Upload:
        key = prefix + path.relative_to(folder).as_posix()
        data = path.read_bytes()
        if present.get(key) == hashlib.md5(data, usedforsecurity=False).hexdigest():
            return Upload(key=key, etag=present[key], sent=False)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        answer = s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType=kind)
        return Upload(key=key, etag=answer["ETag"].strip('"'), sent=True)

    with ThreadPoolExecutor(WORKERS) as workers:
        yield from workers.map(upload, pictures)


def _present_etags(s3: Any, *, bucket: str, prefix: str) -> dict[str, str]:
    """Key → ETag of what the bucket holds. An ETag is the content's MD5 unless KMS or multipart made it."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {item["Key"]: item["ETag"].strip('"') for page in pages for item in page.get("Contents", [])}


def _wait_all(uploads: list[Upload], *, client: ImageSearchClient, patience: float) -> Iterator[ImageState]:
    """Each upload's state as soon as the index knows the very content that was uploaded."""
    waiting = list(uploads)
    deadline = time.monotonic() + patience
    with ThreadPoolExecutor(WORKERS) as workers:
        while waiting:
            states = list(workers.map(lambda upload: client.image(upload.key), waiting))
            known = [_is_current(state, upload) for state, upload in zip(states, waiting, strict=True)]
            for state, done in zip(states, known, strict=True):
                if done and state is not None:
                    yield state
            if any(known):
                deadline = time.monotonic() + patience
            waiting = [upload for upload, done in zip(waiting, known, strict=True) if not done]
            if waiting and time.monotonic() > deadline:
                raise _stalled(waiting, patience)
            if waiting:
                time.sleep(POLL_SECONDS)


def _is_current(state: ImageState | None, upload: Upload) -> bool:
    return state is not None and state.etag == upload.etag


def _stalled(waiting: list[Upload], patience: float) -> CommandError:
    names = ", ".join(upload.key for upload in waiting[:3]) + (" …" if len(waiting) > 3 else "")
    return CommandError(
        "ingest_stalled",
        f"{len(waiting)} pictures are uploaded, but none has become findable for {patience:.0f} s: {names}. "
        "Look at the ingest function's log and its dead-letter queue, then run the command again: "
        "what is there already is not sent twice.",
    )
