"""Conditions as one writes them on a command line, such as ``tags=beach,sea`` or ``price>=10``.

NAME=VALUE,VALUE  one of the values        NAME?       has a value
NAME>=VALUE       also >, < and <=         NAME^=TEXT  begins so
Before any of them, ``!`` asks for the contrary. A value with a comma stands in double quotes.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import isfinite
from typing import Any, NoReturn

from imagesearch.filters import ATTRIBUTE_PREFIX, FieldType, fields_of
from imagesearch.metadata import Attributes, from_text
from imagesearch_client import Filter, ImageSearchClient
from scripts.errors import CommandError

_CONDITION = re.compile(
    r"(?P<contrary>!?)\s*(?P<name>[\w.-]+)\s*(?P<sign>\^=|>=|<=|=|>|<|\?)(?P<value>.*)", re.DOTALL
)
_BOUNDS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_FORMS = "write NAME=VALUE, NAME>=VALUE (or >, <, <=), NAME^=BEGINNING or NAME?, or !… for the contrary"


class Fields:
    """Reads what names fields; the API is asked which there are only where something does."""

    def __init__(self, client: ImageSearchClient) -> None:
        self._client = client

    def filters(self, conditions: Sequence[str], written: str | None) -> list[Filter]:
        """The filters of conditions, and one that is written as JSON. CommandError ``filter_invalid``."""
        filters = [_condition(text, self._attributes) for text in conditions]
        return [*filters, _of_json(written)] if written is not None else filters

    def named(self, names: str) -> list[str]:
        """The fields of a list such as ``tags,category``. Raises CommandError ``filter_invalid``."""
        return [_field(name.strip(), self._attributes) for name in names.split(",") if name.strip()]

    @cached_property
    def _attributes(self) -> Attributes:
        return self._client.health().attributes


def all_of(filters: Sequence[Filter]) -> Filter | None:
    """The filter that holds where all of these do; None where there are none."""
    if len(filters) > 1:
        return {"all": filters}
    return filters[0] if filters else None


def _condition(text: str, attributes: Attributes) -> Filter:
    match = _CONDITION.fullmatch(text.strip())
    if match is None or (match["sign"] == "?" and match["value"]):
        _refuse(f"{text!r} is no condition: {_FORMS}.")
    name = _field(match["name"], attributes)
    asked = _asked(match["sign"], match["value"].strip(), kind=fields_of(attributes)[name])
    condition = {"field": name, **asked}
    return {"not": condition} if match["contrary"] else condition


def _asked(sign: str, value: str, *, kind: FieldType) -> Mapping[str, Any]:
    if sign == "?":
        return {"exists": True}
    if sign == "^=":
        return {"prefix": value}
    if sign in _BOUNDS:
        return {_BOUNDS[sign]: _value(value, kind)}
    return {"in": [_value(each, kind) for each in _values(value)]}


def _field(name: str, attributes: Attributes) -> str:
    """The field of this name; an attribute needs its prefix only where it is called like another field."""
    fields = fields_of(attributes)
    for field in (name, ATTRIBUTE_PREFIX + name):
        if field in fields:
            return field
    known = ", ".join(sorted(field.removeprefix(ATTRIBUTE_PREFIX) for field in fields))
    return _refuse(f"There is no field {name!r}; there are {known}.")


def _values(text: str) -> list[str]:
    try:
        (values,) = csv.reader([text], skipinitialspace=True, strict=True) if text else ([""],)
    except csv.Error as error:
        raise CommandError("filter_invalid", f"{text!r} is no list of values: {error}.") from error
    return values


def _value(text: str, kind: FieldType) -> object:
    """What the field's type makes of a text; where it makes nothing, the API refuses the text itself."""
    value = text if kind == "text" else from_text(text, kind)
    return text if isinstance(value, float) and not isfinite(value) else value


def _of_json(text: str) -> Filter:
    try:
        written = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise CommandError("filter_invalid", f"--filter-json is no JSON: {error}.") from error
    if not isinstance(written, dict):
        _refuse('--filter-json is no JSON object, such as {"any": [{"field": "tags", "in": ["sea"]}]}.')
    return written


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _refuse(complaint: str) -> NoReturn:
    raise CommandError("filter_invalid", complaint)
