"""Filters judged picture by picture, as OpenSearch judges them."""

from datetime import UTC, datetime, timedelta

from imagesearch.filters import AllOf, Among, AnyOf, BeginsWith, Between, Exists, Filter, Not, values_of
from imagesearch.models import AttributeValue, ImageRecord

_DAY = len("2026-03-01")
_TICK = timedelta(milliseconds=1)
"""How exactly OpenSearch knows a moment."""


def holds(condition: Filter, image: ImageRecord) -> bool:
    """Tell whether a condition holds for a picture."""
    match condition:
        case AllOf(conditions=conditions):
            return all(holds(each, image) for each in conditions)
        case AnyOf(conditions=conditions):
            return any(holds(each, image) for each in conditions)
        case Not(condition=other):
            return not holds(other, image)
        case _:
            return any(_fits(value, condition) for value in values_of(image, condition.field))


def _fits(value: AttributeValue, condition: Among | Between | Exists | BeginsWith) -> bool:
    match condition:
        case Among(values=values):
            return any(_is(value, each) for each in values)
        case Between():
            return _lies(value, condition)
        case BeginsWith(prefix=prefix):
            return str(value).startswith(prefix)
        case Exists():
            return True


def _is(value: AttributeValue, asked: AttributeValue) -> bool:
    """Tell whether a value is the one asked for: a moment, also any moment of a day asked for."""
    if value == asked:
        return True
    span = _span(asked) if isinstance(asked, str) else None
    found = _span(value) if isinstance(value, str) else None
    return span is not None and found is not None and span[0] <= found[0] <= span[1]


def _lies(value: AttributeValue, bounds: Between) -> bool:
    return (
        (bounds.gt is None or _start(value) > _end(bounds.gt))
        and (bounds.gte is None or _start(value) >= _start(bounds.gte))
        and (bounds.lt is None or _start(value) < _start(bounds.lt))
        and (bounds.lte is None or _start(value) <= _end(bounds.lte))
    )


def _start(value: AttributeValue) -> float:
    return _moments(value)[0]


def _end(value: AttributeValue) -> float:
    return _moments(value)[1]


def _moments(value: AttributeValue) -> tuple[float, float]:
    """Return the first and the last moment that a date means, as seconds; a number is both itself."""
    if not isinstance(value, str):
        return value, value
    span = _span(value)
    if span is None:
        raise ValueError(f"{value!r} is neither a number nor a date.")
    return span


def _span(text: str) -> tuple[float, float] | None:
    """Return the first and the last moment of what may be a date: a day's, or twice the moment itself."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    start = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    start -= timedelta(microseconds=start.microsecond % 1000)
    end = start + timedelta(days=1) - _TICK if len(text) == _DAY else start
    return start.timestamp(), end.timestamp()
