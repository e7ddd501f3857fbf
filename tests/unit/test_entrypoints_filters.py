"""From a request's filter to conditions, and every way in which it can be wrong: 400 with its place."""

from typing import Any

import pytest

from imagesearch.entrypoints.filter_reading import MAX_CONDITIONS, MAX_DEPTH, read_filter
from imagesearch.entrypoints.request_types import MAX_FILTER_VALUES, FilterInput
from imagesearch.errors import FilterInvalidError
from imagesearch.filters import AllOf, Among, AnyOf, BeginsWith, Between, Exists, Filter, Not, fields_of
from tests.builders import ATTRIBUTES
from tests.query_api import Api

SEA = {"field": "tags", "in": ["sea"]}


def _read(given: dict[str, Any]) -> Filter:
    return read_filter(FilterInput.model_validate(given), fields=fields_of(ATTRIBUTES))


@pytest.mark.parametrize(
    ("given", "condition"),
    [
        (SEA, Among(field="tags", values=("sea",))),
        ({"field": "width", "in": [640, 1]}, Among(field="width", values=(640.0, 1.0))),
        (
            {"field": "attributes.favourite", "in": [True]},
            Among(field="attributes.favourite", values=(True,)),
        ),
        (
            {"field": "attributes.taken", "in": ["2026-03-01"]},
            Among(field="attributes.taken", values=("2026-03-01",)),
        ),
        (
            {"field": "attributes.price", "gt": 1.5, "lte": 9},
            Between(field="attributes.price", gt=1.5, lte=9.0),
        ),
        ({"field": "last_modified", "gte": "2026-03-01"}, Between(field="last_modified", gte="2026-03-01")),
        ({"field": "title", "exists": True}, Exists(field="title")),
        ({"field": "title", "exists": False}, Not(condition=Exists(field="title"))),
        ({"field": "key", "prefix": "a/"}, BeginsWith(field="key", prefix="a/")),
        ({"not": SEA}, Not(condition=Among(field="tags", values=("sea",)))),
        (
            {"all": [SEA, {"any": [{"field": "caption", "exists": True}]}]},
            AllOf(
                conditions=(
                    Among(field="tags", values=("sea",)),
                    AnyOf(conditions=(Exists(field="caption"),)),
                )
            ),
        ),
    ],
)
def test_each_form_is_read_as_its_condition(given: dict[str, Any], condition: Filter) -> None:
    assert _read(given) == condition


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ([], "filter:"),
        ({}, "filter:"),
        ({"field": "tags"}, "filter:"),
        ({"field": "tags", "in": ["sea"], "exists": True}, "filter:"),
        ({"field": "width", "gt": 1, "in": [2]}, "filter:"),
        ({"all": [SEA], "any": [SEA]}, "filter:"),
        ({"all": [SEA], "field": "tags"}, "filter:"),
        ({"in": ["sea"]}, "filter:"),
        ({"all": []}, "filter.all:"),
        ({"not": None}, "filter.not:"),
        ({"colour": "blue"}, "filter.colour:"),
        ({"all": [SEA, {"field": "colour", "exists": True}]}, "filter.all.1.field:"),
        ({"any": [{"not": {"field": "price", "gt": 1}}]}, "filter.any.0.not.field:"),
        ({"field": "tags", "in": []}, "filter.in:"),
        ({"field": "tags", "in": ["sea", 7]}, "filter.in.1:"),
        ({"field": "tags", "in": [""]}, "filter.in.0:"),
        ({"field": "tags", "in": [["sea"]]}, "filter.in.0:"),
        ({"field": "tags", "in": ["x" * 1025]}, "filter.in.0:"),
        ({"field": "title", "in": ["sea"]}, "filter.in.0:"),
        ({"field": "width", "in": [True]}, "filter.in.0:"),
        ({"field": "width", "in": ["640"]}, "filter.in.0:"),
        ({"field": "width", "gt": 2**31}, "filter.gt:"),
        ({"field": "attributes.favourite", "in": [1]}, "filter.in.0:"),
        ({"field": "attributes.favourite", "gt": 1}, "filter.field:"),
        ({"field": "tags", "gt": "a"}, "filter.field:"),
        ({"field": "attributes.taken", "gt": "yesterday"}, "filter.gt:"),
        ({"field": "attributes.taken", "gt": 2026}, "filter.gt:"),
        ({"field": "last_modified", "lt": "2026-13-01"}, "filter.lt:"),
        ({"field": "width", "prefix": "6"}, "filter.prefix:"),
        ({"field": "tags", "exists": "yes"}, "filter.exists:"),
        ({"field": "tags", "in": ["sea"] * (MAX_FILTER_VALUES + 1)}, "filter.in:"),
        ({"any": [{"field": "tags", "in": ["sea"] * 501}] * 2}, "filter:"),
        ({"any": [{"any": [SEA] * (MAX_CONDITIONS // 2 + 1)}] * 2}, "filter:"),
    ],
)
def test_a_wrong_filter_is_refused_with_400_and_its_place(
    api: Api, given: dict[str, Any], place: str
) -> None:
    answer = api.search(text="sea", filter=given)
    assert (answer.status, answer.code) == (400, "filter_invalid")
    assert answer.body["error"]["message"].startswith(place)


def test_an_unknown_field_is_refused_with_those_that_there_are(api: Api) -> None:
    answer = api.search(text="sea", filter={"field": "attributes.colour", "exists": True})
    assert answer.code == "filter_invalid"
    assert all(name in answer.body["error"]["message"] for name in fields_of(ATTRIBUTES))


def test_a_filter_may_be_nested_just_so_deep() -> None:
    assert _read(_nested(MAX_DEPTH))
    with pytest.raises(FilterInvalidError, match="at most 8 deep"):
        _read(_nested(MAX_DEPTH + 1))


def _nested(depth: int) -> dict[str, Any]:
    return SEA if depth == 1 else {"not": _nested(depth - 1)}


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN"])
def test_a_number_that_no_float_holds_is_refused_with_400(api: Api, number: str) -> None:
    condition = f'{{"field": "attributes.price", "gt": {number}}}'
    answer = api.ask("POST", "/search", body=f'{{"text": "sea", "filter": {condition}}}')
    assert (answer.status, answer.code) == (400, "filter_invalid")
