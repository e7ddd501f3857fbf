"""What only a real OpenSearch can show: the guard against other engines, the schema, and broken aliases."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from opensearchpy import OpenSearch

from imagesearch.adapters import opensearch_bulk
from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_administration import OpenSearchAdministration
from imagesearch.adapters.opensearch_loading import OpenSearchLoading
from imagesearch.adapters.opensearch_schema import index_body
from imagesearch.errors import (
    EngineMissingError,
    IndexMissingError,
    SearchRefusedError,
    SearchUnavailableError,
)
from imagesearch.models import IndexInfo
from imagesearch.queries import Nearest
from tests.builders import ATTRIBUTES, DIMENSION, FINGERPRINT, an_image, an_index, embedded
from tests.watched import watched


def test_the_alias_is_remembered_for_some_seconds_only(client: OpenSearch, alias: str) -> None:
    now = [0.0]
    index = OpenSearchVectorIndex(client=client, alias=alias, clock=lambda: now[0])
    administration = _administration(client, alias)
    first, second = f"{alias}-1", f"{alias}-2"
    for name in (first, second):
        administration.create(an_index(name))
    administration.point_alias(first)
    assert index.active().name == first
    administration.point_alias(second)
    now[0] = 4.9
    assert index.active().name == first
    now[0] = 5.0
    assert index.active().name == second


def test_the_kept_indices_are_remembered_as_long_as_the_active_one(client: OpenSearch, alias: str) -> None:
    now = [0.0]
    index = OpenSearchVectorIndex(client=client, alias=alias, clock=lambda: now[0])
    administration = _administration(client, alias)
    first, second = f"{alias}-1", f"{alias}-2"
    for name in (first, second):
        administration.create(an_index(name))
    administration.point_alias(first)
    administration.write_to([first, second])
    assert index.active().name == first
    now[0] = 4.0
    assert [each.name for each in index.written()] == [first, second]
    administration.point_alias(second)
    administration.write_to([])
    now[0] = 4.9
    assert [each.name for each in index.written()] == [first, second]
    now[0] = 5.0
    assert [each.name for each in index.written()] == [second]


EAST, NORTH = (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0)


def test_a_write_in_the_middle_of_describing_is_looked_at_and_described(
    client: OpenSearch, alias: str
) -> None:
    index = _with_one_picture(client, alias)
    other = replace(an_image("a"), size=99)

    def write_before(method: str) -> None:
        if method == "index" and index.get(f"{alias}-1", other.id) == an_image("a"):
            index.put_image(f"{alias}-1", embedded(other, NORTH))

    described = _described_while(client, alias, write_before)
    assert described
    assert index.get(f"{alias}-1", other.id) == an_image("a", caption="a dog")
    client.indices.refresh(index=f"{alias}-1")
    ((match,),) = index.search(f"{alias}-1", [Nearest(part="picture", vector=NORTH)], k=1)
    assert match.score == pytest.approx(1)


@pytest.mark.parametrize("ending", ["replaced", "deleted", "never at rest"])
def test_describing_never_undoes_what_others_write(client: OpenSearch, alias: str, ending: str) -> None:
    index = _with_one_picture(client, alias)
    name, writes = f"{alias}-1", iter(range(2, 100))

    def write_before(method: str) -> None:
        if method != "index":
            return
        if ending == "deleted":
            index.delete(name, an_image("a").id)
        else:
            other = an_image("a", etag="e2") if ending == "replaced" else an_image("a")
            index.put_image(name, embedded(replace(other, size=next(writes)), NORTH))

    assert not _described_while(client, alias, write_before)
    left = index.get(name, an_image("a").id)
    assert left is None if ending == "deleted" else left is not None and left.size == next(writes) - 1


@pytest.mark.parametrize("is_refreshed", [True, False])
def test_a_picture_is_described_where_opensearch_keeps_vectors_out_of_the_source(
    client: OpenSearch, alias: str, is_refreshed: bool
) -> None:
    """From 3.0 on that is the default: it derives them from the vector field when they are asked for."""
    _administration(client, alias)
    name, body = f"{alias}-1", index_body(an_index(), engine="lucene")
    client.indices.create(
        index=name, body={**body, "settings": {"index.knn": True, "index.knn.derived_source.enabled": True}}
    )
    index = OpenSearchVectorIndex(client=client, alias=alias)
    index.put_image(name, embedded(an_image("a", caption="a dog"), EAST, NORTH))
    if is_refreshed:
        client.indices.refresh(index=name)
    described = replace(an_image("a", caption="a dog"), sidecar="s2")
    assert index.describe(name, described, None)
    client.indices.refresh(index=name)
    legs = [Nearest(part="picture", vector=EAST), Nearest(part="caption", vector=NORTH)]
    ((by_picture,), (by_caption,)) = index.search(name, legs, k=1)
    assert by_picture.image == by_caption.image == described
    assert (by_picture.score, by_caption.score) == pytest.approx((1, 1))


def _administration(client: OpenSearch, alias: str) -> OpenSearchAdministration:
    administration = OpenSearchAdministration(
        client=client, alias=alias, engine="lucene", attributes=ATTRIBUTES
    )
    administration.put_template(shards=1, replicas=0)
    return administration


def _with_one_picture(client: OpenSearch, alias: str) -> OpenSearchVectorIndex:
    _administration(client, alias).create(an_index(f"{alias}-1"))
    index = OpenSearchVectorIndex(client=client, alias=alias)
    index.put_image(f"{alias}-1", embedded(an_image("a"), EAST))
    return index


def _described_while(client: OpenSearch, alias: str, before: Callable[[str], None]) -> bool:
    index = OpenSearchVectorIndex(client=watched(client, before), alias=alias)
    return index.describe(f"{alias}-1", an_image("a", caption="a dog"), NORTH)


@pytest.mark.parametrize("engine", ["faiss", "nmslib", None])
def test_a_mapping_without_the_local_engine_never_reaches_opensearch(
    client: OpenSearch, alias: str, engine: str | None
) -> None:
    """Each way in which a mapping can be sent; one that arrived would end the node at its first refresh."""
    method = {"name": "hnsw", "space_type": "l2"} | ({"engine": engine} if engine else {})
    field = {"type": "knn_vector", "dimension": 4, "method": method}
    mappings = {"properties": {"nested": {"properties": {"embedding": field}}}}
    name, settings = f"{alias}-1", {"index.knn": True}
    calls: list[Callable[[], object]] = [
        lambda: client.indices.create(index=name, body={"settings": settings, "mappings": mappings}),
        lambda: client.indices.put_mapping(index=name, body=mappings),
        lambda: client.indices.put_template(name=name, body={"index_patterns": ["x"], "mappings": mappings}),
        lambda: client.indices.put_index_template(
            name=name, body={"index_patterns": ["x"], "template": {"mappings": mappings}}
        ),
        lambda: client.cluster.put_component_template(name=name, body={"template": {"mappings": mappings}}),
        lambda: client.transport.perform_request("PUT", f"/{name}", body={"mappings": mappings}),
    ]
    for call in calls:
        with pytest.raises(EngineMissingError):
            call()
    assert not client.indices.exists(index=name)
    assert not client.indices.exists_index_template(name=name)


def test_a_vector_field_without_any_method_is_refused(client: OpenSearch, alias: str) -> None:
    mappings = {"properties": {"embedding": {"type": "knn_vector", "dimension": 4}}}
    with pytest.raises(EngineMissingError):
        client.indices.create(index=f"{alias}-1", body={"mappings": mappings})


def test_the_schema_takes_no_field_that_it_does_not_know(client: OpenSearch, alias: str) -> None:
    administration = _administration(client, alias)
    info = IndexInfo(name=f"{alias}-1", fingerprint=FINGERPRINT, dimension=DIMENSION, space="l2")
    administration.create(info)
    index = OpenSearchVectorIndex(client=client, alias=alias)
    with pytest.raises(SearchRefusedError):
        index.put_image(info.name, embedded(an_image("a"), (1.0, 0.0)))
    (mapping,) = client.indices.get_mapping(index=info.name).values()
    assert mapping["mappings"]["dynamic"] == "strict"
    assert mapping["mappings"]["properties"]["embedding"]["method"]["engine"] == "lucene"


def test_an_alias_on_two_indices_is_refused(client: OpenSearch, alias: str) -> None:
    administration = _administration(client, alias)
    info = IndexInfo(name=f"{alias}-1", fingerprint=FINGERPRINT, dimension=DIMENSION, space="l2")
    for each in (info, replace(info, name=f"{alias}-2")):
        administration.create(each)
        client.indices.put_alias(index=each.name, name=alias)
    with pytest.raises(IndexMissingError, match="leads to 2"):
        administration.active()


def test_loading_refreshes_less_often_and_then_as_the_template_says(client: OpenSearch, alias: str) -> None:
    administration = _administration(client, alias)
    name, loading = f"{alias}-1", OpenSearchLoading(client=client)
    administration.create(an_index(name))

    def interval() -> str:
        settings = client.indices.get_settings(index=name, params={"flat_settings": "true"})
        return str(settings[name]["settings"]["index.refresh_interval"])

    before = interval()
    loading.begin_loading(name)
    assert (before, interval()) == ("1s", "30s")
    loading.end_loading(name)
    assert interval() == before


def test_a_document_that_is_refused_for_good_fails_the_call_with_the_reason(
    client: OpenSearch, alias: str
) -> None:
    administration = _administration(client, alias)
    administration.create(an_index(f"{alias}-1"))
    index = OpenSearchVectorIndex(client=client, alias=alias)
    good, bad = embedded(an_image("good"), (1.0, 0.0, 0.0, 0.0)), embedded(an_image("bad"), (1.0, 0.0))
    with pytest.raises(SearchRefusedError, match=r"400.*dimension"):
        index.put_many(f"{alias}-1", [good, bad])
    assert index.get(f"{alias}-1", good.image.id) == good.image


def test_many_documents_go_in_requests_of_a_bounded_size(client: OpenSearch, alias: str) -> None:
    administration = _administration(client, alias)
    administration.create(an_index(f"{alias}-1"))
    documents = [embedded(an_image(f"{number}.jpg"), (1.0, 0.0, 0.0, number / 100)) for number in range(100)]
    opensearch_bulk.put_many(client, f"{alias}-1", documents, max_request_bytes=3000)
    known = OpenSearchVectorIndex(client=client, alias=alias).known(
        f"{alias}-1", [each.image.id for each in documents]
    )
    assert len(known) == 100


FULL_DISK = {"index.blocks.read_only_allow_delete": "true"}
"""What OpenSearch sets by itself once a disk is nearly full, and takes back when there is room."""
NO_WRITES = {"index.blocks.write": "true"}
"""What a managed domain sets where it lacks room."""


@pytest.mark.parametrize("block", [FULL_DISK, NO_WRITES], ids=["disk full", "writes blocked"])
def test_an_index_without_room_is_unavailable_for_writes_and_is_searched_all_the_while(
    client: OpenSearch, alias: str, block: dict[str, str]
) -> None:
    index, name = _with_one_picture(client, alias), f"{alias}-1"
    client.indices.put_settings(index=name, body=block)
    another = embedded(an_image("another"), NORTH)
    for write in (
        lambda: index.put_image(name, another),
        lambda: index.delete(name, an_image("a").id),
        lambda: index.describe(name, an_image("a", caption="a dog"), NORTH),
    ):
        with pytest.raises(SearchUnavailableError, match="takes no writes"):
            write()
    assert index.get(name, an_image("a").id) == an_image("a")


@pytest.mark.parametrize("block", [FULL_DISK, NO_WRITES], ids=["disk full", "writes blocked"])
def test_many_documents_wait_until_there_is_room(
    client: OpenSearch, alias: str, block: dict[str, str]
) -> None:
    _with_one_picture(client, alias)
    name, another = f"{alias}-1", embedded(an_image("another"), NORTH)
    client.indices.put_settings(index=name, body=block)

    def make_room(_: float) -> None:
        client.indices.put_settings(index=name, body=dict.fromkeys(block))

    index = OpenSearchVectorIndex(client=client, alias=alias, pause=make_room)
    index.put_many(name, [another])

    assert index.get(name, another.image.id) == another.image
