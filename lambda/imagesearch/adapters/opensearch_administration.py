"""Creating indices on OpenSearch, removing them, and moving the aliases between them."""

from collections.abc import Sequence
from typing import Any

from opensearchpy import OpenSearch, RequestError

from imagesearch.adapters import opensearch_schema as schema
from imagesearch.adapters.opensearch_client import (
    error_type,
    read_active,
    read_indices,
    translated,
    written_alias,
)
from imagesearch.errors import IndexInUseError, IndexMissingError, SearchRefusedError
from imagesearch.metadata import Attributes
from imagesearch.models import IndexInfo


class OpenSearchAdministration:
    """The indices of one alias, their vectors held by `engine`; every call may be repeated."""

    def __init__(self, *, client: OpenSearch, alias: str, engine: str, attributes: Attributes) -> None:
        self._client = client
        self._alias = alias
        self._engine = engine
        self._attributes = attributes

    def active(self) -> IndexInfo:
        """Return the index that the alias leads to. Raises IndexMissingError."""
        return read_active(self._client, self._alias)

    def put_template(self, *, shards: int, replicas: int) -> None:
        """Write the template that every index of the alias is made from."""
        body = schema.template_body(
            alias=self._alias, shards=shards, replicas=replicas, attributes=self._attributes
        )
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
        self._update_aliases({"remove": others}, {"add": {"index": index, "alias": self._alias}})

    def indices(self) -> tuple[IndexInfo, ...]:
        """Return every index made for the alias that names its model, in the names' order."""
        return read_indices(self._client, f"{self._alias}-*")

    def written(self) -> tuple[IndexInfo, ...]:
        """Return every index that is kept equal to the bucket, the active one first.

        Raises IndexMissingError.
        """
        active = self.active()
        others = read_indices(self._client, written_alias(self._alias))
        return (active, *(index for index in others if index.name != active.name))

    def write_to(self, indices: Sequence[str]) -> None:
        """Let live ingest keep these indices beside the active one, and no others, in one step."""
        alias = written_alias(self._alias)
        self._update_aliases(
            {"remove": {"index": f"{self._alias}-*", "alias": alias, "must_exist": False}},
            *({"add": {"index": index, "alias": alias}} for index in indices),
        )

    def remove(self, index: str) -> None:
        """Delete an index, absent or not. Raises IndexInUseError where it is active or written."""
        if index in self._used():
            raise IndexInUseError(
                f"The index {index} is in use: it is searched, or kept equal to the bucket."
            )
        with translated():
            self._client.indices.delete(index=index, ignore=[404])

    def declare_attributes(self, index: str) -> None:
        """Let an index take every declared attribute, and words of the tags that it is given from now on.

        Raises SearchRefusedError where it knows an attribute as another type.
        """
        attributes = schema.attribute_mapping(self._attributes)
        mapping = {"properties": {"attributes": attributes, "tags": schema.TAGS}}
        with translated():
            try:
                self._client.indices.put_mapping(index=index, body=mapping)
            except RequestError as error:
                raise SearchRefusedError(
                    f"The index {index} does not take the declared attributes ({_reason(error)}). OpenSearch "
                    "changes the type of no field: declare the attribute under another name."
                ) from error

    def is_empty(self, index: str) -> bool:
        """Return whether the index holds no document at all, counting those not refreshed yet."""
        with translated():
            self._client.indices.refresh(index=index)
            return int(self._client.count(index=index)["count"]) == 0

    def _update_aliases(self, *actions: dict[str, Any]) -> None:
        with translated():
            self._client.indices.update_aliases(body={"actions": list(actions)})

    def _used(self) -> set[str]:
        try:
            return {index.name for index in self.written()}
        except IndexMissingError:
            return {index.name for index in read_indices(self._client, written_alias(self._alias))}


def _reason(error: RequestError) -> str:
    details = error.info.get("error", {}) if isinstance(error.info, dict) else {}
    return str(details.get("reason", error))
