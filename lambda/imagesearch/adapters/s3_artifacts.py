"""The artifact bucket: small files written as a whole, larger ones read line by line."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from imagesearch.adapters.s3 import is_absence, translated
from imagesearch.errors import ArtifactMissingError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = 64 * 1024


class S3ArtifactStore:
    """The files of one bucket. The caller's role needs s3:ListBucket: see S3PictureStore."""

    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, key: str) -> bytes | None:
        """Return a file's content, or None where there is none."""
        with translated():
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if is_absence(error):
                    return None
                raise

    def lines(self, key: str, *, start: int = 0) -> Iterator[bytes]:
        """Yield a file's lines from the byte `start` on, as they arrive. Raises ArtifactMissingError."""
        with translated():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=key, Range=f"bytes={start}-")
            except ClientError as error:
                if is_absence(error):
                    raise ArtifactMissingError(f"The run's file {key} is missing.") from error
                if _is_end(error):
                    return
                raise
            yield from _lines(answer["Body"].iter_chunks(_CHUNK_BYTES))

    def write(self, key: str, content: bytes) -> None:
        """Write a file as a whole."""
        with translated():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content)

    def exists(self, key: str) -> bool:
        """Return whether there is such a file."""
        with translated():
            try:
                self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if is_absence(error):
                    return False
                raise
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in their order."""
        with translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            for page in pages:
                yield from (entry["Key"] for entry in page.get("Contents", []))

    def uri(self, key: str) -> str:
        """Return the file's `s3://` address."""
        return f"s3://{self._bucket}/{key}"


def _is_end(error: ClientError) -> bool:
    """Tell whether there is no byte where the reading was to begin."""
    return error.response.get("Error", {}).get("Code") == "InvalidRange"


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream; only `\\n` ends one, so that lengths add up to places in the file."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest
