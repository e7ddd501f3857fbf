"""The vector index on OpenSearch's k-NN plug-in: writing documents and searching them."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from opensearchpy import ConflictError, NotFoundError, OpenSearch

from imagesearch.adapters import opensearch_bulk, opensearch_search
from imagesearch.adapters import opensearch_schema as schema
from imagesearch.adapters.opensearch_client import (
    DENIED,
    denied,
    error_type,
    overloaded,
    read_active,
    read_indices,
    translated,
    written_alias,
)
from imagesearch.errors import IndexMissingError
from imagesearch.filters import Filter
from imagesearch.models import EmbeddedImage, ImageRecord, IndexInfo, RejectedImage, Vector
from imagesearch.queries import Match, Nearest, VectorPart, Words

DEFAULT_EF_SEARCH = 100
"""lucene looks at only k candidates otherwise: recall@10 of 0.96 instead of 1.00 on clustered vectors."""

_REMEMBERED_SECONDS = 5.0
"""How long the aliases' targets are remembered: how late this process may notice a change."""
_KEYS_AT_ONCE = 1000
_DESCRIBE_ATTEMPTS = 5
"""How often a document may be written by others while it is being described."""


def keys_body(*, prefix: str, after: str, last: str | None) -> dict[str, Any]:
    """Return the request for the first keys after `after`: nothing but the keys, in their bytes' order."""
    bounds = {"gt": after} | ({} if last is None else {"lte": last})
    filters: list[dict[str, Any]] = [{"range": {"key": bounds}}]
    if prefix:
        filters.append({"prefix": {"key": {"value": prefix}}})
    return {
        "size": _KEYS_AT_ONCE,
        "query": {"bool": {"filter": filters}},
        "sort": [{"key": "asc"}],
        "_source": False,
    }


class OpenSearchVectorIndex:
    """Documents of concrete indices, and the active one of an alias, remembered for some seconds.

    Threads may share it.
    """

    def __init__(
        self,
        *,
        client: OpenSearch,
        alias: str,
        ef_search: int = DEFAULT_EF_SEARCH,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._alias = alias
        self._ef_search = ef_search
        self._clock = clock
        self._pause = pause
        self._active: tuple[float, IndexInfo] | None = None
        self._written: tuple[IndexInfo, ...] | None = None
        self._known: dict[str, IndexInfo] = {}

    def active(self) -> IndexInfo:
        """Return the index that the alias leads to, at most some seconds old. Raises IndexMissingError."""
        now, remembered = self._clock(), self._active
        if remembered is None or now - remembered[0] >= _REMEMBERED_SECONDS:
            self._active = self._written = None
            remembered = self._active = (now, self._noted(read_active(self._client, self._alias)))
        return remembered[1]

    def written(self) -> tuple[IndexInfo, ...]:
        """Return every index that is kept, the one that `active` names first. Raises IndexMissingError.

        It is remembered no longer than the active one, so that the two always agree.
        """
        active, written = self.active(), self._written
        if written is None or written[0] != active:
            kept = read_indices(self._client, written_alias(self._alias))
            written = self._written = (active, *(index for index in kept if index != active))
        return written

    def search(
        self, index: str, legs: Sequence[Nearest | Words], *, k: int, where: Filter | None = None
    ) -> tuple[tuple[Match, ...], ...]:
        """Return for every leg the at most k best pictures that the filter lets through, best first."""
        known = self._known.get(index) or self._noted(read_active(self._client, index))
        return opensearch_search.search(
            self._client, known, legs, k=k, ef_search=self._ef_search, where=where
        )

    def vectors(
        self, index: str, document_ids: Sequence[str], *, part: VectorPart = "picture"
    ) -> dict[str, Vector]:
        """Return the vectors of those of the documents that have one, as last written."""
        field = opensearch_search.FIELDS[part]
        sources = self._sources(index, document_ids, fields=[field])
        return {each: source[field] for each, source in sources.items() if field in source}

    def get(self, index: str, document_id: str) -> ImageRecord | RejectedImage | None:
        """Return the document as the last write left it, or None. Raises IndexMissingError."""
        return self._read(index, document_id, realtime=True)

    def find(self, index: str, document_id: str) -> ImageRecord | RejectedImage | None:
        """Return the document as of the last refresh, or None. Raises IndexMissingError."""
        return self._read(index, document_id, realtime=False)

    def known(self, index: str, document_ids: Sequence[str]) -> dict[str, ImageRecord | RejectedImage]:
        """Return those of the documents that there are, as the last write left them.

        Raises IndexMissingError.
        """
        sources = self._sources(index, document_ids, fields=schema.SOURCE_FIELDS)
        return {each: schema.document_of(source) for each, source in sources.items()}

    def keys(
        self, index: str, *, prefix: str = "", after: str = "", last: str | None = None
    ) -> Iterator[str]:
        """Yield the keys of all documents, as searches see them, in the keys' order.

        Each page begins after the last key of the one before, so a document that is there all the while is
        met once, whatever happens to others. Raises IndexMissingError.
        """
        while True:
            body = keys_body(prefix=prefix, after=after, last=last)
            page = self._hits(index, body, allow_partial_search_results="false")
            keys = [str(hit["sort"][0]) for hit in page]
            yield from keys
            if len(keys) < _KEYS_AT_ONCE:
                return
            after = keys[-1]

    def put_image(self, index: str, image: EmbeddedImage) -> None:
        """Write a picture, replacing whatever the index held for its key."""
        self._put(index, image.image.id, image)

    def describe(self, index: str, image: ImageRecord, caption_vector: Vector | None) -> bool:
        """Replace all that the index holds of a picture but its vector; return whether that was possible.

        Raises IndexMissingError.
        """
        for _ in range(_DESCRIBE_ATTEMPTS):
            found = self._get(index, image.id, fields=[*schema.SOURCE_FIELDS, *schema.VECTOR_FIELDS])
            described = found and schema.described(found["_source"], image, caption_vector)
            if not found or not described:
                return False
            version = {"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]}
            with translated():
                try:
                    self._client.index(
                        index=index, id=image.id, body=schema.document_json(described), params=version
                    )
                except ConflictError:
                    continue
            return True
        return False

    def put_rejected(self, index: str, rejected: RejectedImage) -> None:
        """Write a reject, replacing whatever the index held for its key."""
        self._put(index, rejected.id, rejected)

    def put_many(self, index: str, documents: Iterable[EmbeddedImage | RejectedImage]) -> None:
        """Write many documents, replacing what the index held for their keys; waits while it is overloaded.

        Raises SearchRefusedError with the reason of the first document that is refused for good.
        """
        opensearch_bulk.put_many(self._client, index, documents, pause=self._pause)

    def delete(self, index: str, document_id: str) -> None:
        """Remove a document; removing an absent one is no error. Raises IndexMissingError."""
        with translated():
            try:
                self._client.delete(index=index, id=document_id)
            except NotFoundError as error:
                if error_type(error):
                    raise

    def count(self, index: str) -> int:
        """Return how many pictures searches can find, as of the last refresh."""
        with translated():
            answer = self._client.count(index=index, body={"query": {"term": {"state": schema.INDEXED}}})
        return int(answer["count"])

    def _noted(self, index: IndexInfo) -> IndexInfo:
        """Return an index, whose nature never changes and is remembered for as long as this process lives."""
        self._known[index.name] = index
        return index

    def _hits(self, index: str, body: dict[str, Any], **params: str) -> list[dict[str, Any]]:
        with translated():
            answer = self._client.search(index=index, body=body, params=params)
        hits: list[dict[str, Any]] = answer["hits"]["hits"]
        return hits

    def _sources(
        self, index: str, document_ids: Sequence[str], *, fields: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        """Return these fields of those of the documents that there are, as the last write left them."""
        if not document_ids:
            return {}
        params = {"_source_includes": ",".join(fields)}
        with translated():
            answer = self._client.mget(index=index, body={"ids": list(document_ids)}, params=params)
        for each in answer["docs"]:
            _check_was_read(each)
        return {each["_id"]: each["_source"] for each in answer["docs"] if each["found"]}

    def _read(self, index: str, document_id: str, *, realtime: bool) -> ImageRecord | RejectedImage | None:
        answer = self._get(index, document_id, fields=schema.SOURCE_FIELDS, realtime=realtime)
        return None if answer is None else schema.document_of(answer["_source"])

    def _get(
        self, index: str, document_id: str, *, fields: Sequence[str], realtime: bool = True
    ) -> dict[str, Any] | None:
        params = {"_source_includes": ",".join(fields), "realtime": "true" if realtime else "false"}
        with translated():
            try:
                answer: dict[str, Any] = self._client.get(index=index, id=document_id, params=params)
            except NotFoundError as error:
                if error_type(error):
                    raise
                return None
        return answer

    def _put(self, index: str, document_id: str, document: EmbeddedImage | RejectedImage) -> None:
        with translated():
            self._client.index(index=index, id=document_id, body=schema.document_json(document))


def _check_was_read(entry: dict[str, Any]) -> None:
    """Raise the error that stands in place of a document: an absent document is none."""
    error = entry.get("error")
    if error is None:
        return
    if error["type"] == "index_not_found_exception":
        raise IndexMissingError("The index is missing: it was never set up, or has been deleted.")
    if error["type"] == DENIED:
        raise denied(403)
    raise overloaded(f"could not read a document ({error['type']})")
