"""Requests made up from the OpenAPI document, and what every answer to them must be.

Some keep to the document, the others break it on purpose. What cannot be made up (bytes that are a picture,
the id of one that is indexed) is put into those that keep to it. No document can tell which conditions fit
which fields: `sound_searches` knows.
"""

import base64
from collections.abc import Mapping
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from imagesearch.entrypoints.filter_reading import LARGEST_NUMBERS
from imagesearch.entrypoints.openapi import document
from imagesearch.entrypoints.request_types import PICTURE_TYPES
from imagesearch.filters import FieldType
from tests.pictures import corrupt, jpeg, truncated

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


_BODIES = st.sampled_from([jpeg(), corrupt(), truncated()]) | st.binary(max_size=100)
for _kind in PICTURE_TYPES:
    schemathesis.openapi.media_type(_kind, _BODIES)


def api_description() -> schemathesis.BaseSchema:
    """The whole API, to be fuzzed with the same requests in every run; the key is none of what is made up."""
    described = schemathesis.openapi.from_dict(document())
    described.config.generation.update(with_security_parameters=False)
    # A breach that makes a request too large is refused for its size.
    described.config.checks.negative_data_rejection.expected_statuses.append("413")
    return described


def budget(examples: int) -> settings:
    """So many made-up requests for each operation, besides those that the document's bounds suggest."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def put_real_values(case: schemathesis.Case[Any], *, document_id: str, picture: bytes) -> None:
    """Let a request that keeps to the document name an indexed picture, and its JSON carry a real one."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if "id" in case.path_parameters:
        case.path_parameters["id"] = document_id
    if "min_score" in case.query:
        case.query.pop("cutoff", None)
    # A cursor fits the one query that it came from, which nothing made up is.
    case.query.pop("cursor", None)
    if case.media_type == "application/json":
        case.query.clear()
        case.body = _real(case.body, {"id": document_id, "base64": base64.b64encode(picture).decode()})


def _real(value: Any, known: dict[str, str]) -> Any:
    """Return JSON with known values in place of whatever stands under their names."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name != "cursor"}
        return {name: known.get(name) or _real(each, known) for name, each in kept.items()}
    return [_real(each, known) for each in value] if isinstance(value, list) else value


def sound_searches(fields: Mapping[str, FieldType]) -> st.SearchStrategy[dict[str, Any]]:
    """Requests of `POST /search` that nothing is wrong with, over pictures with these fields."""
    countable = sorted(name for name, kind in fields.items() if kind != "text")
    shown = {
        "k": st.integers(1, 100),
        "part": st.sampled_from(["picture", "caption", "any"]),
        "prefix": _TEXTS,
        "min_score": st.floats(0, 1),
        "collapse": st.booleans(),
        "hybrid": st.booleans(),
        "explain": st.booleans(),
        "include": st.just(["embedding"]),
        "facets": st.lists(st.sampled_from(countable), max_size=5),
        "filter": _filters(fields, depth=3),
    }
    return st.fixed_dictionaries({"text": _TEXTS.map("sea {}".format)}, optional=shown)


_TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
_DATES = st.dates().map(str) | st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds") + "Z")


def _filters(fields: Mapping[str, FieldType], *, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    conditions = st.one_of([_conditions(name, kind) for name, kind in sorted(fields.items())])
    if depth == 0:
        return conditions
    inner = _filters(fields, depth=depth - 1)
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        conditions,
        st.builds(lambda each: {"not": each}, inner),
        st.builds(lambda each: {"all": each}, several),
        st.builds(lambda each: {"any": each}, several),
    )


def _conditions(name: str, kind: FieldType) -> st.SearchStrategy[dict[str, Any]]:
    largest = LARGEST_NUMBERS.get(name, 1e308)
    values: Mapping[FieldType, st.SearchStrategy[Any]] = {
        "keyword": _TEXTS,
        "number": st.floats(-largest, largest) | st.integers(-1000, 1000),
        "boolean": st.booleans(),
        "date": _DATES,
        "text": st.nothing(),
    }
    bounds = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), values[kind], min_size=1)
    asked: list[st.SearchStrategy[dict[str, Any]]] = [st.fixed_dictionaries({"exists": st.booleans()})]
    if kind != "text":
        asked.append(st.fixed_dictionaries({"in": st.lists(values[kind], min_size=1, max_size=3)}))
    if kind in ("number", "date"):
        asked.append(bounds)
    if kind == "keyword":
        asked.append(st.fixed_dictionaries({"prefix": _TEXTS}))
    return st.one_of(asked).map(lambda condition: {"field": name, **condition})
