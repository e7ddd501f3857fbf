"""The OpenAPI document, made from the table of routes and the types of requests and answers.

`python -m imagesearch.entrypoints.openapi` prints it, for `docs/openapi.json`; the API serves the same.
Nothing else imports this module but on demand: making schemas takes longer than answering a search.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from itertools import chain
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from imagesearch.entrypoints.answer_types import ErrorAnswer
from imagesearch.entrypoints.rendering import REQUEST_ID_HEADER, STATUS
from imagesearch.entrypoints.request_types import ID_PATTERN, PICTURE_TYPES
from imagesearch.entrypoints.routes import ROUTES, Route
from imagesearch.settings import Authorisation

Json = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_JSON = "application/json"
_INTERNAL = "A fault of the service; the log knows the request's id."
# What API Gateway answers before or instead of the function: status, code, meaning.
GATEWAY_ERRORS = (
    (400, "request_invalid", "Malformed JSON, an unknown field, or a value out of its range."),
    (403, "access_denied", "The gateway does not let this request through."),
    (403, "request_blocked", "The firewall took the request for an attack."),
    (404, "route_unknown", "The API has no such route."),
    (429, "throttled", "Too many requests; Retry-After says when to ask again."),
    (500, "internal", _INTERNAL),
    (502, "internal", _INTERNAL),
    (504, "timeout", "The answer took too long; a model may be starting."),
)
# By what an environment asks of its callers: how they say who they are, and what they are told who do not.
SCHEMES: Mapping[Authorisation, Json] = {
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "iam": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "x-amazon-apigateway-authtype": "awsSigv4",
        "description": "Signature Version 4 of AWS, for the service execute-api.",
    },
    "cognito": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of the environment's user pool, with the scope imagesearch/search.",
    },
}
CREDENTIAL_ERRORS: Mapping[Authorisation, tuple[tuple[int, str, str], ...]] = {
    "key": ((403, "key_missing", "No key of this API in the header x-api-key."),),
    "iam": (
        (403, "signature_missing", "The request is not signed."),
        (403, "signature_invalid", "The signature does not fit the request, or has expired."),
    ),
    "cognito": (
        (401, "token_invalid", "No access token of this API, or one that has expired or lacks the scope."),
    ),
}
BODY_ERRORS = (
    (413, "use_upload", "The request is larger than the API accepts."),
    (415, "content_type_unsupported", "The body is declared as a type that the route does not take."),
)
_WAITING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_EXAMPLES: Mapping[str, Mapping[str, Json]] = {
    "SearchRequest": {
        "a text": {"text": "a red bus", "k": 20},
        "more like one, less like another": {
            "like": [{"image": {"id": "5e" * 16}}, {"text": "at night", "weight": 0.5}],
            "unlike": [{"text": "people"}],
        },
        "among some pictures": {
            "text": "a dog on a beach",
            "filter": {
                "all": [
                    {"field": "tags", "in": ["sea", "beach"]},
                    {"not": {"field": "width", "lt": 640}},
                    {"field": "caption", "exists": True},
                ]
            },
            "facets": ["tags"],
            "cutoff": "auto",
        },
        "words too": {"text": "invoice 2026", "hybrid": True, "part": "any", "explain": True},
        "what is near a picture that was uploaded": {"image": {"upload": "0f" * 16}, "collapse": True},
    },
    "UploadRequest": {
        "to search by it": {"purpose": "query", "content_type": "image/jpeg", "size": 7_000_000},
        "into the library": {
            "purpose": "library",
            "content_type": "image/png",
            "size": 250_000,
            "key": "album/1.png",
        },
    },
}


class _Schemas(GenerateJsonSchema):
    """Schemas without null, which requests may not say and answers do not, and without made-up titles."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_title_should_be_set(self, _: Any) -> bool:
        return False


@cache
def document(authorisation: Authorisation | None = None) -> Json:
    """Return the OpenAPI 3.1 document of the whole API, as an environment with `authorisation` serves it.

    None tells of all ways in which an environment may ask who calls; each asks in one.
    """
    ways: tuple[Authorisation, ...] = (authorisation,) if authorisation else tuple(SCHEMES)
    paths: dict[str, Json] = defaultdict(dict)
    for route in ROUTES:
        paths[route.path][route.method.lower()] = _operation(route, ways)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Semantic image search",
            "version": "1.0.0",
            "description": "Searches pictures by what they show: by texts, by pictures, and by what is said "
            "of them. Every answer has the id of its request; every error a code and a sentence.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.{suffix}/prod",
                "description": "The output ApiUrl of the deployed stack.",
                "variables": {
                    "api": {"default": "abcdef1234"},
                    "region": {"default": "eu-central-1"},
                    "suffix": {"default": "amazonaws.com", "enum": ["amazonaws.com", "amazonaws.com.cn"]},
                },
            }
        ],
        "security": [{way: []} for way in ways],
        "paths": dict(paths),
        "components": {
            "securitySchemes": {way: SCHEMES[way] for way in ways},
            "headers": {
                "RequestId": {
                    "description": "The request's id, which the log knows.",
                    "schema": {"type": "string"},
                },
                "RetryAfter": {
                    "description": "Seconds to wait before asking again.",
                    "schema": {"type": "integer", "minimum": 0},
                },
            },
            "schemas": _schemas(),
        },
    }


def _schemas() -> Json:
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((route.body, "validation") for route in ROUTES if route.body),
        *((route.answer, "serialization") for route in ROUTES if isinstance(route.answer, type)),
        (ErrorAnswer, "serialization"),
    ]
    _, found = models_json_schema(
        list(dict.fromkeys(modes)), ref_template=_REFERENCE, schema_generator=_Schemas
    )
    schemas: Json = found["$defs"]
    return schemas


def _operation(route: Route, ways: Sequence[Authorisation]) -> Json:
    operation: Json = {
        "operationId": route.operation,
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {"200": _success(route), **_errors(route, ways)},
    }
    if route.body is not None:
        operation["requestBody"] = _request_body(route, route.body)
    if not route.guarded:
        operation["security"] = []
    return {name: value for name, value in operation.items() if value or name == "security"}


def _path_parameters(route: Route) -> list[Json]:
    if "{id}" not in route.path:
        return []
    schema = {"type": "string", "pattern": ID_PATTERN}
    return [{"name": "id", "in": "path", "required": True, "schema": schema, "description": "Of a hit."}]


def _query_parameters(route: Route) -> list[Json]:
    if route.parameters is None:
        return []
    schema = route.parameters.model_json_schema(schema_generator=_Schemas, ref_template=_REFERENCE)
    required = schema.get("required", [])
    return [_parameter(name, each, name in required) for name, each in schema["properties"].items()]


def _parameter(name: str, schema: Json, required: bool) -> Json:
    given = dict(schema)
    told = {"description": given.pop("description")} if "description" in given else {}
    return {"name": name, "in": "query", "required": required, **told, "schema": given}


def _request_body(route: Route, body: type[BaseModel]) -> Json:
    examples = {name: {"value": value} for name, value in _EXAMPLES[body.__name__].items()}
    content: Json = {_JSON: {"schema": _reference(body), "examples": examples}}
    if route.takes_pictures:
        # Bytes have no schema. The query string goes with them; a JSON body says everything itself.
        content |= {kind: {} for kind in PICTURE_TYPES}
    return {"required": True, "content": content}


def _reference(model: type[BaseModel]) -> Json:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _success(route: Route) -> Json:
    content: Json
    match route.answer:
        case "webp":
            content = {"image/webp": {}}
        case "document":
            content = {_JSON: {"schema": {"type": "object"}}}
        case model:
            content = {_JSON: {"schema": _reference(model)}}
    headers = {REQUEST_ID_HEADER: {"$ref": "#/components/headers/RequestId"}}
    return {"description": "Done.", "headers": headers, "content": content}


def _errors(route: Route, ways: Sequence[Authorisation]) -> Json:
    """Return the answers to what goes wrong, each status with its codes and what they mean."""
    meanings: dict[int, dict[str, str]] = defaultdict(dict)
    of_gateway: Iterable[tuple[int, str, str]] = chain(
        GATEWAY_ERRORS,
        *(CREDENTIAL_ERRORS[way] for way in ways if route.guarded),
        BODY_ERRORS if route.body else [],
    )
    for status, code, meaning in of_gateway:
        meanings[status][code] = meaning
    for kind in route.errors:
        meanings[STATUS[kind]][kind.code] = (kind.__doc__ or "").splitlines()[0]
    return {str(status): _error(status, meanings[status]) for status in sorted(meanings)}


def _error(status: int, meanings: Mapping[str, str]) -> Json:
    codes = {"properties": {"error": {"properties": {"code": {"enum": sorted(meanings)}}}}}
    answer: Json = {
        "description": " ".join(f"`{code}`: {meaning}" for code, meaning in sorted(meanings.items())),
        "content": {_JSON: {"schema": {"allOf": [_reference(ErrorAnswer), codes]}}},
    }
    if status in _WAITING:
        answer["headers"] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    return answer


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")
