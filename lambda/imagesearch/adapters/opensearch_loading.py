"""Switching an index of OpenSearch between loading and searching."""

from opensearchpy import OpenSearch

from imagesearch.adapters import opensearch_schema as schema
from imagesearch.adapters.opensearch_client import translated

LOADING_REFRESH_INTERVAL = "30s"
_TIMEOUT_SECONDS = 60
"""A refresh after many writes takes longer than a request usually may."""


class OpenSearchLoading:
    """Fewer refreshes while an index is loaded: each one builds a small graph that is merged away again."""

    def __init__(self, *, client: OpenSearch) -> None:
        self._client = client

    def begin_loading(self, index: str) -> None:
        """Let searches see new documents twice a minute only. Raises IndexMissingError."""
        self._set(index, LOADING_REFRESH_INTERVAL)

    def end_loading(self, index: str) -> None:
        """Let searches see everything now, and new documents after a second. Raises IndexMissingError."""
        self._set(index, schema.REFRESH_INTERVAL)
        with translated():
            self._client.indices.refresh(index=index, params={"request_timeout": _TIMEOUT_SECONDS})

    def _set(self, index: str, interval: str) -> None:
        with translated():
            self._client.indices.put_settings(index=index, body={"index": {"refresh_interval": interval}})
