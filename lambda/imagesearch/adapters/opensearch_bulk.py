"""Many documents in few requests, sized by bytes and slowed down when OpenSearch asks for it.

A document that is refused for good fails the call with OpenSearch's reason. What is refused for now (429, a
failing shard, a full disk, the k-NN circuit breaker, a node that is restarting) is sent again after growing
pauses.
"""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from opensearchpy import OpenSearch

from imagesearch.adapters import opensearch_schema as schema
from imagesearch.adapters.opensearch_client import DENIED, denied, overloaded, passing_error, translated
from imagesearch.errors import ImageSearchError, IndexMissingError, SearchRefusedError, SearchUnavailableError
from imagesearch.models import EmbeddedImage, RejectedImage

MAX_REQUEST_BYTES = 4_000_000
"""Far below the 10 MiB that small instances of OpenSearch Service take; larger requests gain nothing."""

_TIMEOUT_SECONDS = 60
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_PARAMETERS = {"filter_path": "items.*.status,items.*.error", "request_timeout": _TIMEOUT_SECONDS}
_BREAKERS = ("circuit breaker", "circuit_break")
"""The breaker of k-NN is reported as a fault of the document (400 or 500); only its name tells."""


class Entry(NamedTuple):
    """A document's two lines of a request."""

    id: str
    lines: bytes


def put_many(
    client: OpenSearch,
    index: str,
    documents: Iterable[EmbeddedImage | RejectedImage],
    *,
    max_request_bytes: int = MAX_REQUEST_BYTES,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Write all documents; each is held in memory only until its request has been answered."""
    for batch in _batches(map(_entry, documents), max_request_bytes):
        _write(client, index, batch, pause)


def _entry(document: EmbeddedImage | RejectedImage) -> Entry:
    identifier = document.id if isinstance(document, RejectedImage) else document.image.id
    lines = b'{"index":{"_id":"%b"}}\n%b\n' % (identifier.encode(), schema.document_json(document))
    return Entry(identifier, lines)


def _batches(entries: Iterable[Entry], max_bytes: int) -> Iterator[list[Entry]]:
    """Yield the entries in requests of at most `max_bytes`; one that is larger by itself goes alone."""
    batch, size = list[Entry](), 0
    for entry in entries:
        if batch and size + len(entry.lines) > max_bytes:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += len(entry.lines)
    if batch:
        yield batch


def _write(client: OpenSearch, index: str, batch: list[Entry], pause: Callable[[float], None]) -> None:
    pauses = iter(_PAUSES)
    while True:
        try:
            batch, told = _send(client, index, batch)
            trouble = overloaded(f"does not take all documents{told}")
        except SearchUnavailableError as error:
            trouble = error
        if not batch:
            return
        seconds = next(pauses, None)
        if seconds is None:
            raise trouble
        pause(random.uniform(seconds / 2, seconds))  # noqa: S311 - jitter, no secret


def _send(client: OpenSearch, index: str, batch: list[Entry]) -> tuple[list[Entry], str]:
    """Send one request, and return the entries that are to be sent again, with what was said of the last."""
    with translated():
        answer = client.bulk(
            index=index, body=b"".join(entry.lines for entry in batch), params=dict(_PARAMETERS)
        )
    results = [next(iter(item.values())) for item in answer["items"]]
    left = [(entry, result) for entry, result in zip(batch, results, strict=True) if not _is_written(result)]
    return [entry for entry, _ in left], "".join(_told(result) for _, result in left[-1:])


def _told(result: dict[str, Any]) -> str:
    error = result["error"]
    return f" ({result['status']}, {error.get('type')}: {error.get('reason')})"


def _is_written(result: dict[str, Any]) -> bool:
    """Tell whether a document was written. Raises what OpenSearch refuses for good."""
    if "error" not in result:
        return True
    status, error = result["status"], result["error"]
    if passing_error(status, error.get("type", "")) or _is_breaker(error):
        return False
    raise _refusal(status, error)


def _is_breaker(error: dict[str, Any]) -> bool:
    told = json.dumps(error).lower()
    return any(name in told for name in _BREAKERS)


def _refusal(status: int, error: dict[str, Any]) -> ImageSearchError:
    if error.get("type") == "index_not_found_exception":
        return IndexMissingError("The index is missing: it was never set up, or has been deleted.")
    if error.get("type") == DENIED:
        return denied(status)
    cause = error.get("caused_by") or error
    return SearchRefusedError(
        f"OpenSearch refuses a document ({status}, {error.get('type')}): {cause.get('reason')}"
    )
