"""Creating indices on OpenSearch and moving the alias between them."""

from opensearchpy import OpenSearch, RequestError

from imagesearch.adapters import opensearch_schema as schema
from imagesearch.adapters.opensearch_client import error_type, read_active, translated
from imagesearch.models import IndexInfo


class OpenSearchAdministration:
    """The indices of one alias, their vectors held by `engine`; every call may be repeated."""

    def __init__(self, *, client: OpenSearch, alias: str, engine: str) -> None:
        self._client = client
        self._alias = alias
        self._engine = engine

    def active(self) -> IndexInfo:
        """Return the index that the alias leads to. Raises IndexMissingError."""
        return read_active(self._client, self._alias)

    def put_template(self, *, shards: int, replicas: int) -> None:
        """Write the template that every index of the alias is made from."""
        body = schema.template_body(alias=self._alias, shards=shards, replicas=replicas)
        with translated():
            self._client.indices.put_index_template(name=self._alias, body=body)

    def create(self, index: IndexInfo) -> None:
        """Create a concrete index; an existing one of this name stays as it is."""
        with translated():
            try:
                self._client.indices.create(
                    index=index.name, body=schema.index_body(index, engine=self._engine)
                )
            except RequestError as error:
                if error_type(error) != "resource_already_exists_exception":
                    raise

    def point_alias(self, index: str) -> None:
        """Let the alias lead to this index, and to no other, in one step."""
        others = {"index": f"{self._alias}-*", "alias": self._alias, "must_exist": False}
        actions = [{"remove": others}, {"add": {"index": index, "alias": self._alias}}]
        with translated():
            self._client.indices.update_aliases(body={"actions": actions})

    def is_empty(self, index: str) -> bool:
        """Return whether the index holds no document at all, counting those not refreshed yet."""
        with translated():
            self._client.indices.refresh(index=index)
            return int(self._client.count(index=index)["count"]) == 0
