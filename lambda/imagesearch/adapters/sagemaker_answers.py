"""Reading the model's answers: JSON for queries, JSON Lines for stored pictures and their captions.

An answer of another shape raises ModelProtocolError; an error in it becomes the error of that code.
"""

import base64
import json
import math
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from imagesearch import errors
from imagesearch.errors import ImageSearchError, ModelProtocolError
from imagesearch.models import Embedding, PictureEmbedding, Vector

_BY_CODE: dict[str, type[ImageSearchError]] = {
    error.code: error
    for error in (
        errors.PictureEmptyError,
        errors.PictureUnsupportedFormatError,
        errors.PictureCorruptError,
        errors.PictureTooManyPixelsError,
        errors.PictureTooCostlyError,
        errors.SourceTooLargeError,
        errors.SourceNotFoundError,
        errors.TextTooLongError,
    )
} | {
    "text_blank": errors.QueryEmptyError,
    "source_forbidden": errors.SourceForbiddenError,
}
_RETRY_AFTER_SECONDS = 5


def error_of(code: str, message: str) -> ImageSearchError:
    """Return the application's error for one of the model's codes.

    `source_unavailable` is the store's trouble and `internal` the model's; what is left (`request_invalid`,
    an unsupported content type …) says that this side sent something that the protocol does not know.
    """
    if code == "source_unavailable":
        return errors.StoreUnavailableError(message, retry_after=_RETRY_AFTER_SECONDS)
    if code == "internal":
        return errors.ModelUnavailableError(
            "The model failed on this request.", retry_after=_RETRY_AFTER_SECONDS
        )
    if code in _BY_CODE:
        return _BY_CODE[code](message)
    return ModelProtocolError(f"The model refuses the request: {code}: {message}")


def error_in(text: str) -> ImageSearchError | None:
    """Return the error that an error body `{"error": {"code", "message"}}` tells, or None if it is none."""
    try:
        error = json.loads(text)["error"]
        return error_of(str(error["code"]), str(error["message"]))
    except (ValueError, KeyError, TypeError):
        return None


def embeddings(body: bytes, *, expected: int) -> tuple[Embedding, ...]:
    """Return the embeddings of a JSON answer, in its order. Raises ModelProtocolError."""
    try:
        answer = json.loads(body)
        fingerprint, dimension = str(answer["fingerprint"]), int(answer["dimension"])
        vectors = [tuple(float(number) for number in vector) for vector in answer["embeddings"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelProtocolError("The model's answer is not the agreed JSON.") from error
    if len(vectors) != expected:
        raise ModelProtocolError(f"The model answered {len(vectors)} embeddings for {expected} items.")
    return tuple(Embedding(fingerprint=fingerprint, vector=_checked(vector, dimension)) for vector in vectors)


def stored_picture(body: bytes, *, key: str) -> PictureEmbedding:
    """Return the embedding of the one picture of a JSON Lines answer. Raises the error it carries instead."""
    with _agreed():
        record = _record(body, key)
        picture = record["picture"]
        return PictureEmbedding(
            fingerprint=str(record["fingerprint"]),
            vector=_checked(_little_endian_floats(record["embedding"])),
            etag=str(picture["etag"]),
            width=int(picture["width"]),
            height=int(picture["height"]),
            content_type=str(picture["content_type"]),
            perceptual_hash=str(picture["perceptual_hash"]),
            user_metadata={str(name): str(value) for name, value in picture.get("user_metadata", {}).items()},
        )


def stored_text(body: bytes, *, key: str) -> Embedding:
    """Return the embedding of the one text of a JSON Lines answer. Raises the error it carries instead."""
    with _agreed():
        record = _record(body, key)
        if record["picture"] is not None:
            raise ModelProtocolError("The model answered with a picture for a text.")
        vector = _checked(_little_endian_floats(record["embedding"]))
        return Embedding(fingerprint=str(record["fingerprint"]), vector=vector)


@contextmanager
def _agreed() -> Iterator[None]:
    """Raise ModelProtocolError where a record lacks what it must have."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelProtocolError("The model's answer is not the agreed JSON Lines record.") from error


def _record(body: bytes, key: str) -> dict[str, Any]:
    """Return the one record of an answer for `key`. Raises the error that it carries instead."""
    (line,) = body.splitlines()
    record: dict[str, Any] = json.loads(line)
    if record["id"] != key:
        raise ModelProtocolError("The model answered for another key than the one sent.")
    if "error" in record:
        raise error_of(str(record["error"]["code"]), str(record["error"]["message"]))
    return record


def _little_endian_floats(text: str) -> Vector:
    """Return the float32 numbers of a base64 text."""
    numbers = array("f")
    numbers.frombytes(base64.b64decode(text, validate=True))
    if sys.byteorder == "big":
        numbers.byteswap()
    return tuple(numbers)


def _checked(vector: Vector, dimension: int | None = None) -> Vector:
    """Return the vector if OpenSearch can take it: finite, not zero, of the stated dimension."""
    if dimension is not None and len(vector) != dimension:
        raise ModelProtocolError(f"A vector has {len(vector)} numbers, not the stated {dimension}.")
    if not any(vector) or not all(map(math.isfinite, vector)):
        raise ModelProtocolError("A vector is zero or not finite.")
    return vector
