"""Uploads a folder of pictures and waits until each can be found, or is known to be rejected."""

import hashlib
import mimetypes
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagesearch.metadata import sidecar_key
from imagesearch.models import Metadata
from imagesearch_client import Fault, ImageSearchClient, ImageState
from scripts.errors import CommandError
from scripts.metadata.folder import Description, FolderMetadata, find_files, read_folder
from scripts.metadata.sidecars import Sidecar, send

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
    """One picture in the bucket: its key, the ETag that S3 gave it, and whether this run had to send it.

    ``description`` is what the folder says of it, and ``described`` whether the bucket had to be told.
    """

    key: str
    etag: str
    sent: bool
    description: Description | None = None
    described: bool = False


@dataclass(kw_only=True)
class Report:
    """What became of a folder: a picture is indexed or rejected; ``skipped`` files are no pictures.

    ``described`` pictures have got or lost a sidecar; ``undescribed`` ones are findable without what is said
    of them, for the reason given; ``missing`` ones are named by the folder's metadata and not in the folder.
    """

    sent: int = 0
    unchanged: int = 0
    described: int = 0
    indexed: int = 0
    rejected: dict[str, Fault] = field(default_factory=dict)
    undescribed: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
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

    What the folder says of a picture, in a sidecar beside it or in ``metadata.jsonl`` or ``metadata.csv``,
    goes before it. What the bucket already holds unchanged is not sent again, so a run that was cut off is
    continued by running it again. Raises ``CommandError``: ``metadata_invalid`` before anything is sent,
    ``ingest_stalled`` when nothing has become known for ``patience`` seconds.
    """
    pictures, others = find_pictures(folder)
    metadata = _read_metadata(folder, pictures, others, client)
    skipped = [path for path in others if path not in metadata.files]
    report = Report(skipped=skipped, missing=list(metadata.missing))
    uploads: list[Upload] = []
    for upload in _upload_all(pictures, metadata, folder=folder, s3=s3, bucket=bucket, prefix=prefix):
        uploads.append(upload)
        report.sent += upload.sent
        report.unchanged += not upload.sent
        report.described += upload.described
        on_progress(len(pictures), len(uploads), 0)
    for known, state in enumerate(_wait_all(uploads, client=client, patience=patience), start=1):
        if state.error is not None:
            report.rejected[state.key] = state.error
        else:
            report.indexed += 1
        if state.metadata_fault is not None:
            report.undescribed[state.key] = state.metadata_fault
        on_progress(len(pictures), len(uploads), known)
    return report


def _read_metadata(
    folder: Path, pictures: list[Path], others: list[Path], client: ImageSearchClient
) -> FolderMetadata:
    files = find_files(folder, pictures=pictures, others=others)
    if not files:
        return FolderMetadata()
    return read_folder(folder, pictures=pictures, files=files, attributes=client.health().attributes)


def _upload_all(
    pictures: Iterable[Path], metadata: FolderMetadata, *, folder: Path, s3: Any, bucket: str, prefix: str
) -> Iterator[Upload]:
    present = _present_etags(s3, bucket=bucket, prefix=prefix)

    def upload(path: Path) -> Upload:
        key = prefix + path.relative_to(folder).as_posix()
        description = metadata.descriptions.get(path)
        # The sidecar first, so that the picture is indexed once, with all that is said of it.
        described = description is not None and send(
            s3,
            bucket=bucket,
            sidecar=Sidecar(key=key, content=description.content),
            etag=present.get(sidecar_key(key)),
        )
        etag, sent = _send_picture(path, key, s3=s3, bucket=bucket, etag=present.get(key))
        return Upload(key=key, etag=etag, sent=sent, description=description, described=described)

    with ThreadPoolExecutor(WORKERS) as workers:
        yield from workers.map(upload, pictures)


def _send_picture(path: Path, key: str, *, s3: Any, bucket: str, etag: str | None) -> tuple[str, bool]:
    """Put a picture unless ``etag`` says that the bucket holds it; return its ETag and whether it was put."""
    data = path.read_bytes()
    if etag is not None and etag == hashlib.md5(data, usedforsecurity=False).hexdigest():
        return etag, False
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    answer = s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType=kind)
    return answer["ETag"].strip('"'), True


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
            is_late = time.monotonic() > deadline
            known = [
                state is not None and _is_known(state, upload, is_late=is_late)
                for state, upload in zip(states, waiting, strict=True)
            ]
            yield from (state for state, done in zip(states, known, strict=True) if done and state)
            if any(known):
                deadline = time.monotonic() + patience
            waiting = [upload for upload, done in zip(waiting, known, strict=True) if not done]
            if waiting and is_late and not any(known):
                raise _stalled(waiting, patience)
            if waiting:
                time.sleep(POLL_SECONDS)


def _is_known(state: ImageState, upload: Upload, *, is_late: bool) -> bool:
    """Whether the index knows the picture that was uploaded, and what the folder says of it."""
    if state.etag != upload.etag:
        return False
    if upload.description is None or state.state == "rejected":
        return True
    expected = upload.description.metadata
    if expected is None:
        return state.metadata_fault is not None
    if state.metadata_fault is not None:
        # It may be that of an earlier sidecar; or the model refuses a caption, which nothing here can know.
        return is_late or not upload.described
    return _says(state, expected)


def _says(state: ImageState, expected: Metadata) -> bool:
    """Whether the index holds all of this metadata; what S3 keeps with the object may say more."""
    return (
        expected.title in (None, state.title)
        and expected.caption in (None, state.caption)
        and expected.tags in ((), tuple(state.tags))
        and expected.attributes.items() <= dict(state.attributes).items()
    )


def _stalled(waiting: list[Upload], patience: float) -> CommandError:
    names = ", ".join(upload.key for upload in waiting[:3]) + (" …" if len(waiting) > 3 else "")
    return CommandError(
        "ingest_stalled",
        f"{len(waiting)} pictures are uploaded, but none has become findable for {patience:.0f} s: {names}. "
        "Look at the ingest function's log and its dead-letter queue, then run the command again: "
        "what is there already is not sent twice.",
    )
