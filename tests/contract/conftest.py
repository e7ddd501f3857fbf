"""A corner of the real OpenSearch for each contract test, and the index in memory beside it."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from opensearchpy import OpenSearch

from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_administration import OpenSearchAdministration
from imagesearch.adapters.opensearch_client import opensearch_client
from imagesearch.adapters.opensearch_loading import OpenSearchLoading
from tests.builders import ATTRIBUTES
from tests.contract.indices import Under


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


@pytest.fixture(
    params=[
        "in memory",
        pytest.param(
            "OpenSearch",
            marks=pytest.mark.verified("k-NN index and search, engine `lucene`", on="genuine part"),
        ),
    ]
)
def under(request: pytest.FixtureRequest, alias: str) -> Iterator[Under]:
    if request.param == "in memory":
        memory = InMemoryVectorIndex()
        yield Under(index=memory, administration=memory, loading=memory, alias=alias, settle=lambda: None)
        return
    client: OpenSearch = request.getfixturevalue("client")
    yield Under(
        index=OpenSearchVectorIndex(client=client, alias=alias, clock=_ever_later()),
        administration=OpenSearchAdministration(
            client=client, alias=alias, engine="lucene", attributes=ATTRIBUTES
        ),
        loading=OpenSearchLoading(client=client),
        alias=alias,
        settle=lambda: client.indices.refresh(index=f"{alias}-*"),
    )


def _ever_later() -> Callable[[], float]:
    """A clock on which everything remembered is old already."""
    return iter(range(0, 10**9, 60)).__next__
