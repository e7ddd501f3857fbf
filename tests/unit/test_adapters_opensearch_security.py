"""The domain's roles, as OpenSearch's security plugin is asked for them."""

from collections.abc import Iterator
from typing import get_args

import pytest

from imagesearch.access import Access, Admission
from imagesearch.adapters.opensearch_client import opensearch_client
from imagesearch.adapters.opensearch_security import OpenSearchAccessControl
from imagesearch.errors import SearchUnavailableError
from tests.security_plugin import SecurityPlugin, security_plugin

QUERY = Admission(name="imagesearch_query", access="search", principal="arn:aws:iam::1:role/query")


@pytest.fixture
def plugin() -> Iterator[SecurityPlugin]:
    with security_plugin() as running:
        yield running


def _control(plugin: SecurityPlugin) -> OpenSearchAccessControl:
    client = opensearch_client(endpoint=plugin.url, engine="faiss", auth=None)
    return OpenSearchAccessControl(client=client, alias="images")


def test_who_is_admitted_has_a_role_and_nobody_else_has_it(plugin: SecurityPlugin) -> None:
    _control(plugin).admit(QUERY)
    assert plugin.kept["rolesmapping/imagesearch_query"] == {"backend_roles": [QUERY.principal]}
    assert set(plugin.kept) == {"roles/imagesearch_query", "rolesmapping/imagesearch_query"}


@pytest.mark.parametrize("access", get_args(Access))
def test_every_role_is_bound_to_the_applications_indices(plugin: SecurityPlugin, access: Access) -> None:
    _control(plugin).admit(Admission(name="imagesearch_any", access=access, principal="arn"))
    (indices,) = plugin.kept["roles/imagesearch_any"]["index_permissions"]
    assert indices["index_patterns"] == ["images*"]
    cluster = plugin.kept["roles/imagesearch_any"]["cluster_permissions"]
    assert not {"*", "cluster:*", "indices:*"} & set(cluster)


def test_who_searches_may_not_write_and_who_writes_may_not_make_indices(plugin: SecurityPlugin) -> None:
    allowed = {}
    for access in get_args(Access):
        _control(plugin).admit(Admission(name="imagesearch_any", access=access, principal="arn"))
        (indices,) = plugin.kept["roles/imagesearch_any"]["index_permissions"]
        allowed[access] = set(indices["allowed_actions"])
    assert not any("write" in action or action == "indices:*" for action in allowed["search"])
    assert allowed["search"] < allowed["write"]
    assert "indices:*" not in allowed["write"]
    assert "indices:*" in allowed["administer"]


def test_admitting_another_principal_takes_the_role_from_the_first(plugin: SecurityPlugin) -> None:
    control = _control(plugin)
    control.admit(QUERY)
    control.admit(QUERY)
    control.admit(Admission(name=QUERY.name, access="write", principal="arn:aws:iam::1:role/other"))
    mapping = plugin.kept["rolesmapping/imagesearch_query"]
    assert mapping == {"backend_roles": ["arn:aws:iam::1:role/other"]}


def test_a_dismissed_role_is_gone_and_dismissing_it_again_is_no_error(plugin: SecurityPlugin) -> None:
    control = _control(plugin)
    control.admit(QUERY)
    control.dismiss(QUERY.name)
    control.dismiss(QUERY.name)
    assert plugin.kept == {}


@pytest.mark.parametrize("call", ["admit", "dismiss"])
def test_roles_that_somebody_else_is_changing_are_worth_another_try(
    plugin: SecurityPlugin, call: str
) -> None:
    control = _control(plugin)
    control.admit(QUERY)
    plugin.conflicts = 1
    with pytest.raises(SearchUnavailableError, match="changing its roles"):
        control.admit(QUERY) if call == "admit" else control.dismiss(QUERY.name)
