"""Searching an index of OpenSearch: every way of asking is one search of a single `_msearch`."""

from collections.abc import Sequence
from typing import Any

from opensearchpy import OpenSearch, TransportError

from imagesearch.adapters import opensearch_schema as schema
from imagesearch.adapters.opensearch_client import translated
from imagesearch.adapters.opensearch_filters import rendered
from imagesearch.filters import Filter
from imagesearch.models import IndexInfo, Quantisation, Vector
from imagesearch.queries import Match, Nearest, VectorPart, Words

FIELDS: dict[VectorPart, str] = {
    "picture": schema.VECTOR_FIELD,
    "caption": schema.CAPTION_VECTOR_FIELD,
}
_ESTIMATED: frozenset[Quantisation] = frozenset({"fp16", "byte"})
"""Graphs that score by vectors of fewer bits; `on_disk` compares with the whole ones by itself."""
_MOST_CHARACTERS = 200
"""Of a text that is searched by its words: each may be a word, with a clause a field, of 1024 in all."""


def leg_body(
    leg: Nearest | Words, *, index: IndexInfo, k: int, ef_search: int, where: Filter | None
) -> dict[str, Any]:
    """Return the search of one way of asking; it looks at `ef_search` candidates, or at k if they are more.

    The filter stands inside `knn`, so that the graph walk itself keeps to it: filtering afterwards would
    return fewer than k hits where k exist. Where the graph only estimates scores, all candidates are compared
    once more, with the whole vectors: scores mean the same in every index.
    """
    page = {"size": k, "_source": schema.SOURCE_FIELDS, "track_total_hits": False}
    if isinstance(leg, Words):
        return {**page, "query": _words(leg, where)}
    candidates = max(ef_search, k)
    if index.quantisation not in _ESTIMATED:
        return {**page, "query": _nearest(leg, k, candidates, where)}
    exactly = {
        "rescore_query": exact_query({"match_all": {}}, FIELDS[leg.part], leg.vector, index.space),
        "query_weight": 0,
        "rescore_query_weight": 1,
    }
    query = _nearest(leg, candidates, candidates, where)
    return {**page, "query": query, "rescore": {"window_size": candidates, "query": exactly}}


def exact_query(among: dict[str, Any], field: str, vector: Vector, space: str) -> dict[str, Any]:
    """Return the query that scores every document of another query by its whole vector."""
    parameters = {"field": field, "query_value": tuple(vector), "space_type": space}
    script = {"lang": "knn", "source": "knn_score", "params": parameters}
    return {"script_score": {"query": among, "script": script}}


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
    index: IndexInfo,
    legs: Sequence[Nearest | Words],
    *,
    k: int,
    ef_search: int,
    where: Filter | None = None,
) -> tuple[tuple[Match, ...], ...]:
    """Return what each way of asking finds, as `VectorIndex.search` promises."""
    lines: list[dict[str, Any]] = []
    for leg in legs:
        lines += [{}, leg_body(leg, index=index, k=k, ef_search=ef_search, where=where)]
    with translated():
        answer = client.msearch(index=index.name, body=lines)
        return tuple(_matches(response) for response in answer["responses"])


def _matches(response: dict[str, Any]) -> tuple[Match, ...]:
    """Return one search's matches; its failure is raised as if it had been a request of its own."""
    if "error" in response:
        raise TransportError(response["status"], response["error"].get("type"), response)
    matches = (
        Match(image=schema.image_of(hit["_source"]), score=hit["_score"]) for hit in response["hits"]["hits"]
    )
    return tuple(sorted(matches, key=lambda match: match.place))
