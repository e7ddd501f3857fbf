"""The query API on in-memory parts, asked as API Gateway asks its function."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import requests
import schemathesis
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.entrypoints import observing
from imagesearch.entrypoints.openapi import document
from imagesearch.entrypoints.query import build_handler
from imagesearch.entrypoints.wiring import QueryParts
from imagesearch.ports import Metrics
from imagesearch.uploads import Uploads
from tests.builders import ATTRIBUTES, JPEG, PNG, InMemoryHouse, in_memory_house

PICTURES = {"a/1 ä#.png": PNG + b"1", "a/2.png": PNG + b"2", "b/3.jpg": JPEG + b"3"}
MAX_REQUEST_BYTES = 200_000
MAX_PICTURE_BYTES = 1_000_000
REQUEST_ID = "request-1"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the handler answered, read."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


class Context(LambdaContext):
    """A context of a function that has so many seconds left."""

    def __init__(self, seconds: float = 28) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]
        return round(self._seconds * 1000)


@cache
def described() -> Any:
    """The API as its OpenAPI document describes it."""
    return schemathesis.openapi.from_dict(document())


def proxy_event(
    method: str,
    path: str,
    *,
    body: bytes | str | None = None,
    content_type: str | None = "application/json",
    query: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """What API Gateway hands to the function; a body of bytes comes in base64."""
    return {
        "httpMethod": method,
        "path": path,
        "resource": path,
        "headers": {"Content-Type": content_type} if content_type else None,
        "multiValueHeaders": {"Content-Type": [content_type]} if content_type else None,
        "queryStringParameters": {name: values[-1] for name, values in (query or {}).items()} or None,
        "multiValueQueryStringParameters": {name: [*values] for name, values in (query or {}).items()}
        or None,
        "pathParameters": None,
        "requestContext": {"requestId": REQUEST_ID, "stage": "prod"},
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": isinstance(body, bytes),
    }


class Api:
    """Asks the handler as API Gateway does; every answer must be as the document says."""

    def __init__(
        self,
        parts: Callable[[], QueryParts],
        *,
        seconds: float = 28,
        metrics: Callable[[], Metrics] = observing.metrics,
    ) -> None:
        self._handler = build_handler(parts, metrics)
        self._context = Context(seconds)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | str | None = None,
        content_type: str | None = "application/json",
        query: dict[str, str] | None = None,
    ) -> Answer:
        parameters = {name: [value] for name, value in (query or {}).items()}
        event = proxy_event(method, path, body=body, content_type=content_type, query=parameters)
        response = self.answer(event)
        headers = {name: values[0] for name, values in response["multiValueHeaders"].items()}
        assert headers["Content-Type"] == "application/json"
        assert headers["x-request-id"] == REQUEST_ID
        _check_described(method, path, response)
        return Answer(status=response["statusCode"], body=json.loads(response["body"]), headers=headers)

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        return self._handler(event, self._context)

    def search(self, **request: Any) -> Answer:
        return self.ask("POST", "/search", body=json.dumps(request))


def parts_of(house: InMemoryHouse) -> QueryParts:
    return QueryParts(
        searcher=house.searcher,
        uploads=Uploads(pictures=house.pictures, max_bytes=MAX_PICTURE_BYTES),
        attributes=ATTRIBUTES,
        max_request_bytes=MAX_REQUEST_BYTES,
        max_results=100,
    )


def gallery() -> InMemoryHouse:
    house = in_memory_house()
    for key, content in PICTURES.items():
        house.pictures.put(key, content)
        house.indexer.bring_in_line(key)
    return house


def base64_of(content: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(content).decode()}


def described_answer(response: Mapping[str, Any], request: requests.PreparedRequest) -> schemathesis.Response:
    """The function's answer, as what compares it with the document takes it."""
    return schemathesis.Response(
        status_code=response["statusCode"],
        headers={name.lower(): values for name, values in response["multiValueHeaders"].items()},
        content=response["body"].encode(),
        request=request,
        elapsed=0.0,
        verify=True,
    )


def _check_described(method: str, path: str, response: Mapping[str, Any]) -> None:
    first, *others = path.strip("/").split("/")
    template = "/".join(["", first, *(["{id}"] if others else []), *others[1:]])
    if method.lower() in document()["paths"].get(template, {}):
        request = requests.Request(method, "http://api" + path).prepare()
        described()[template][method].validate_response(described_answer(response, request))
