"""Bulk runs over what files name: keys of pictures, their captions, and texts of their own."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from imagesearch.metadata import sidecar_key
from scripts.bulk.runs import Attempt, Place, start
from scripts.bulk.sources import TEXTS_INVALID, Text, checked_keys, checked_texts, texts_of, write_source
from scripts.errors import CommandError
from scripts.metadata.captions import write_captions
from scripts.metadata.sidecars import present
from scripts.rows import Faults

OnProgress = Callable[[int, int], None]
"""Called with (captions in all, captions that lie in their sidecars) as work goes on."""


def start_from_files(
    place: Place,
    *,
    keys: Path | None,
    texts: Path | None,
    image_bucket: str,
    index: str | None = None,
    on_progress: OnProgress = lambda _total, _done: None,
) -> Attempt:
    """Write the captions of ``texts`` into the pictures' sidecars, and start a run over all that is named.

    Raises ``CommandError``: ``keys_invalid`` and ``texts_invalid`` before anything is written,
    ``metadata_invalid`` for sidecars that can take no caption, ``source_empty``.
    """
    named = checked_keys(keys) if keys is not None else []
    captioned, others = checked_texts(texts) if texts is not None else ([], 0)
    if not named and not captioned and not others:
        raise CommandError("source_empty", "The files name nothing: there is nothing to run over.")
    if texts is not None:
        _write_captions(place.s3, texts, captioned, bucket=image_bucket, on_progress=on_progress)
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        write_source(file, keys=dict.fromkeys(named + captioned), texts=_texts(texts) if texts else ())
        file.flush()
        return start(place, source=Path(file.name), index=index)


def _write_captions(
    s3: Any, texts: Path, captioned: list[str], *, bucket: str, on_progress: OnProgress
) -> None:
    etags = present(s3, bucket=bucket, keys=map(sidecar_key, captioned))
    captions = ((text.picture, text.text) for text in _texts(texts) if text.picture is not None)
    for done, _ in enumerate(write_captions(s3, bucket=bucket, captions=captions, etags=etags), start=1):
        on_progress(len(captioned), done)


def _texts(path: Path) -> Iterator[Text]:
    """The texts of a checked file, which is read again so that memory holds their names only."""
    faults = Faults(path=path, code=TEXTS_INVALID)
    yield from texts_of(path, faults)
    if faults.count:
        raise CommandError("file_changed", f"{path} changed while it was read. Run the command again.")
