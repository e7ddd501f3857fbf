"""Filters in OpenSearch's language."""

from typing import Any

from imagesearch.filters import AllOf, Among, AnyOf, BeginsWith, Between, Exists, Filter, Not


def rendered(condition: Filter) -> dict[str, Any]:
    """Return the query that matches the documents for which a condition holds.

    A day as a date's bound is all of it, and as a value any moment of it; OpenSearch reads dates so itself.
    """
    match condition:
        case AllOf(conditions=conditions):
            return {"bool": {"filter": [rendered(each) for each in conditions]}}
        case AnyOf(conditions=conditions):
            # Of no condition at all, OpenSearch would take any document.
            some = [rendered(each) for each in conditions] or [{"match_none": {}}]
            return {"bool": {"should": some, "minimum_should_match": 1}}
        case Not(condition=other):
            return {"bool": {"must_not": [rendered(other)]}}
        case _:
            return _of_field(condition)


def _of_field(condition: Among | Between | Exists | BeginsWith) -> dict[str, Any]:
    field = condition.field
    match condition:
        case Among(values=values):
            return {"terms": {field: values}}
        case Between(gt=gt, gte=gte, lt=lt, lte=lte):
            bounds = {"gt": gt, "gte": gte, "lt": lt, "lte": lte}
            return {"range": {field: {name: bound for name, bound in bounds.items() if bound is not None}}}
        case BeginsWith(prefix=prefix):
            return {"prefix": {field: {"value": prefix}}}
        case Exists():
            return {"exists": {"field": field}}
