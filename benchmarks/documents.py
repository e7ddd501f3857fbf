"""A library of pictures that never were: how S3 would list them, what a model would answer, and what the
index would know of them.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from clip_inference.answers import Answer, Embedding, PictureFacts, Prediction, render
from clip_inference.payloads import JSON_LINES
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


def answer_lines(numbers: Iterable[int], vectors: NDArray[np.float32]) -> Iterator[bytes]:
    """Yield the lines with which the model's container answers for these pictures, one vector each."""
    for number, vector in zip(numbers, vectors, strict=True):
        image = image_of(number)
        facts = PictureFacts(
            width=image.width,
            height=image.height,
            content_type=image.content_type,
            perceptual_hash=image.perceptual_hash,
            etag=image.etag,
        )
        answer = Answer(label=image.key, outcome=Embedding(vector=vector, picture=facts))
        one = Prediction(fingerprint=FINGERPRINT, dimension=len(vector), answers=(answer,), lines=True)
        yield str(render(one, JSON_LINES)).encode()
