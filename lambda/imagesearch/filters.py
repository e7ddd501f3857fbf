"""Which pictures may be found: conditions on what the index knows of them, checked before they are asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from imagesearch.metadata import Attributes
from imagesearch.models import AttributeValue, ImageRecord

FieldType = Literal["keyword", "number", "boolean", "date", "text"]
"""What a condition may ask of a field; a `text` can only be there or not."""

FIELDS: Mapping[str, FieldType] = {
    "key": "keyword",
    "content_type": "keyword",
    "tags": "keyword",
    "width": "number",
    "height": "number",
    "size": "number",
    "last_modified": "date",
    "title": "text",
    "caption": "text",
}
"""The fields that every picture may have; declared attributes are named `attributes.<name>`."""
ATTRIBUTE_PREFIX = "attributes."


@dataclass(frozen=True, kw_only=True)
class Among:
    """The field, or one of its values where it has several, is one of `values`."""

    field: str
    values: tuple[AttributeValue, ...]


@dataclass(frozen=True, kw_only=True)
class Between:
    """The field lies within all the bounds that are given: numbers, or dates as ISO texts."""

    field: str
    gt: float | str | None = None
    gte: float | str | None = None
    lt: float | str | None = None
    lte: float | str | None = None


@dataclass(frozen=True, kw_only=True)
class Exists:
    """The field has a value."""

    field: str


@dataclass(frozen=True, kw_only=True)
class BeginsWith:
    """The field, a keyword, begins with `prefix`; letters of another case are others."""

    field: str
    prefix: str


@dataclass(frozen=True, kw_only=True)
class AllOf:
    """Every condition holds."""

    conditions: tuple["Filter", ...]


@dataclass(frozen=True, kw_only=True)
class AnyOf:
    """At least one condition holds."""

    conditions: tuple["Filter", ...]


@dataclass(frozen=True, kw_only=True)
class Not:
    """The condition does not hold; of a field without a value nothing holds."""

    condition: "Filter"


Filter = Among | Between | Exists | BeginsWith | AllOf | AnyOf | Not


def fields_of(attributes: Attributes) -> Mapping[str, FieldType]:
    """Return every field that a condition may name, with its type."""
    return {**FIELDS, **{ATTRIBUTE_PREFIX + name: kind for name, kind in attributes.items()}}


def values_of(image: ImageRecord, field: str) -> tuple[AttributeValue, ...]:
    """Return the values that a picture has in a field, a moment as its ISO text; only `tags` has several."""
    said = image.metadata
    if field == "tags":
        return said.tags
    if field.startswith(ATTRIBUTE_PREFIX):
        value = said.attributes.get(field.removeprefix(ATTRIBUTE_PREFIX))
    elif field == "last_modified":
        value = image.last_modified.isoformat()
    else:
        value = getattr(said if field in {"title", "caption"} else image, field)
    return () if value is None else (value,)
