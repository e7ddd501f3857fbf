"""What the writing processes of the benchmark `indexing` do, each with documents and connections of its own.

Processes and no threads, because an index function is a process too: threads would wait for one another's
interpreter, which functions never do.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.helpers import parallel_bulk

from benchmarks.documents import FINGERPRINT, answer_lines, image_of, state_of
from benchmarks.folders import ListedPictures, NoEmbedder
from benchmarks.vectors import unit_vectors
from imagesearch.adapters import opensearch_schema as schema
from imagesearch.adapters import sagemaker_answers
from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_client import opensearch_client
from imagesearch.bulk.entries import SHARD_RECORDS, PictureEntry
from imagesearch.bulk.shard import Shard, Tools
from imagesearch.describing import Describer
from imagesearch.models import EmbeddedImage, IndexInfo, RejectedImage

COUNT, DIMENSION = 10_000, 512
SHARDS = math.ceil(COUNT / SHARD_RECORDS)
_TIMEOUT_SECONDS = 60


def prepare(url: str) -> None:
    """Make ready what the clock should not see: documents, request bodies and connections."""
    _bodies()
    _shards(url)
    _plain_client(url).info()


def write_shards(url: str, index: str, places: Sequence[int]) -> None:
    """Write these shards as the index function does, one after the other, with documents made beforehand."""
    for place in places:
        _our_index(url).put_many(index, _shards(url)[place])


def write_answers(url: str, index: str, places: Sequence[int]) -> None:
    """Make documents of the model's answers to these shards and write them, as the index function does."""
    for place in places:
        _our_index(url).put_many(index, _documents_of(url, place))


def send_bodies(url: str, index: str, places: Sequence[int]) -> None:
    """Send the same documents in requests that were written beforehand."""
    for place in places:
        _plain_client(url).bulk(index=index, body=_bodies()[place], params={"filter_path": "errors"})


def write_one_by_one(url: str, index: str) -> None:
    """Write all documents by one `index()` call each."""
    for document in _documents():
        _plain_client(url).index(index=index, id=document.image.id, body=_source(document))


def write_by_library(url: str, index: str, threads: int) -> None:
    """Write all documents by the client library's own parallel bulk helper."""
    actions = (
        {"_index": index, "_id": document.image.id, "_source": _source(document)} for document in _documents()
    )
    for _ in parallel_bulk(_plain_client(url), actions, thread_count=threads):
        pass


@cache
def _shards(url: str) -> list[list[EmbeddedImage | RejectedImage]]:
    """Return the documents that the index function makes of the model's answers, shard by shard."""
    return [list(_documents_of(url, place)) for place in range(SHARDS)]


def _documents_of(url: str, place: int) -> Iterator[EmbeddedImage | RejectedImage]:
    """Yield the documents of a shard; every picture is still what was embedded."""
    first, lines = place * SHARD_RECORDS, _answers()[place]
    states = [state_of(first + offset) for offset in range(len(lines))]
    describer = Describer(pictures=ListedPictures(COUNT), attributes={})
    shard = Shard(
        target=IndexInfo(name="", fingerprint=FINGERPRINT, dimension=DIMENSION, space="cosinesimil"),
        entries=[PictureEntry(state=state) for state in states],
        present={state.key: state for state in states},
        tools=Tools(
            index=_our_index(url), embedder=NoEmbedder(), describer=describer, read=sagemaker_answers
        ),
    )
    return shard.documents(iter(lines))


@cache
def _answers() -> list[list[bytes]]:
    """Return the model's answers in shards, as a bulk run cuts them."""
    lines = list(answer_lines(range(COUNT), unit_vectors(COUNT, DIMENSION)))
    return [lines[at : at + SHARD_RECORDS] for at in range(0, COUNT, SHARD_RECORDS)]


@cache
def _documents() -> list[EmbeddedImage]:
    """Return the same documents with their vectors as numbers, which every client takes."""
    vectors = unit_vectors(COUNT, DIMENSION).tolist()
    return [
        EmbeddedImage(image=image_of(number), vector=tuple(vector)) for number, vector in enumerate(vectors)
    ]


def _source(document: EmbeddedImage) -> dict[str, Any]:
    return {**schema.picture_source(document.image), **schema.vectors_of(document)}


@cache
def _bodies() -> list[bytes]:
    shards = (_documents()[at : at + SHARD_RECORDS] for at in range(0, COUNT, SHARD_RECORDS))
    return [b"".join(_lines(shard)) for shard in shards]


def _lines(shard: Iterable[EmbeddedImage]) -> Iterable[bytes]:
    for document in shard:
        source = _source(document)
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
