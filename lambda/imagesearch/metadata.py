"""What people say of a picture: its sidecar, the metadata that S3 keeps with it, and the one form of both.

The sidecar of `a.jpg` is the object `a.jpg.json`: {"title", "caption", "tags", "attributes"}, each optional.
S3's own metadata has the same names, all as texts, tags separated by commas, an attribute under its own name;
names that nobody declared are other programs' business there. Where both speak, the sidecar wins.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any, Literal

from imagesearch.errors import MetadataInvalidError
from imagesearch.models import AttributeValue, Metadata

AttributeType = Literal["keyword", "number", "boolean", "date"]
Attributes = Mapping[str, AttributeType]
"""The declared attributes: those that filters can name."""

SIDECAR_SUFFIX = ".json"
MAX_SIDECAR_BYTES = 65_536
MAX_TITLE_CHARACTERS = 1_000
MAX_CAPTION_CHARACTERS = 10_000
"""As many as the model reads of any text."""
MAX_TAGS = 100
MAX_KEYWORD_CHARACTERS = 1_000
"""Of a tag or an attribute: OpenSearch refuses terms of more than 32,766 bytes."""

_FIELDS = ("title", "caption", "tags", "attributes")
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(T([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?(Z|[+-](0\d|1[0-7]):[0-5]\d)?)?", re.ASCII
)
"""What both Python and OpenSearch's `strict_date_optional_time` read as the same moment."""
_TRUTH = {"true": True, "false": False}


def is_sidecar(key: str) -> bool:
    """Tell whether an object describes another one."""
    return key.endswith(SIDECAR_SUFFIX)


def sidecar_key(key: str) -> str:
    """Return the key of the sidecar of the picture `key`."""
    return key + SIDECAR_SUFFIX


def picture_key(key: str) -> str:
    """Return the key of the picture that an object is or describes; `.json` itself describes none."""
    return key.removesuffix(SIDECAR_SUFFIX) or key


def metadata_of(user: Mapping[str, str], sidecar: bytes | None, *, attributes: Attributes) -> Metadata:
    """Return what S3's metadata and the sidecar say together. Raises MetadataInvalidError."""
    said = _of_user_metadata(user, attributes)
    if sidecar is not None:
        written = read_sidecar(sidecar)
        both = {**said.pop("attributes"), **_object(written.pop("attributes", None), "attributes")}
        said = {**said, **written, "attributes": both}
    return validated(said, attributes=attributes)


def read_sidecar(content: bytes) -> dict[str, Any]:
    """Return a sidecar's document. Raises MetadataInvalidError for what is no JSON object."""
    if len(content) > MAX_SIDECAR_BYTES:
        raise MetadataInvalidError(f"The metadata has more than {MAX_SIDECAR_BYTES} bytes.")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MetadataInvalidError("The metadata is not valid JSON in UTF-8.") from error
    return _object(document, "metadata")


def validated(document: Mapping[str, Any], *, attributes: Attributes) -> Metadata:
    """Return a document's metadata. Raises MetadataInvalidError that names the first field at fault."""
    unknown = sorted(document.keys() - set(_FIELDS))
    if unknown:
        raise MetadataInvalidError(
            f"The metadata has the unknown field {unknown[0]!r}; there are {', '.join(_FIELDS)}."
        )
    return Metadata(
        title=_text(document.get("title"), "title", MAX_TITLE_CHARACTERS),
        caption=_text(document.get("caption"), "caption", MAX_CAPTION_CHARACTERS),
        tags=_tags(document.get("tags")),
        attributes=_attributes(_object(document.get("attributes"), "attributes"), attributes),
    )


def _of_user_metadata(user: Mapping[str, str], attributes: Attributes) -> dict[str, Any]:
    texts = {name: _decoded(text) for name, text in user.items()}
    said: dict[str, Any] = {name: texts[name] for name in ("title", "caption") if name in texts}
    if "tags" in texts:
        said["tags"] = [tag for tag in map(str.strip, texts["tags"].split(",")) if tag]
    declared = {name: from_text(texts[name], kind) for name, kind in attributes.items() if name in texts}
    return {**said, "attributes": declared}


def _decoded(text: str) -> str:
    """Return a value of S3's metadata as it was given: what is not ASCII is encoded for the header.

    Source: "Working with object metadata" in S3's documentation, and RFC 2047.
    """
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, UnicodeError):
        return text


def from_text(text: str, kind: AttributeType) -> object:
    """Return a text as the value that JSON would have for an attribute of this type, where it is one."""
    if kind == "boolean":
        return _TRUTH.get(text.strip().lower(), text)
    if kind != "number":
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _object(value: object, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MetadataInvalidError(f"{name} must be a JSON object.")
    return dict(value)


def _text(value: object, name: str, most: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or _is_broken(value):
        raise MetadataInvalidError(f"{name} must be a text that is not blank.")
    if len(value) > most:
        raise MetadataInvalidError(f"{name} has {len(value)} characters; at most {most} are taken.")
    return value.strip()


def _tags(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_TAGS:
        raise MetadataInvalidError(f"tags must be a list of at most {MAX_TAGS} texts.")
    tags = [_text(tag, "tags: each tag", MAX_KEYWORD_CHARACTERS) for tag in value]
    return tuple(dict.fromkeys(tag for tag in tags if tag is not None))


def _attributes(values: Mapping[str, Any], declared: Attributes) -> dict[str, AttributeValue]:
    unknown = sorted(values.keys() - declared.keys())
    if unknown:
        known = ", ".join(sorted(declared)) or "none"
        raise MetadataInvalidError(f"The attribute {unknown[0]!r} is not declared; declared: {known}.")
    return {
        name: _attribute(name, value, declared[name]) for name, value in values.items() if value is not None
    }


def _attribute(name: str, value: object, kind: AttributeType) -> AttributeValue:
    if not is_of_type(value, kind):
        raise MetadataInvalidError(f"The attribute {name} must be {_WANTED[kind]}, not {value!r:.100}.")
    assert isinstance(value, str | int | float)
    return float(value) if kind == "number" else value


def is_of_type(value: object, kind: AttributeType) -> bool:
    """Tell whether an attribute of this type can have the value."""
    return _CHECKS[kind](value)


def _is_keyword(value: object) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value.strip()) <= len(value) <= MAX_KEYWORD_CHARACTERS
        and not _is_broken(value)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _is_date(value: object) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        return bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _is_broken(text: str) -> bool:
    """Tell whether a text holds half of a surrogate pair, which no UTF-8 can carry."""
    return any("\ud800" <= character <= "\udfff" for character in text)


_CHECKS: Mapping[AttributeType, Callable[[object], bool]] = {
    "keyword": _is_keyword,
    "number": _is_number,
    "boolean": _is_boolean,
    "date": _is_date,
}
_WANTED: Mapping[AttributeType, str] = {
    "keyword": f"a text of at most {MAX_KEYWORD_CHARACTERS} characters",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date such as 2026-03-01 or 2026-03-01T12:30:15+00:00",
}
