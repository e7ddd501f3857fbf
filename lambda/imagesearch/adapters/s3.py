"""The image bucket: the present state of its objects, and links to pictures."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagesearch.errors import ImageSearchError, StoreRefusedError, StoreUnavailableError
from imagesearch.models import ObjectState

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TIMEOUT_SECONDS = 5
_RETRY_AFTER_SECONDS = 5
_AWS_DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "api.aws")


def s3_client() -> "S3Client":
    """Return a client with explicit timeouts, whose links are signed with version 4.

    S3 of AWS is addressed by the bucket's own host name; any other endpoint by path, since a host such as
    `bucket.127.0.0.1` leads nowhere.
    """
    import boto3

    config = Config(
        signature_version="s3v4",
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "virtual"},
    )
    client = boto3.client("s3", config=config)
    if client.meta.endpoint_url.endswith(_AWS_DOMAINS):
        return client
    return boto3.client("s3", config=config.merge(Config(s3={"addressing_style": "path"})))


def translate(error: ClientError | BotoCoreError) -> ImageSearchError:
    """Return the application's error for boto's: what passes by itself, and what does not."""
    if isinstance(error, BotoCoreError):
        return StoreUnavailableError("S3 cannot be reached.", retry_after=_RETRY_AFTER_SECONDS)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    if status >= 500 or status == 429:
        return StoreUnavailableError("S3 is overloaded or failing.", retry_after=_RETRY_AFTER_SECONDS)
    code = error.response.get("Error", {}).get("Code", "unknown")
    return StoreRefusedError(f"S3 refuses the request ({status}, {code}).")


def is_absence(error: ClientError) -> bool:
    """Tell whether there is no such object; a HEAD request answers without a body, hence the bare number."""
    return error.response.get("Error", {}).get("Code") in {"404", "NoSuchKey"}


@contextmanager
def translated() -> Iterator[None]:
    """Raise the application's errors for boto's."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from error


class S3PictureStore:
    """The pictures of one bucket.

    The caller's role needs s3:ListBucket beside s3:GetObject: without it S3 answers 403 for an absent
    object, which then raises StoreRefusedError rather than being taken for a deletion.
    """

    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def look(self, key: str) -> ObjectState | None:
        """Return the object's present state (ETag without quotes), or None where there is none."""
        with translated():
            try:
                head = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if is_absence(error):
                    return None
                raise
        return ObjectState(
            key=key,
            etag=head["ETag"].strip('"'),
            size=head["ContentLength"],
            last_modified=head["LastModified"],
        )

    def listing(self, *, prefix: str = "", after: str = "") -> Iterator[ObjectState]:
        """Yield the objects whose key begins with `prefix` and comes after `after`, in the keys' order.

        Their states equal those that `look` returns: S3 keeps times in seconds, whatever a listing shows.
        """
        paginator = self._client.get_paginator("list_objects_v2")
        with translated():
            for page in paginator.paginate(Bucket=self._bucket, Prefix=prefix, StartAfter=after):
                for entry in page.get("Contents", []):
                    yield ObjectState(
                        key=entry["Key"],
                        etag=entry["ETag"].strip('"'),
                        size=entry["Size"],
                        last_modified=entry["LastModified"].replace(microsecond=0),
                    )

    def url(self, key: str, *, ttl_seconds: int) -> str:
        """Return a presigned GET link; it ends with the signing role's session if that is sooner."""
        with translated():
            return self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=ttl_seconds
            )
