"""A library of pictures that never were: how S3 would list them, and what the index would know of them."""

from datetime import UTC, datetime

from imagesearch.models import ImageRecord, ObjectState

FINGERPRINT = "be" * 32
_TAKEN = datetime(2026, 1, 1, tzinfo=UTC)


def state_of(number: int) -> ObjectState:
    """Return the object of this number; keys sort as the numbers do."""
    return ObjectState(
        key=f"library/{number // 1000:06}/{number:09}.jpg",
        etag=f"{number:032x}",
        size=165_000 + number,
        last_modified=_TAKEN,
    )


def number_of(key: str) -> int:
    """Return the number of the object under this key."""
    return int(key.rpartition("/")[2].removesuffix(".jpg"))


def image_of(number: int) -> ImageRecord:
    """Return what the index knows of the picture of this number."""
    state = state_of(number)
    return ImageRecord(
        key=state.key,
        etag=state.etag,
        size=state.size,
        last_modified=state.last_modified,
        fingerprint=FINGERPRINT,
        width=640,
        height=480,
        content_type="image/jpeg",
        perceptual_hash=f"{number:016x}",
    )
