"""Reading the model's answers: JSON for queries, JSON Lines for stored pictures and their captions.

An answer of another shape raises ModelProtocolError; an error in it becomes the error of that code.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from imagesearch import errors
from imagesearch.errors import ImageSearchError, ModelProtocolError
from imagesearch.models import Embedding, PictureEmbedding, Vector
from imagesearch.vectors import WrittenVector

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
_EMBEDDING = b'"embedding":'


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
        record, vector = _record(body, key)
        picture = record["picture"]
        return PictureEmbedding(
            fingerprint=str(record["fingerprint"]),
            vector=vector,
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
        record, vector = _record(body, key)
        if record["picture"] is not None:
            raise ModelProtocolError("The model answered with a picture for a text.")
        return Embedding(fingerprint=str(record["fingerprint"]), vector=vector)


@contextmanager
def _agreed() -> Iterator[None]:
    """Raise ModelProtocolError where a record lacks what it must have."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelProtocolError("The model's answer is not the agreed JSON Lines record.") from error


def _record(body: bytes, key: str) -> tuple[dict[str, Any], WrittenVector]:
    """Return the one record of an answer for `key`, and its vector.

    Raises the error that the record carries instead.
    """
    rest, vector = _parted(body)
    record: dict[str, Any] = json.loads(rest)
    if record["id"] != key:
        raise ModelProtocolError("The model answered for another key than the one sent.")
    if "error" in record:
        raise error_of(str(record["error"]["code"]), str(record["error"]["message"]))
    if record["embedding"] is not None:
        raise ModelProtocolError("The model's answer has its vector in another place than the agreed one.")
    return record, WrittenVector(text=vector)


def _parted(body: bytes) -> tuple[bytes, bytes]:
    """Return a record with null in the place of its vector, and that vector's text, which nobody reads here.

    Inside a JSON string the name's quotes would be escaped. Whatever else the cut may meet leaves a record
    without that null, or no JSON.
    """
    before, name, after = body.partition(_EMBEDDING + b"[")
    if not name:
        return body, b""
    numbers, _, rest = after.partition(b"]")
    return b"%b%bnull%b" % (before, _EMBEDDING, rest), b"[%b]" % numbers


def _checked(vector: Vector, dimension: int) -> Vector:
    """Return the vector if OpenSearch can take it: finite, not zero, of the stated dimension."""
    if len(vector) != dimension:
        raise ModelProtocolError(f"A vector has {len(vector)} numbers, not the stated {dimension}.")
    if not any(vector) or not all(map(math.isfinite, vector)):
        raise ModelProtocolError("A vector is zero or not finite.")
    return vector
