"""The request format: bytes to records. What answers look like is in `answers`.

Texts and pictures of one JSON request, a raw picture, and the lines of a JSON Lines request all become
`Record`s.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from clip_inference.errors import (
    ContentTypeUnsupportedError,
    InferenceError,
    RequestInvalidError,
    TextBlankError,
    TextTooLongError,
    TooManyItemsError,
)

JSON = "application/json"
JSON_LINES = "application/jsonlines"
NPY = "application/x-npy"
RAW_PICTURE = "application/x-image"

# A shard of a bulk run has at most 256 records and is one request.
MAX_ITEMS = 256
# Far beyond the context of any text tower; it bounds the time that tokenizing may take.
MAX_TEXT_CHARACTERS = 10_000

Body = str | bytes | bytearray | None


@dataclass(frozen=True)
class Text:
    """A text to encode."""

    text: str


@dataclass(frozen=True)
class InlinePicture:
    """A picture whose encoded bytes are the request."""

    data: bytes


@dataclass(frozen=True)
class EncodedPicture:
    """A picture whose encoded bytes the request carries as base64.

    They are read when the picture's turn comes: for a whole shard at once that would take a second, in which
    nothing is decoded and nothing encoded.
    """

    encoded: str

    def data(self) -> bytes:
        """The picture's encoded bytes. Raises `RequestInvalidError`."""
        try:
            return base64.b64decode(self.encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise RequestInvalidError("The picture is not valid base64.") from error


@dataclass(frozen=True)
class StoredPicture:
    """A picture that the request names by its `s3://` address."""

    uri: str


Item = Text | InlinePicture | EncodedPicture | StoredPicture


@dataclass(frozen=True)
class Record:
    """One thing to encode, or the error in its place. `label` is the id of a line, or such as `texts[0]`."""

    label: str | None
    item: Item | InferenceError


@dataclass(frozen=True)
class Request:
    """Records in the order of their answers. With `lines` each record is answered, or fails, on its own."""

    records: tuple[Record, ...]
    lines: bool


def media_type(header: str | None) -> str:
    """The bare media type of a Content-Type header, in lower case and without parameters."""
    return (header or "").partition(";")[0].strip().lower()


def parse(content_type: str | None, body: Body) -> Request:
    """The request that `body` holds. Raises an `InferenceError` where it cannot be read as a whole."""
    kind = media_type(content_type)
    data = body.encode() if isinstance(body, str) else body or b""
    if kind == JSON:
        return _bounded(Request(_json_records(_load(data)), lines=False))
    if kind == JSON_LINES:
        return _bounded(Request(tuple(map(_line_record, _lines(data))), lines=True))
    if kind.startswith("image/") or kind == RAW_PICTURE:
        return Request((Record(None, InlinePicture(bytes(data))),), lines=False)
    raise ContentTypeUnsupportedError(
        f"Send {JSON}, {JSON_LINES}, or image/* or {RAW_PICTURE}; got {kind or 'no content type'}."
    )


def _bounded(request: Request) -> Request:
    if not request.records:
        raise RequestInvalidError("The request holds no text and no picture.")
    if len(request.records) > MAX_ITEMS:
        raise TooManyItemsError(
            f"The request holds {len(request.records)} items; at most {MAX_ITEMS} are taken."
        )
    return request


def _load(data: bytes | bytearray) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RequestInvalidError("The request is not valid JSON in UTF-8.") from error
    if not isinstance(document, dict):
        raise RequestInvalidError("The request must be one JSON object.")
    return document


def _json_records(document: dict[str, Any]) -> tuple[Record, ...]:
    if set(document) == {"inputs"}:
        inputs = document["inputs"]
        return _texts("inputs", [inputs] if isinstance(inputs, str) else inputs)
    if set(document) <= {"texts", "images"}:
        return _texts("texts", document.get("texts", [])) + _pictures(document.get("images", []))
    raise RequestInvalidError(
        'The request must hold either "inputs", or "texts" and "images", and nothing else.'
    )


def _texts(field: str, values: object) -> tuple[Record, ...]:
    texts = _list(field, values)
    return tuple(Record(f"{field}[{place}]", _item(_text, value)) for place, value in enumerate(texts))


def _pictures(values: object) -> tuple[Record, ...]:
    pictures = _list("images", values)
    return tuple(Record(f"images[{place}]", _item(_encoded, value)) for place, value in enumerate(pictures))


def _list(field: str, values: object) -> list[Any]:
    if not isinstance(values, list):
        raise RequestInvalidError(f'"{field}" must be a list of strings.')
    return values


def _lines(data: bytes | bytearray) -> Iterator[bytes | bytearray]:
    """One line after the other: all at once, those of a shard with its pictures in base64 are 100 MB more."""
    start, end = 0, len(data)
    while data[end - 1 : end].isspace():
        end -= 1
    while start < end:
        stop = data.find(b"\n", start, end)
        stop = end if stop < 0 else stop
        yield data[start:stop]
        start = stop + 1


def _line_record(line: bytes | bytearray) -> Record:
    try:
        document = _load(line)
    except RequestInvalidError as error:
        return Record(None, error)
    label = document.pop("id", None)
    if not isinstance(label, str):
        return Record(None, RequestInvalidError('A record needs an "id", a string.'))
    return Record(label, _item(_line_item, document))


def _line_item(document: dict[str, Any]) -> Item:
    makers: dict[str, Callable[[object], Item]] = {"text": _text, "image": _encoded, "s3_uri": _stored}
    fields = list(document)
    if len(fields) != 1 or fields[0] not in makers:
        raise RequestInvalidError(
            'A record needs exactly one of "text", "image" and "s3_uri", and nothing else.'
        )
    return makers[fields[0]](document[fields[0]])


def _item(maker: Callable[[Any], Item], value: object) -> Item | InferenceError:
    try:
        return maker(value)
    except InferenceError as error:
        return error


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise RequestInvalidError("A text, picture or address must be a string.")
    return value


def _text(value: object) -> Text:
    text = _string(value)
    if not text.strip():
        raise TextBlankError("The text is blank.")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise TextTooLongError(
            f"The text has {len(text)} characters; at most {MAX_TEXT_CHARACTERS} are read."
        )
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise RequestInvalidError("The text is not valid Unicode: it holds half of a surrogate pair.")
    return Text(text)


def _encoded(value: object) -> EncodedPicture:
    return EncodedPicture(_string(value))


def _stored(value: object) -> StoredPicture:
    return StoredPicture(_string(value))
