"""A connection on which a mapping without the configured vector engine can never reach OpenSearch.

With an engine that a node cannot load, or with none named (2.19 then takes faiss), a mapping is accepted and
the first refresh kills the node, and again at each restart. So every body that goes out is inspected here,
below every client method, whatever its path.
"""

import json
from collections.abc import Iterator
from typing import Any

from opensearchpy import RequestsHttpConnection

from imagesearch.errors import EngineMissingError

_VECTOR_TYPE = "knn_vector"
_ESCAPE = b"\\u"
"""A JSON escape could spell the type's name without containing it."""


def refuse_other_engine(body: bytes | str, engine: str) -> None:
    """Raise EngineMissingError if the body has a vector field whose method does not name `engine`.

    Takes JSON and newline-delimited JSON alike; a body that is neither, and that names the type, is refused.
    """
    content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    # One byte is found much faster than two, and a body of vectors is megabytes without any backslash.
    has_escapes = b"\\" in content and _ESCAPE in content
    if _VECTOR_TYPE.encode() not in content and not has_escapes:
        return
    for document in _documents(content):
        for field in _vector_fields(document):
            method = field.get("method")
            if not isinstance(method, dict) or method.get("engine") != engine:
                raise EngineMissingError(
                    f"A {_VECTOR_TYPE} field must name the engine {engine!r} in its method; "
                    f"this mapping was not sent, because it can end the OpenSearch process: {field}."
                )


def _documents(content: bytes) -> Iterator[Any]:
    try:
        yield json.loads(content)
    except ValueError:
        yield from _lines(content)


def _lines(content: bytes) -> Iterator[Any]:
    for line in filter(bytes.strip, content.split(b"\n")):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise EngineMissingError(f"A body that is no JSON may not mention {_VECTOR_TYPE}.") from error


def _vector_fields(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if node.get("type") == _VECTOR_TYPE:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _vector_fields(child)


class GuardedConnection(RequestsHttpConnection):
    """An HTTP connection that sends vector fields of one engine only, given as `vector_engine`."""

    def __init__(self, *args: Any, vector_engine: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._vector_engine = vector_engine

    def perform_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Send the request if its body passes. Raises EngineMissingError before anything is sent."""
        body = kwargs.get("body", args[1] if len(args) > 1 else None)
        if body:
            refuse_other_engine(body, self._vector_engine)
        return super().perform_request(method, url, *args, **kwargs)
