"""Pictures that a request names by address: read from the image bucket and from nowhere else."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clip_inference.errors import (
    InferenceError,
    SourceForbiddenError,
    SourceNotFoundError,
    SourceTooLargeError,
    SourceUnavailableError,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

# The largest originals of cameras. Eight of them at once are 400 MB; twice as many, at most, where there are
# eight processors and more, and the memory that comes with these.
MAX_SOURCE_BYTES = 50 * 1024 * 1024
PARALLEL_FETCHES = 8
# S3 keeps 2 KB of UTF-8 with an object, and encodes for its header what is not ASCII.
MAX_USER_METADATA_CHARACTERS = 8 * 1024
# botocore repeats a request that was not answered, but not an answer that broke off while it was read.
READ_ATTEMPTS = 3

NOT_FOUND = {"NoSuchKey", "NoSuchBucket", "404"}
FORBIDDEN = {"AccessDenied", "403", "InvalidObjectState"}


@dataclass(frozen=True)
class Source:
    """The bytes of a picture; of the object they were read from, entity tag (without quotes) and metadata."""

    data: bytes
    etag: str | None = None
    user_metadata: Mapping[str, str] | None = None


class SourceReader:
    """Reads `s3://` addresses inside one bucket; `parallel` is how many threads may do so at once."""

    def __init__(self, bucket: str | None, *, parallel: int = PARALLEL_FETCHES) -> None:
        self.parallel = parallel
        self._bucket = bucket
        self._client: S3Client | None = None
        self._connecting = threading.Lock()

    def fetch(self, uri: str) -> Source:
        """The object at `uri`. Raises one of the `Source…Error`s."""
        from botocore.exceptions import BotoCoreError  # text queries never need boto3

        key = self._key(uri)
        for _ in range(READ_ATTEMPTS):
            answer = self._open(key)
            try:
                data = answer["Body"].read()
            except BotoCoreError:
                continue
            return Source(data, answer["ETag"].strip('"'), _user_metadata(answer))
        raise SourceUnavailableError("The image bucket broke off while the object was read.")

    def _key(self, uri: str) -> str:
        # Not parsed as a URL: `?`, `#` and `%` are ordinary characters of a key.
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not key or not self._bucket or bucket != self._bucket:
            raise SourceForbiddenError(
                "Pictures are read from the image bucket only: s3://<image bucket>/<key>."
            )
        return key

    def _open(self, key: str) -> "GetObjectOutputTypeDef":
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._connected().get_object(Bucket=str(self._bucket), Key=key)
        except ClientError as error:
            raise _translated(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise SourceUnavailableError("The image bucket did not answer in time.") from error
        if answer["ContentLength"] > MAX_SOURCE_BYTES:
            answer["Body"].close()
            raise SourceTooLargeError(
                f"The object has {answer['ContentLength']} bytes; at most {MAX_SOURCE_BYTES} are read."
            )
        return answer

    def _connected(self) -> "S3Client":
        with self._connecting:  # creating a client is not thread-safe; using one is
            if self._client is None:
                self._client = _create_client(self.parallel)
            return self._client


def _user_metadata(answer: "GetObjectOutputTypeDef") -> Mapping[str, str] | None:
    """What the store keeps with the object; None where that is nothing, or more than S3 ever keeps."""
    metadata = answer.get("Metadata") or {}
    characters = sum(len(name) + len(value) for name, value in metadata.items())
    return metadata if 0 < characters <= MAX_USER_METADATA_CHARACTERS else None


def _create_client(parallel: int) -> "S3Client":
    import boto3
    from botocore.config import Config

    settings = Config(
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=parallel,
        retries={"mode": "standard", "max_attempts": 4},
    )
    return boto3.client("s3", config=settings)


def _translated(code: str) -> InferenceError:
    if code in NOT_FOUND:
        return SourceNotFoundError("There is no object at this address.")
    if code in FORBIDDEN:
        return SourceForbiddenError("Reading this object is denied.")
    return SourceUnavailableError(f"The image bucket answered {code}.")
