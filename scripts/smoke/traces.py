"""What a smoke test leaves in buckets, and how it is removed: every version, and what was made of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from imagesearch.models import document_id

PREFIX = ".smoke/"
"""Where the pictures of smoke tests lie in the image bucket; no library may use it."""
THUMBNAILS = "thumbnails/"
FORGOTTEN = timedelta(hours=1)
"""How old what is there must be to be of a test that was killed, and not of one that runs."""


@dataclass(frozen=True, kw_only=True)
class Traces:
    """The two buckets of an environment. What is removed is removed for good, in versioned buckets too."""

    s3: Any
    images: str
    artifacts: str
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def remove(self, key: str) -> None:
        """Remove a picture of a smoke test with all its versions, and its thumbnails."""
        self._remove_all(self.images, key)
        self._remove_all(self.artifacts, f"{THUMBNAILS}{document_id(key)}/")

    def remove_forgotten(self) -> int:
        """Remove what tests that were killed left behind; how many pictures that were."""
        before = self.clock() - FORGOTTEN
        keys = {one["Key"] for one in self._versions(self.images, PREFIX) if one["LastModified"] < before}
        for key in keys:
            self.remove(key)
        return len(keys)

    def _remove_all(self, bucket: str, prefix: str) -> None:
        for one in list(self._versions(bucket, prefix)):
            self.s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])

    def _versions(self, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
        """Every version and delete marker below ``prefix``."""
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            yield from page.get("DeleteMarkers", [])
            yield from page.get("Versions", [])
