"""One suite for every vector index: the in-memory one that tests use, and a real OpenSearch."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from imagesearch.errors import IndexMissingError, SearchRefusedError
from imagesearch.models import ImageRecord, Metadata, Vector, document_id
from imagesearch.queries import VectorPart
from tests.builders import (
    DIMENSION,
    FINGERPRINT,
    METADATA,
    OTHER_FINGERPRINT,
    TAKEN,
    a_reject,
    an_image,
    embedded,
)
from tests.contract.indices import EAST, NORTH, NORTH_EAST, WEST, Under, unit
from tests.waiting import wait_for

LATER = TAKEN + timedelta(days=1)


def _three_pictures(under: Under, name: str) -> None:
    under.index.put_image(name, embedded(an_image("a/east.jpg"), EAST))
    under.index.put_image(name, embedded(an_image("a/north.jpg"), NORTH))
    under.index.put_image(name, embedded(an_image("b/north-east.jpg"), NORTH_EAST))
    under.settle()


def test_a_match_carries_everything_that_was_written(under: Under) -> None:
    name = under.created()
    image = an_image("Ferien 2026/Südsee #1 100%.jpg")
    under.index.put_image(name, embedded(image, EAST))
    under.settle()
    (match,) = under.nearest(name, EAST, k=1)
    assert match.image == image


def test_everything_that_is_said_of_a_picture_is_read_back(under: Under) -> None:
    name = under.created()
    said = replace(an_image("a"), metadata=METADATA, sidecar="s1")
    other = replace(an_image("b"), sidecar="s2", metadata_fault="The metadata is not valid JSON.")
    reject = replace(a_reject("c"), sidecar="s3")
    under.index.put_image(name, embedded(said, EAST, NORTH))
    under.index.put_many(name, [embedded(other, NORTH), reject])
    expected = {each.id: each for each in (said, other, reject)}
    assert under.index.known(name, list(expected)) == expected
    under.settle()
    assert [match.image for match in under.nearest(name, EAST, k=5)] == [said, other]
    assert under.index.find(name, reject.id) == reject


@pytest.mark.parametrize(
    "metadata",
    [Metadata(attributes={"colour": "red"}), Metadata(attributes={"price": "much"})],
    ids=["undeclared", "of another type"],
)
@pytest.mark.parametrize("under", ["OpenSearch"], indirect=True)
def test_an_attribute_that_is_not_as_declared_is_refused(under: Under, metadata: Metadata) -> None:
    name = under.created()
    with pytest.raises(SearchRefusedError):
        under.index.put_image(name, embedded(replace(an_image("a"), metadata=metadata), EAST))


def test_describing_replaces_all_but_the_pictures_vector(under: Under) -> None:
    name = under.created()
    under.index.put_image(name, embedded(an_image("a"), EAST))
    said = replace(an_image("a"), metadata=METADATA, sidecar="s1", last_modified=LATER)
    assert under.index.describe(name, said, NORTH)
    assert under.index.get(name, said.id) == said
    under.settle()
    _assert_found(under, name, said, EAST, part="picture")
    _assert_found(under, name, said, NORTH, part="caption")


def _assert_found(under: Under, name: str, image: ImageRecord, vector: Vector, *, part: VectorPart) -> None:
    """The nearest is this picture, by this very vector."""
    (match,) = under.nearest(name, vector, k=1, part=part)
    assert match.image == image
    assert match.score == pytest.approx(1)


def test_the_vector_of_a_caption_stays_where_the_caption_does(under: Under) -> None:
    name = under.created()
    under.index.put_image(name, embedded(an_image("a", caption="a dog"), EAST, NORTH))
    said = replace(an_image("a", caption="a dog"), metadata_fault=None, sidecar="s2")
    assert under.index.describe(name, said, None)
    under.settle()
    _assert_found(under, name, said, NORTH, part="caption")


def test_a_caption_that_goes_takes_its_vector_along(under: Under) -> None:
    name = under.created()
    under.index.put_image(name, embedded(an_image("a", caption="a dog"), EAST, NORTH))
    assert under.index.describe(name, an_image("a"), None)
    under.settle()
    assert under.nearest(name, NORTH, k=1, part="caption") == ()
    assert len(under.nearest(name, EAST, k=1)) == 1


def test_what_has_another_vector_is_not_described(under: Under) -> None:
    name = under.created()
    under.index.put_image(name, embedded(an_image("a", caption="a dog"), EAST, NORTH))
    under.index.put_rejected(name, a_reject("b"))
    for image in (
        an_image("a", etag="e2"),
        an_image("a", fingerprint=OTHER_FINGERPRINT),
        an_image("a", caption="another dog"),
        an_image("b"),
        an_image("absent"),
    ):
        before = under.index.get(name, image.id)
        assert not under.index.describe(name, image, None)
        assert under.index.get(name, image.id) == before


def test_the_keys_are_those_of_all_documents_in_their_order(under: Under) -> None:
    name = under.created()
    keys = ["a", "a-2", "a.jpg", "a/1", "a/2", "b", "ä", "\U0001f600", "\uffee"]
    under.index.put_many(name, [embedded(an_image(key), EAST) for key in keys[:-1]])
    under.index.put_rejected(name, a_reject(keys[-1]))
    under.settle()
    assert list(under.index.keys(name)) == sorted(keys)
    assert list(under.index.keys(name, prefix="a/")) == ["a/1", "a/2"]
    assert list(under.index.keys(name, after="a-2", last="a/1")) == ["a.jpg", "a/1"]
    assert list(under.index.keys(name, prefix="a", after="a/2")) == []


def test_keys_are_listed_completely_while_others_come_and_go(under: Under) -> None:
    name = under.created()
    keys = [f"{number:05}" for number in range(2500)]
    under.index.put_many(name, [a_reject(key) for key in keys])
    under.settle()
    found = []
    for key in under.index.keys(name):
        found.append(key)
        if int(key[:5]) % 900 == 0 and len(key) == 5:
            under.index.put_many(name, [a_reject(f"{key}-{number}") for number in range(50)])
            under.index.delete(name, document_id(f"{key}-1"))
            under.settle()
    assert [key for key in found if len(key) == 5] == keys
    assert len(set(found)) == len(found)


def test_without_a_migration_the_active_index_alone_is_kept(under: Under) -> None:
    under.created(number=2)
    under.administration.point_alias(under.created(number=1))
    assert under.index.written() == (under.index.active(),)


def test_all_kept_indices_are_told_the_active_one_first(under: Under) -> None:
    first, second = under.created(number=1), under.created(number=2)
    under.administration.point_alias(second)
    under.administration.write_to([first, second])
    assert [index.name for index in under.index.written()] == [second, first]
    under.administration.point_alias(first)
    assert [index.name for index in under.index.written()] == [first, second]


def test_without_an_alias_no_index_is_kept(under: Under) -> None:
    under.created()
    with pytest.raises(IndexMissingError):
        under.index.written()


def test_a_written_document_is_read_back_before_any_refresh(under: Under) -> None:
    name = under.created()
    under.index.put_image(name, embedded(an_image("a.jpg"), EAST))
    under.index.put_rejected(name, a_reject("b.jpg"))
    assert under.index.get(name, document_id("a.jpg")) == an_image("a.jpg")
    assert under.index.get(name, document_id("b.jpg")) == a_reject("b.jpg")
    assert under.index.get(name, document_id("c.jpg")) is None


def test_what_is_found_by_id_is_what_searches_see(under: Under) -> None:
    name = under.created()
    for number in range(3):
        key = f"{number}.jpg"
        under.index.put_image(name, embedded(an_image(key), EAST))
        wait_for(partial(under.index.find, name, document_id(key)), f"{key} to be found by id")

        assert len(under.nearest(name, EAST, k=100)) == number + 1


def test_writing_a_key_again_replaces_its_document(under: Under) -> None:
    name = under.created()
    under.index.put_image(name, embedded(an_image("a.jpg"), EAST))
    under.index.put_image(name, embedded(an_image("a.jpg", etag="e2"), NORTH))
    under.settle()
    (match,) = under.nearest(name, NORTH, k=5)
    assert match.image.etag == "e2"
    assert match.score == pytest.approx(1)


def test_a_reject_is_counted_and_found_no_longer(under: Under) -> None:
    name = under.created()
    _three_pictures(under, name)
    under.index.put_rejected(name, a_reject("a/east.jpg"))
    under.settle()
    assert under.index.count(name) == 2
    assert "a/east.jpg" not in {match.image.key for match in under.nearest(name, EAST, k=5)}


def test_a_deleted_picture_is_gone_and_may_be_deleted_again(under: Under) -> None:
    name = under.created()
    _three_pictures(under, name)
    under.index.delete(name, document_id("a/east.jpg"))
    under.index.delete(name, document_id("a/east.jpg"))
    under.settle()
    assert under.index.count(name) == 2
    assert under.index.get(name, document_id("a/east.jpg")) is None
    assert len(under.nearest(name, EAST, k=5)) == 2


def test_every_call_on_a_missing_index_says_so(under: Under) -> None:
    under.created()
    missing = f"{under.alias}-missing"
    calls: list[Callable[[], object]] = [
        lambda: under.nearest(missing, EAST, k=1),
        lambda: under.index.vectors(missing, ["0" * 32]),
        lambda: under.index.get(missing, "0" * 32),
        lambda: under.index.count(missing),
        lambda: under.index.put_image(missing, embedded(an_image("a"), EAST)),
        lambda: under.index.put_rejected(missing, a_reject("a")),
        lambda: under.index.delete(missing, "0" * 32),
        lambda: under.index.describe(missing, an_image("a"), None),
        lambda: list(under.index.keys(missing)),
        lambda: under.index.known(missing, ["0" * 32]),
        lambda: under.index.put_many(missing, [a_reject("a")]),
        lambda: under.index.put_many(missing, [embedded(an_image("a"), EAST)]),
        lambda: under.loading.begin_loading(missing),
        lambda: under.loading.end_loading(missing),
        lambda: under.administration.is_empty(missing),
        lambda: under.administration.point_alias(missing),
    ]
    for call in calls:
        with pytest.raises(IndexMissingError):
            call()


def test_many_documents_are_written_as_each_would_be_by_itself(under: Under) -> None:
    name = under.created()
    images = [an_image(f"Südsee/\u2028 {number} 100%.jpg") for number in range(300)]
    rejects = [a_reject('no "picture"\\.txt'), a_reject("control\x01\n.txt")]
    vectors = [unit(1, number / 7, -number / 11, 0.001) for number in range(300)]
    under.index.put_many(name, map(embedded, images, vectors))
    under.index.put_many(name, iter(rejects))
    known = under.index.known(name, [each.id for each in (*images, *rejects)])
    assert known == {each.id: each for each in (*images, *rejects)}
    under.settle()
    assert under.index.count(name) == 300
    for number in (0, 150, 299):
        (match, *_) = under.nearest(name, vectors[number], k=1)
        assert match.score == pytest.approx(1, abs=1e-6)


def test_many_documents_replace_those_of_their_keys_and_nothing_else(under: Under) -> None:
    name = under.created()
    _three_pictures(under, name)
    changed = an_image("a/east.jpg", etag="e2")
    under.index.put_many(name, [embedded(changed, WEST), a_reject("a/north.jpg")])
    under.settle()
    assert under.index.count(name) == 2
    keys = [match.image.key for match in under.nearest(name, WEST, k=3)]
    assert keys == ["a/east.jpg", "b/north-east.jpg"]
    assert under.index.get(name, document_id("a/north.jpg")) == a_reject("a/north.jpg")


def test_writing_nothing_is_no_error(under: Under) -> None:
    name = under.created()
    under.index.put_many(name, [])
    assert under.index.known(name, []) == {}
    assert under.administration.is_empty(name)


def test_what_is_known_is_what_was_written_a_moment_ago(under: Under) -> None:
    name = under.created()
    under.loading.begin_loading(name)
    under.index.put_many(name, [embedded(an_image("a"), EAST)])
    under.index.put_rejected(name, a_reject("b"))
    absent, a, b = (document_id(key) for key in ("absent", "a", "b"))
    assert under.index.known(name, [absent, a, b]) == {a: an_image("a"), b: a_reject("b")}


def test_after_loading_searches_see_what_was_written_and_what_is_written_next(under: Under) -> None:
    name = under.created()
    for _ in range(2):
        under.loading.begin_loading(name)
    under.index.put_many(name, [embedded(an_image("a.jpg"), EAST)])
    for _ in range(2):
        under.loading.end_loading(name)
    assert len(under.nearest(name, EAST, k=5)) == 1
    under.index.put_image(name, embedded(an_image("b.jpg"), EAST))
    wait_for(lambda: len(under.nearest(name, EAST, k=5)) == 2 or None, "the next picture to be found")


def test_a_missing_alias_is_a_missing_index(under: Under) -> None:
    under.created()
    with pytest.raises(IndexMissingError):
        under.index.active()


def test_the_alias_leads_to_the_index_it_was_last_pointed_at(under: Under) -> None:
    first, second = under.created(number=1), under.created(number=2)
    for name in (first, second, second, first):
        under.administration.point_alias(name)
        assert under.index.active().name == under.administration.active().name == name


def test_the_active_index_names_its_model(under: Under) -> None:
    under.administration.point_alias(under.created(space="l2"))
    assert under.index.active() == under.info(space="l2")


def test_creating_an_index_again_keeps_its_documents(under: Under) -> None:
    name = under.created()
    _three_pictures(under, name)
    under.created()
    assert under.index.count(name) == 3


def test_emptiness_counts_what_was_written_a_moment_ago(under: Under) -> None:
    name = under.created()
    assert under.administration.is_empty(name)
    under.index.put_rejected(name, a_reject("a"))
    assert not under.administration.is_empty(name)


def test_setting_up_twice_is_setting_up_once(under: Under) -> None:
    first = under.setup().ensure(fingerprint=FINGERPRINT, dimension=DIMENSION)
    under.index.put_image(first.name, embedded(an_image("a"), EAST))
    assert under.setup().ensure(fingerprint=FINGERPRINT, dimension=DIMENSION) == first
    assert under.index.active() == first
    assert under.index.get(first.name, document_id("a")) is not None


def test_an_index_with_documents_survives_the_deployment_of_another_model(under: Under) -> None:
    first = under.setup().ensure(fingerprint=FINGERPRINT, dimension=DIMENSION)
    under.index.put_image(first.name, embedded(an_image("a"), EAST))
    assert under.setup().ensure(fingerprint=OTHER_FINGERPRINT, dimension=8) == first
    assert under.index.active() == first


def test_an_empty_index_makes_way_for_the_deployed_model(under: Under) -> None:
    under.setup().ensure(fingerprint=FINGERPRINT, dimension=DIMENSION)
    second = under.setup().ensure(fingerprint=OTHER_FINGERPRINT, dimension=8)
    assert under.index.active() == second
    assert (second.fingerprint, second.dimension) == (OTHER_FINGERPRINT, 8)
