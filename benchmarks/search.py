"""A real OpenSearch for one measurement, and fresh indices in it, set as a bulk run sets them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from opensearchpy import OpenSearch as Client

from benchmarks.documents import FINGERPRINT
from imagesearch.adapters.opensearch_administration import OpenSearchAdministration
from imagesearch.adapters.opensearch_client import opensearch_client
from imagesearch.adapters.opensearch_loading import OpenSearchLoading
from imagesearch.models import IndexInfo
from scripts.local.opensearch import OpenSearch
from scripts.local.ports import free_port
from scripts.local.settings import LocalSettings

ENGINE = "lucene"
FIRST_PORT = 26_000
_PATIENCE_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Search:
    """A running OpenSearch at `url`; indices and alias are of one measurement only."""

    url: str
    client: Client
    alias: str

    @property
    def version(self) -> str:
        """Its version."""
        return str(self.client.info()["version"]["number"])

    def fresh_index(self, dimension: int, *, is_active: bool = False, is_loading: bool = True) -> str:
        """Return a new index of our schema, which refreshes as one that a bulk run loads, or as any other."""
        administration = OpenSearchAdministration(
            client=self.client, alias=self.alias, engine=ENGINE, attributes={}
        )
        administration.put_template(shards=1, replicas=0)
        index = IndexInfo(
            name=f"{self.alias}-{uuid4().hex[:8]}",
            fingerprint=FINGERPRINT,
            dimension=dimension,
            space="cosinesimil",
        )
        administration.create(index)
        if is_loading:
            OpenSearchLoading(client=self.client).begin_loading(index.name)
        if is_active:
            administration.point_alias(index.name)
        return index.name

    def refresh(self, index: str) -> None:
        """Let searches see everything."""
        self.client.indices.refresh(index=index, params={"request_timeout": _PATIENCE_SECONDS})

    def count(self, index: str) -> int:
        """Return how many documents searches see."""
        return int(self.client.count(index=index)["count"])

    def store_bytes(self, index: str) -> int:
        """Return what the index takes on the disk."""
        stats = self.client.indices.stats(index=index, metric="store")
        return int(stats["_all"]["primaries"]["store"]["size_in_bytes"])

    def delete(self, index: str) -> None:
        """Remove an index."""
        self.client.indices.delete(index=index)


@contextmanager
def opensearch() -> Iterator[Search]:
    """Start an OpenSearch with a directory and a port of its own, and end it after the block."""
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder:
        settings = LocalSettings(directory=Path(folder), opensearch_port=free_port(FIRST_PORT))
        search = OpenSearch(settings)
        try:
            search.start(fresh=True)
            client = opensearch_client(endpoint=search.url, engine=ENGINE, auth=None)
            yield Search(url=search.url, client=client, alias=f"bench{uuid4().hex[:8]}")
        finally:
            search.forget()
