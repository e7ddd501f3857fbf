"""Reading a request's filter: every fault is a FilterInvalidError that names its place and the way out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from imagesearch.entrypoints.request_types import MAX_FILTER_VALUES, MAX_KEY_CHARACTERS, FilterInput
from imagesearch.errors import FilterInvalidError, RequestInvalidError
from imagesearch.filters import AllOf, Among, AnyOf, BeginsWith, Between, Exists, FieldType, Filter, Not
from imagesearch.metadata import AttributeType, is_of_type
from imagesearch.models import AttributeValue

MAX_DEPTH = 8
MAX_CONDITIONS = 100
LARGEST_NUMBERS = {"width": 2**31 - 1, "height": 2**31 - 1, "size": 2**53}
"""The index holds these as whole numbers and takes no others, in a condition neither."""

_BOUNDS = ("gt", "gte", "lt", "lte")
_WANTED: Mapping[AttributeType, str] = {
    "keyword": f"a text of 1 to {MAX_KEY_CHARACTERS} characters",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date such as 2026-03-01 or 2026-03-01T12:30:15+00:00",
}


def read_filter(filter_input: FilterInput, *, fields: Mapping[str, FieldType]) -> Filter:
    """Return the filter. Raises FilterInvalidError."""
    _Budget(conditions=MAX_CONDITIONS, values=MAX_FILTER_VALUES).spend(filter_input, "filter", depth=1)
    return _Reader(fields).read(filter_input, "filter")


def read_facets(names: Sequence[str], *, fields: Mapping[str, FieldType]) -> tuple[str, ...]:
    """Return the fields whose values are counted, each once. Raises RequestInvalidError."""
    countable = sorted(name for name, kind in fields.items() if kind != "text")
    for number, name in enumerate(names):
        if name not in countable:
            raise RequestInvalidError(f"facets.{number}: can be {', '.join(countable)}.")
    return tuple(dict.fromkeys(names))


@dataclass(kw_only=True)
class _Budget:
    """How many conditions and values a filter may still have."""

    conditions: int
    values: int

    def spend(self, given: FilterInput, place: str, *, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise FilterInvalidError(f"filter: nested at most {MAX_DEPTH} deep.")
        self.conditions -= given.field is not None
        self.values -= len(given.in_ or ())
        if self.conditions < 0 or self.values < 0:
            raise FilterInvalidError(
                f"filter: at most {MAX_CONDITIONS} conditions and {MAX_FILTER_VALUES} values in all."
            )
        for each in _parts(given):
            self.spend(each, place, depth=depth + 1)


def _parts(given: FilterInput) -> list[FilterInput]:
    return [*(given.all or ()), *(given.any or ()), *((given.not_,) if given.not_ else ())]


@dataclass(frozen=True)
class _Reader:
    """Reads filters over these fields; `place` is where in the request one stands."""

    fields: Mapping[str, FieldType]

    def read(self, given: FilterInput, place: str) -> Filter:
        match sorted(given.model_fields_set):
            case ["all"]:
                return AllOf(conditions=self._each(given.all, f"{place}.all"))
            case ["any"]:
                return AnyOf(conditions=self._each(given.any, f"{place}.any"))
            case ["not_"]:
                assert given.not_ is not None
                return Not(condition=self.read(given.not_, f"{place}.not"))
        return self._condition(given, place)

    def _each(self, given: Sequence[FilterInput] | None, place: str) -> tuple[Filter, ...]:
        return tuple(self.read(each, f"{place}.{number}") for number, each in enumerate(given or ()))

    def _condition(self, given: FilterInput, place: str) -> Filter:
        name = given.field
        if name is None:
            _refuse(place, "give all, any, not, or a field and what holds of it")
        kind = _type_of(name, self.fields, f"{place}.field")
        match sorted(given.model_fields_set - {"field"}):
            case ["exists"]:
                there = Exists(field=name)
                return there if given.exists else Not(condition=there)
            case ["in_"]:
                return Among(field=name, values=_values(given.in_ or (), name, kind, f"{place}.in"))
            case ["prefix"]:
                return BeginsWith(field=name, prefix=_prefix(given.prefix or "", name, kind, place))
            case [*bounds] if bounds and set(bounds) <= set(_BOUNDS):
                return _between(given, name, kind, place)
        return _refuse(place, "ask one thing of a field: in, exists, prefix, or bounds (gt, gte, lt, lte)")


def _type_of(name: str, fields: Mapping[str, FieldType], place: str) -> FieldType:
    if name not in fields:
        _refuse(place, f"there is no field {name!r:.60}; there are {', '.join(sorted(fields))}")
    return fields[name]


def _values(
    values: Sequence[AttributeValue], name: str, kind: FieldType, place: str
) -> tuple[AttributeValue, ...]:
    return tuple(_value(value, name, kind, f"{place}.{number}") for number, value in enumerate(values))


def _value(value: AttributeValue, name: str, kind: FieldType, place: str) -> AttributeValue:
    if kind == "text":
        _refuse(place, f"of {name} only exists can be asked")
    if not _FITS[kind](value):
        _refuse(place, f"{name} takes {_WANTED[kind]}")
    if kind == "number":
        return _number(float(value), name, place)
    return value


def _number(value: float, name: str, place: str) -> float:
    largest = LARGEST_NUMBERS.get(name, math.inf)
    if abs(value) > largest:
        _refuse(place, f"{name} is from {-largest} to {largest}")
    return value


def _prefix(prefix: str, name: str, kind: FieldType, place: str) -> str:
    if kind != "keyword":
        _refuse(f"{place}.prefix", f"{name} is no keyword, so nothing begins it")
    return prefix


def _between(given: FilterInput, name: str, kind: FieldType, place: str) -> Between:
    if kind not in ("number", "date"):
        _refuse(f"{place}.field", f"{name} is neither a number nor a date, so it has no bounds")
    bounds = {bound: getattr(given, bound) for bound in _BOUNDS if bound in given.model_fields_set}
    for bound, value in bounds.items():
        bounds[bound] = _value(value, name, kind, f"{place}.{bound}")
    return Between(field=name, **bounds)


def _is_keyword(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_KEY_CHARACTERS


_FITS: Mapping[AttributeType, Callable[[object], bool]] = {
    "keyword": _is_keyword,
    "number": lambda value: is_of_type(value, "number"),
    "boolean": lambda value: is_of_type(value, "boolean"),
    "date": lambda value: is_of_type(value, "date"),
}


def _refuse(place: str, complaint: str) -> NoReturn:
    raise FilterInvalidError(f"{place}: {complaint}.")
