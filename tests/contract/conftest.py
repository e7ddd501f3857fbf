"""A corner of the real OpenSearch for each contract test."""

import uuid
from collections.abc import Iterator

import pytest
from opensearchpy import OpenSearch

from imagesearch.adapters.opensearch_client import opensearch_client


@pytest.fixture
def alias() -> str:
    return f"contract-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def client(opensearch_url: str, alias: str) -> Iterator[OpenSearch]:
    """A client of the real OpenSearch; what the test creates under its alias is removed."""
    client = opensearch_client(endpoint=opensearch_url, engine="lucene", auth=None)
    yield client
    client.indices.delete(index=f"{alias}-*")
    client.indices.delete_index_template(name=alias, ignore=[404])
    client.close()
