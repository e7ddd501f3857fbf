"""Roles of OpenSearch's security plugin, and who has them: fine-grained access control, as AWS calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opensearchpy import ConflictError, OpenSearch

from imagesearch.access import Access, Admission
from imagesearch.adapters.opensearch_client import overloaded, translated

_SEVERAL = ("indices:data/read/mget", "indices:data/read/msearch")
_READ = ("indices:data/read/*", "indices:admin/mappings/get")
_WRITE = ("indices:data/write/*", "indices:admin/settings/update", "indices:admin/refresh*")


@dataclass(frozen=True, kw_only=True)
class _Permissions:
    """Actions of OpenSearch that a role may ask of the cluster, and of the application's indices."""

    cluster: Sequence[str]
    indices: Sequence[str]


_PERMISSIONS: Mapping[Access, _Permissions] = {
    "search": _Permissions(cluster=_SEVERAL, indices=_READ),
    "write": _Permissions(
        cluster=(*_SEVERAL, "indices:data/write/bulk"),
        indices=(*_READ, *_WRITE),
    ),
    "administer": _Permissions(
        cluster=(*_SEVERAL, "indices:admin/index_template/put"),
        indices=("indices:*",),
    ),
    "backup": _Permissions(
        cluster=(
            *("indices:admin/index_template/put", "cluster:monitor/health"),
            *("cluster:admin/repository/*", "cluster:admin/snapshot/*"),
        ),
        indices=("indices:*", "cluster:monitor/health"),
    ),
}


class OpenSearchAccessControl:
    """The domain's roles for the indices called `alias` and what follows; every call may be repeated."""

    def __init__(self, *, client: OpenSearch, alias: str) -> None:
        self._client = client
        self._alias = alias

    def admit(self, admission: Admission) -> None:
        """Give the role its permissions, and to nobody but the principal."""
        with translated():
            try:
                self._client.security.create_role(role=admission.name, body=self._role(admission.access))
                # IAM roles are known to the domain by their ARNs, as "backend roles".
                mapping = {"backend_roles": [admission.principal]}
                self._client.security.create_role_mapping(role=admission.name, body=mapping)
            except ConflictError as error:
                # All roles are one document, which somebody else has just written.
                raise overloaded("is changing its roles") from error

    def dismiss(self, name: str) -> None:
        """Take the role away, there or not."""
        with translated():
            try:
                self._client.security.delete_role_mapping(role=name, ignore=[404])
                self._client.security.delete_role(role=name, ignore=[404])
            except ConflictError as error:
                raise overloaded("is changing its roles") from error

    def _role(self, access: Access) -> dict[str, Any]:
        permissions = _PERMISSIONS[access]
        indices = {"index_patterns": [f"{self._alias}*"], "allowed_actions": list(permissions.indices)}
        return {"cluster_permissions": list(permissions.cluster), "index_permissions": [indices]}
