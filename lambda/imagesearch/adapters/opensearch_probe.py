"""Looking at what an index of OpenSearch holds, without its graph."""

from functools import cache
from typing import Any

from opensearchpy import OpenSearch

from imagesearch.adapters import opensearch_schema as schema
from imagesearch.adapters.opensearch_client import read_active, translated
from imagesearch.adapters.opensearch_search import FIELDS, exact_query
from imagesearch.models import Vector
from imagesearch.queries import Match, VectorPart

_TIMEOUT_SECONDS = 120
"""Comparing with every picture takes longer than a search may."""
_SEED = 20260301
_PICTURES = {"term": {"state": schema.INDEXED}}


class OpenSearchProbe:
    """Samples and exact searches; every answer is as of the last refresh."""

    def __init__(self, *, client: OpenSearch) -> None:
        self._client = client
        self._space = cache(lambda index: read_active(client, index).space)

    def refresh(self, index: str) -> None:
        """Let searches see everything that was written. Raises IndexMissingError."""
        with translated():
            self._client.indices.refresh(index=index, params={"request_timeout": _TIMEOUT_SECONDS})

    def sample(self, index: str, count: int, *, part: VectorPart = "picture") -> tuple[Vector, ...]:
        """Return the vectors of at most `count` pictures, evenly drawn, the same until the index changes."""
        field = FIELDS[part]
        drawn = {"query": {"exists": {"field": field}}, "random_score": {"seed": _SEED, "field": "_seq_no"}}
        query = {"function_score": {**drawn, "boost_mode": "replace"}}
        hits = self._search(index, {"size": count, "query": query, "_source": [field]}, params={})
        return tuple(tuple(hit["_source"][field]) for hit in hits)

    def exact(self, index: str, vector: Vector, *, k: int) -> tuple[Match, ...]:
        """Return the k nearest pictures by comparing with all of them, scored as a search scores them."""
        pictures = {"bool": {"filter": [_PICTURES]}}
        query = exact_query(pictures, schema.VECTOR_FIELD, vector, self._space(index))
        body = {"size": k, "query": query, "_source": schema.SOURCE_FIELDS}
        hits = self._search(index, body, params={"request_timeout": _TIMEOUT_SECONDS})
        return tuple(Match(image=schema.image_of(hit["_source"]), score=hit["_score"]) for hit in hits)

    def _search(self, index: str, body: dict[str, Any], *, params: dict[str, int]) -> list[dict[str, Any]]:
        with translated():
            answer = self._client.search(index=index, body=body, params=params)
        hits: list[dict[str, Any]] = answer["hits"]["hits"]
        return hits
