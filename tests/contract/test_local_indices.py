"""Which indices the command line finds in use, asked of a real OpenSearch."""

import pytest
from opensearchpy import OpenSearch

from scripts.errors import CommandError
from scripts.local.indices import ALIAS, indices_in_use
from stacks.names import INDEX_ALIAS
from tests.builders import FINGERPRINT, OTHER_FINGERPRINT
from tests.ports import free_ports


def make(client: OpenSearch, name: str, fingerprint: str, *aliases: str) -> None:
    body = {"mappings": {"_meta": {"fingerprint": fingerprint}}, "aliases": {one: {} for one in aliases}}
    client.indices.create(index=name, body=body)


def test_an_index_that_is_searched_is_in_use_and_one_without_an_alias_is_not(
    opensearch_url: str, client: OpenSearch, alias: str
) -> None:
    make(client, f"{alias}-1", FINGERPRINT, alias)
    make(client, f"{alias}-2", OTHER_FINGERPRINT)

    assert indices_in_use(opensearch_url, alias=alias) == [(f"{alias}-1", FINGERPRINT)]


def test_an_index_that_is_only_written_yet_is_in_use_too(
    opensearch_url: str, client: OpenSearch, alias: str
) -> None:
    make(client, f"{alias}-1", FINGERPRINT, alias, f"{alias}_written")
    make(client, f"{alias}-2", OTHER_FINGERPRINT, f"{alias}_written")

    found = indices_in_use(opensearch_url, alias=alias)

    assert found == [(f"{alias}-1", FINGERPRINT), (f"{alias}-2", OTHER_FINGERPRINT)]


def test_without_an_alias_no_index_is_in_use(opensearch_url: str, client: OpenSearch, alias: str) -> None:
    assert indices_in_use(opensearch_url, alias=alias) == []


def test_the_alias_is_the_one_that_is_deployed() -> None:
    assert ALIAS == INDEX_ALIAS


def test_a_silent_opensearch_is_an_error_and_not_one_without_indices() -> None:
    with pytest.raises(CommandError) as raised:
        indices_in_use(f"http://127.0.0.1:{free_ports(1)[0]}")

    assert raised.value.code == "opensearch_failed"
