"""The page's bucket and archive in S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from imagesearch.adapters.s3 import translate
from imagesearch.web_files import WebFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A browser asks whether its copy is still the present one; CloudFront keeps its own for a second.
_CACHING = "no-cache"


class S3WebBucket:
    """A bucket whose objects are the page's files."""

    def __init__(self, client: "S3Client", name: str) -> None:
        self._client = client
        self._name = name

    def names(self) -> set[str]:
        """Return the keys of all objects."""
        with _translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name)
            return {item["Key"] for page in pages for item in page.get("Contents", [])}

    def write(self, file: WebFile) -> None:
        """Write an object, of which browsers ask before they use their copy."""
        with _translated():
            self._client.put_object(
                Bucket=self._name,
                Key=file.name,
                Body=file.content,
                ContentType=file.content_type,
                CacheControl=_CACHING,
            )

    def remove(self, name: str) -> None:
        """Remove an object."""
        with _translated():
            self._client.delete_object(Bucket=self._name, Key=name)


def read_archive(client: "S3Client", address: str) -> bytes:
    """Return the object that `address` (bucket/key) names."""
    bucket, _, key = address.partition("/")
    with _translated():
        return client.get_object(Bucket=bucket, Key=key)["Body"].read()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from error
