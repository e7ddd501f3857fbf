"""The real OpenSearch of the contract tests: the one at OPENSEARCH_URL, else one started for the session."""

import uuid
from collections.abc import Iterator

import pytest
from opensearchpy import OpenSearch

from imagesearch.adapters.opensearch_client import opensearch_client
from scripts.local.opensearch import OpenSearch as LocalOpenSearch
from scripts.local.settings import LocalSettings
from tests.ports import free_ports


@pytest.fixture(scope="session")
def opensearch_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("opensearch")
    search = LocalOpenSearch(LocalSettings(directory=directory, opensearch_port=free_ports(1)[0]))
    try:
        search.start(fresh=True)
        yield search.url
    finally:
        search.stop()


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
