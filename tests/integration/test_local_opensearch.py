"""The OpenSearch that the local environment starts is a real one, with k-NN."""

from uuid import uuid4

import httpx
import pytest

from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.verified("k-NN index and search, engine `lucene`", on="genuine part")

MAPPING = {
    "settings": {"index": {"knn": True, "number_of_replicas": 0}},
    "mappings": {
        "properties": {
            "key": {"type": "keyword"},
            "v": {
                "type": "knn_vector",
                "dimension": 2,
                "space_type": "cosinesimil",
                "method": {"name": "hnsw", "engine": "lucene"},
            },
        }
    },
}


@pytest.fixture
def index(opensearch_url: str) -> str:
    url = f"{opensearch_url}/{uuid4().hex}"
    httpx.put(url, json=MAPPING).raise_for_status()
    for name, vector in {"east": [1, 0], "north": [0, 1], "northeast": [1, 1]}.items():
        document = {"key": name, "v": vector}
        httpx.put(f"{url}/_doc/{name}?refresh=true", json=document).raise_for_status()
    return url


def test_nearest_neighbours_come_in_order_with_cosine_scores(index: str) -> None:
    query = {"query": {"knn": {"v": {"vector": [1, 0.1], "k": 3}}}}
    hits = httpx.post(f"{index}/_search", json=query).raise_for_status().json()["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == ["east", "northeast", "north"]
    assert hits[0]["_score"] == pytest.approx((1 + 1 / 1.01**0.5) / 2, abs=1e-4)


def test_a_filter_applies_inside_the_search(index: str) -> None:
    inside = {"vector": [1, 0.1], "k": 1, "filter": {"term": {"key": "north"}}}
    answer = httpx.post(f"{index}/_search", json={"query": {"knn": {"v": inside}}}).raise_for_status()
    assert [hit["_id"] for hit in answer.json()["hits"]["hits"]] == ["north"]


def test_documents_can_be_deleted_by_query(index: str) -> None:
    query = {"query": {"prefix": {"key": "north"}}}
    answer = httpx.post(
        f"{index}/_delete_by_query?refresh=true", json=query, timeout=PATIENCE_SECONDS
    ).raise_for_status()
    assert answer.json()["deleted"] == 2


def test_an_index_is_not_made_by_a_document(opensearch_url: str) -> None:
    assert httpx.put(f"{opensearch_url}/{uuid4().hex}/_doc/1", json={"a": 1}).status_code == 404
