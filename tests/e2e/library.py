"""A corner of the deployed picture bucket that belongs to one test, and waits for the index."""

from dataclasses import dataclass
from typing import Any

from imagesearch_client import ImageSearchClient, ImageState
from tests.waiting import wait_for


@dataclass(frozen=True)
class Library:
    """Pictures under one key prefix."""

    client: ImageSearchClient
    s3: Any
    bucket: str
    prefix: str

    def key(self, name: str) -> str:
        return self.prefix + name

    def put(self, name: str, data: bytes) -> str:
        answer = self.s3.put_object(
            Bucket=self.bucket, Key=self.key(name), Body=data, ContentType="image/jpeg"
        )
        return str(answer["ETag"]).strip('"')

    def delete(self, name: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=self.key(name))

    def wait_until_known(self, name: str) -> ImageState:
        """The state of the picture as it lies in the bucket now, indexed or rejected."""
        etag = self.s3.head_object(Bucket=self.bucket, Key=self.key(name))["ETag"].strip('"')

        def current() -> ImageState | None:
            state = self.client.image(self.key(name))
            return state if state is not None and state.etag == etag else None

        return wait_for(current, f"{name} to be known")

    def wait_until_indexed(self, *names: str) -> None:
        for name in names:
            state = self.wait_until_known(name)
            assert state.state == "indexed", state

    def wait_until_unknown(self, name: str) -> None:
        wait_for(lambda: self.client.image(self.key(name)) is None or None, f"{name} to be forgotten")
