"""What tests of the soak are made from."""

from dataclasses import dataclass
from datetime import UTC, datetime

from imagesearch.models import document_id
from imagesearch_client import ImageState
from tests.soak.ledger import Version

KEY = "soak/changing/1.jpg"


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def shown(version: Version, key: str = KEY) -> ImageState:
    """What the API says of a key that holds this version."""
    assert version.etag is not None
    return ImageState(
        id=document_id(key),
        key=key,
        state="rejected" if version.is_damaged else "indexed",
        etag=version.etag,
        size=1,
        last_modified=datetime(2026, 3, 1, tzinfo=UTC),
        url="https://bucket.example/1.jpg",
        tags=() if version.is_damaged else version.tags,
    )
