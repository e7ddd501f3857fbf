"""Searching an index of OpenSearch: every way of asking is one search of a single `_msearch`."""

from collections.abc import Sequence
from typing import Any

from opensearchpy import OpenSearch, TransportError

from imagesearch.adapters import opensearch_schema as schema
from imagesearch.adapters.opensearch_client import translated
from imagesearch.adapters.opensearch_filters import rendered
from imagesearch.filters import Filter
from imagesearch.queries import Match, Nearest, VectorPart, Words

FIELDS: dict[VectorPart, str] = {
    "picture": schema.VECTOR_FIELD,
    "caption": schema.CAPTION_VECTOR_FIELD,
}
_MOST_CHARACTERS = 200
"""Of a text that is searched by its words: each may be a word, with a clause a field, of 1024 in all."""


def leg_body(leg: Nearest | Words, *, k: int, ef_search: int, where: Filter | None) -> dict[str, Any]:
    """Return the search of one way of asking; it looks at `ef_search` candidates, or at k if they are more.

    The filter stands inside `knn`, so that the graph walk itself keeps to it: filtering afterwards would
    return fewer than k hits where k exist.
    """
    query = _words(leg, where) if isinstance(leg, Words) else _nearest(leg, k, max(ef_search, k), where)
    return {"size": k, "query": query, "_source": schema.SOURCE_FIELDS, "track_total_hits": False}


def _nearest(leg: Nearest, k: int, ef_search: int, where: Filter | None) -> dict[str, Any]:
    knn = {"vector": tuple(leg.vector), "k": k, "method_parameters": {"ef_search": ef_search}}
    return {"knn": {FIELDS[leg.part]: knn if where is None else {**knn, "filter": rendered(where)}}}


def _words(leg: Words, where: Filter | None) -> dict[str, Any]:
    # Across the fields, a word counts once, by how rare it is in all of them together.
    text = leg.text[:_MOST_CHARACTERS]
    words = {"multi_match": {"query": text, "fields": schema.WORDS_FIELDS, "type": "cross_fields"}}
    return {"bool": {"must": [words], "filter": [] if where is None else [rendered(where)]}}


def search(
    client: OpenSearch,
    index: str,
    legs: Sequence[Nearest | Words],
    *,
    k: int,
    ef_search: int,
    where: Filter | None = None,
) -> tuple[tuple[Match, ...], ...]:
    """Return what each way of asking finds, as `VectorIndex.search` promises."""
    lines: list[dict[str, Any]] = []
    for leg in legs:
        lines += [{}, leg_body(leg, k=k, ef_search=ef_search, where=where)]
    with translated():
        answer = client.msearch(index=index, body=lines)
        return tuple(_matches(response) for response in answer["responses"])


def _matches(response: dict[str, Any]) -> tuple[Match, ...]:
    """Return one search's matches; its failure is raised as if it had been a request of its own."""
    if "error" in response:
        raise TransportError(response["status"], response["error"].get("type"), response)
    matches = (
        Match(image=schema.image_of(hit["_source"]), score=hit["_score"]) for hit in response["hits"]["hits"]
    )
    return tuple(sorted(matches, key=lambda match: match.place))
