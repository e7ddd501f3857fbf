"""Captions for pictures that may have a sidecar already: nothing else in it changes."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from imagesearch.bulk.batches import batched
from imagesearch.errors import MetadataInvalidError
from imagesearch.metadata import MAX_SIDECAR_BYTES, read_sidecar, sidecar_key
from scripts.aws_errors import aws_errors
from scripts.errors import CommandError
from scripts.metadata.entries import CODE, canonical
from scripts.metadata.sidecars import AT_ONCE, WORKERS, Sidecar, put
from scripts.rows import FAULTS_SHOWN


def with_caption(content: bytes | None, caption: str) -> bytes | None:
    """A sidecar's content with this caption, or None where it has this very one.

    Raises MetadataInvalidError for a sidecar that is no JSON object, or would be too large.
    """
    document = {} if content is None else read_sidecar(content)
    if document.get("caption") == caption:
        return None
    return canonical(document | {"caption": caption})


def write_captions(
    s3: Any, *, bucket: str, captions: Iterable[tuple[str, str]], etags: Mapping[str, str]
) -> Iterator[bool]:
    """Give each picture, by its key, its caption; yield whether its sidecar had to be written.

    ``etags`` are those of the bucket's present sidecars. Sidecars that can take no caption stay as they are;
    at the end ``CommandError`` (``metadata_invalid``) names the first of them.
    """
    faults: list[str] = []

    def write(captioned: tuple[str, str]) -> bool:
        key, caption = captioned
        try:
            content = _read(s3, bucket, key) if sidecar_key(key) in etags else None
            new = with_caption(content, caption)
        except MetadataInvalidError as error:
            faults.append(f"  {sidecar_key(key)}: {error.message}")
            return False
        if new is not None:
            put(s3, bucket=bucket, sidecar=Sidecar(key=key, content=new))
        return new is not None

    with aws_errors(), ThreadPoolExecutor(WORKERS) as workers:
        for some in batched(captions, AT_ONCE):
            yield from workers.map(write, some)
    if faults:
        more = [f"  and {len(faults) - FAULTS_SHOWN} more"] if len(faults) > FAULTS_SHOWN else []
        heading = (
            f"{len(faults)} sidecars of the bucket can take no caption; mend them and run the command again."
        )
        raise CommandError(CODE, "\n".join([heading, *sorted(faults)[:FAULTS_SHOWN], *more]))


def _read(s3: Any, bucket: str, key: str) -> bytes | None:
    try:
        answer = s3.get_object(Bucket=bucket, Key=sidecar_key(key))
    except s3.exceptions.NoSuchKey:
        return None
    content: bytes = answer["Body"].read(MAX_SIDECAR_BYTES + 1)
    return content
