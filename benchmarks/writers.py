"""What the writing processes of the benchmark `indexing` do, each with documents and connections of its own.

Processes and no threads, because an index function is a process too: threads would wait for one another's
interpreter, which functions never do.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.helpers import parallel_bulk

from benchmarks.documents import image_of
from benchmarks.vectors import unit_vectors
from imagesearch.adapters import opensearch_schema as schema
from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_client import opensearch_client
from imagesearch.bulk.entries import SHARD_RECORDS
from imagesearch.models import EmbeddedImage

COUNT, DIMENSION = 10_000, 512
_TIMEOUT_SECONDS = 60


def prepare(url: str) -> None:
    """Make ready what the clock should not see: documents, request bodies and connections."""
    _bodies()
    _our_index(url)
    _plain_client(url).info()


def write_shards(url: str, index: str, places: Sequence[int]) -> None:
    """Write these shards as the index function does, one after the other."""
    for place in places:
        _our_index(url).put_many(index, shards()[place])


def send_bodies(url: str, index: str, places: Sequence[int]) -> None:
    """Send the same documents in requests that were written beforehand."""
    for place in places:
        _plain_client(url).bulk(index=index, body=_bodies()[place], params={"filter_path": "errors"})


def write_one_by_one(url: str, index: str) -> None:
    """Write all documents by one `index()` call each."""
    for document in _documents():
        _plain_client(url).index(index=index, id=document.image.id, body=schema.image_source(document))


def write_by_library(url: str, index: str, threads: int) -> None:
    """Write all documents by the client library's own parallel bulk helper."""
    actions = (
        {"_index": index, "_id": document.image.id, "_source": schema.image_source(document)}
        for document in _documents()
    )
    for _ in parallel_bulk(_plain_client(url), actions, thread_count=threads):
        pass


@cache
def shards() -> list[Sequence[EmbeddedImage]]:
    """Return the documents in shards, as a bulk run cuts them."""
    return [_documents()[at : at + SHARD_RECORDS] for at in range(0, COUNT, SHARD_RECORDS)]


@cache
def _documents() -> list[EmbeddedImage]:
    vectors = unit_vectors(COUNT, DIMENSION).tolist()
    return [
        EmbeddedImage(image=image_of(number), vector=tuple(vector)) for number, vector in enumerate(vectors)
    ]


@cache
def _bodies() -> list[bytes]:
    return [b"".join(_lines(shard)) for shard in shards()]


def _lines(shard: Iterable[EmbeddedImage]) -> Iterable[bytes]:
    for document in shard:
        source = schema.image_source(document)
        source[schema.VECTOR_FIELD] = [float(f"{number:.8f}") for number in document.vector]
        for line in ({"index": {"_id": document.image.id}}, source):
            yield json.dumps(line, separators=(",", ":")).encode() + b"\n"


@cache
def _our_index(url: str) -> OpenSearchVectorIndex:
    return OpenSearchVectorIndex(
        client=opensearch_client(endpoint=url, engine="lucene", auth=None), alias="images"
    )


@cache
def _plain_client(url: str) -> Any:
    return OpenSearch(hosts=[url], timeout=_TIMEOUT_SECONDS)
