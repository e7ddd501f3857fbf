"""The query API on in-memory parts, asked as API Gateway asks its function."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.entrypoints.query import build_handler
from imagesearch.entrypoints.wiring import QueryParts
from tests.builders import ATTRIBUTES, JPEG, PNG, InMemoryHouse, in_memory_house

PICTURES = {"a/1 ä#.png": PNG + b"1", "a/2.png": PNG + b"2", "b/3.jpg": JPEG + b"3"}
MAX_REQUEST_BYTES = 200_000
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


class Api:
    """Asks the handler as API Gateway does."""

    def __init__(self, parts: Callable[[], QueryParts]) -> None:
        self._handler = build_handler(parts)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | str | None = None,
        content_type: str | None = "application/json",
        query: dict[str, str] | None = None,
    ) -> Answer:
        binary = isinstance(body, bytes)
        event = {
            "httpMethod": method,
            "path": path,
            "resource": path,
            "headers": {"Content-Type": content_type} if content_type else None,
            "multiValueHeaders": {"Content-Type": [content_type]} if content_type else None,
            "queryStringParameters": query,
            "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()}
            or None,
            "pathParameters": None,
            "requestContext": {"requestId": REQUEST_ID, "stage": "prod"},
            "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
            "isBase64Encoded": binary,
        }
        response = self._handler(event, LambdaContext())
        headers = {name: values[0] for name, values in response["multiValueHeaders"].items()}
        assert headers["Content-Type"] == "application/json"
        assert headers["x-request-id"] == REQUEST_ID
        return Answer(status=response["statusCode"], body=json.loads(response["body"]), headers=headers)

    def search(self, **request: Any) -> Answer:
        return self.ask("POST", "/search", body=json.dumps(request))


def parts_of(house: InMemoryHouse) -> QueryParts:
    return QueryParts(
        searcher=house.searcher,
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
