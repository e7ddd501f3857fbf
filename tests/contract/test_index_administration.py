"""One suite for whoever moves indices and aliases and looks into them: in memory, and a real OpenSearch."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from opensearchpy import OpenSearch

from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_administration import OpenSearchAdministration
from imagesearch.adapters.opensearch_probe import OpenSearchProbe
from imagesearch.adapters.opensearch_schema import index_body
from imagesearch.errors import IndexInUseError, IndexMissingError, SearchRefusedError
from imagesearch.metadata import Attributes
from imagesearch.models import EmbeddedImage, IndexInfo, Metadata, Vector
from imagesearch.ports import IndexAdministration, IndexProbe, VectorIndex
from imagesearch.queries import Nearest, Words
from tests.builders import DIMENSION, FINGERPRINT, OTHER_FINGERPRINT, a_reject, an_image, an_index

ATTRIBUTES: Attributes = {"brand": "keyword", "price": "number"}


@dataclass(frozen=True, kw_only=True)
class Under:
    """The adapters under test."""

    index: VectorIndex
    administration: IndexAdministration
    probe: IndexProbe
    alias: str

    def created(
        self, number: int, *, fingerprint: str = FINGERPRINT, space: str = "cosinesimil"
    ) -> IndexInfo:
        name = f"{self.alias}-{fingerprint[:12]}-{number}"
        info = IndexInfo(name=name, fingerprint=fingerprint, dimension=DIMENSION, space=space)
        self.administration.put_template(shards=2, replicas=0)
        self.administration.create(info)
        return info

    def filled(self, *, count: int, space: str = "cosinesimil") -> tuple[IndexInfo, list[Vector]]:
        """An index with so many pictures in every direction, and rejects between them."""
        info, chance = self.created(1, space=space), random.Random(11)  # noqa: S311 - test data
        vectors = [_unit(*(chance.gauss() for _ in range(DIMENSION))) for _ in range(count)]
        images = (
            EmbeddedImage(image=an_image(f"{number:04}.jpg"), vector=vector)
            for number, vector in enumerate(vectors)
        )
        self.index.put_many(info.name, images)
        self.index.put_many(info.name, [a_reject(f"{number}.txt") for number in range(20)])
        self.probe.refresh(info.name)
        return info, vectors


@pytest.fixture(
    params=[
        "in memory",
        pytest.param(
            "OpenSearch",
            marks=pytest.mark.verified(
                "Aliases, exact search and samples of an index, engine `lucene`", on="genuine part"
            ),
        ),
    ]
)
def under(request: pytest.FixtureRequest, alias: str) -> Iterator[Under]:
    if request.param == "in memory":
        memory = InMemoryVectorIndex()
        yield Under(index=memory, administration=memory, probe=memory, alias=alias)
        return
    client: OpenSearch = request.getfixturevalue("client")
    yield Under(
        index=OpenSearchVectorIndex(client=client, alias=alias, clock=_ever_later()),
        administration=_administration(client, alias),
        probe=OpenSearchProbe(client=client),
        alias=alias,
    )


def _administration(
    client: OpenSearch, alias: str, attributes: Attributes = ATTRIBUTES
) -> OpenSearchAdministration:
    return OpenSearchAdministration(client=client, alias=alias, engine="lucene", attributes=attributes)


def _ever_later() -> Callable[[], float]:
    """A clock on which everything remembered is old already."""
    return iter(range(0, 10**9, 60)).__next__


def _unit(*numbers: float) -> Vector:
    norm = math.hypot(*numbers)
    return tuple(number / norm for number in numbers)


def test_indices_are_all_that_were_made_whether_an_alias_leads_there_or_not(under: Under) -> None:
    other = under.created(1, fingerprint=OTHER_FINGERPRINT)
    second, first = under.created(2), under.created(1)
    under.administration.point_alias(second.name)
    assert under.administration.indices() == (other, first, second)


def test_without_a_migration_the_active_index_is_the_one_that_is_written(under: Under) -> None:
    active = under.created(1)
    under.created(2)
    under.administration.point_alias(active.name)
    assert under.administration.written() == under.index.written() == (active,)


def test_written_indices_begin_with_the_active_one_wherever_the_alias_moves(under: Under) -> None:
    old, new = under.created(1), under.created(1, fingerprint=OTHER_FINGERPRINT)
    under.administration.point_alias(old.name)
    for _ in range(2):
        under.administration.write_to([old.name, new.name])
    assert under.administration.written() == under.index.written() == (old, new)
    under.administration.point_alias(new.name)
    assert under.administration.written() == under.index.written() == (new, old)
    assert under.administration.active() == new


def test_writing_to_others_is_writing_to_no_others(under: Under) -> None:
    first, second, third = under.created(1), under.created(2), under.created(3)
    under.administration.point_alias(first.name)
    under.administration.write_to([first.name, second.name])
    under.administration.write_to([first.name, third.name])
    assert under.administration.written() == (first, third)


def test_writing_to_none_leaves_the_active_index_and_may_be_said_again(under: Under) -> None:
    first, second = under.created(1), under.created(2)
    under.administration.point_alias(first.name)
    under.administration.write_to([])
    under.administration.write_to([first.name, second.name])
    for _ in range(2):
        under.administration.write_to([])
        assert under.administration.written() == under.index.written() == (first,)


def test_without_an_alias_nothing_is_known_to_be_written(under: Under) -> None:
    under.created(1)
    for written in (under.administration.written, under.index.written):
        with pytest.raises(IndexMissingError):
            written()


def test_writing_to_a_missing_index_changes_nothing(under: Under) -> None:
    first, second = under.created(1), under.created(2)
    under.administration.point_alias(first.name)
    under.administration.write_to([first.name, second.name])
    with pytest.raises(IndexMissingError):
        under.administration.write_to([first.name, f"{under.alias}-missing"])
    assert under.administration.written() == (first, second)


def test_an_index_that_nobody_uses_is_removed_once_and_may_be_removed_again(under: Under) -> None:
    first, second = under.created(1), under.created(2)
    under.administration.point_alias(first.name)
    for _ in range(2):
        under.administration.remove(second.name)
        assert under.administration.indices() == (first,)


def test_an_index_that_is_searched_or_written_is_not_removed(under: Under) -> None:
    first, second = under.created(1), under.created(2)
    under.administration.point_alias(first.name)
    under.administration.write_to([first.name, second.name])
    for info in (first, second):
        with pytest.raises(IndexInUseError, match=info.name):
            under.administration.remove(info.name)
    assert under.administration.indices() == (first, second)


def test_a_sample_is_drawn_from_the_pictures_and_the_same_at_every_call(under: Under) -> None:
    info, vectors = under.filled(count=300)
    sample = under.probe.sample(info.name, 50)
    assert sample == under.probe.sample(info.name, 50)
    assert len(set(sample)) == 50
    for drawn in sample:
        assert min(math.dist(drawn, vector) for vector in vectors) < 1e-5


def test_a_sample_is_not_the_pictures_that_were_written_first(under: Under) -> None:
    info, vectors = under.filled(count=300)
    first = vectors[:50]
    drawn = under.probe.sample(info.name, 50)
    early = sum(min(math.dist(each, vector) for vector in first) < 1e-5 for each in drawn)
    # Evenly drawn, a sixth of them are among the first sixth: 8, give or take 2.6.
    assert early < 20


def test_a_sample_of_more_than_there_are_is_all_there_are(under: Under) -> None:
    info, vectors = under.filled(count=30)
    assert len(under.probe.sample(info.name, 200)) == len(vectors)


def test_a_sample_of_captions_is_drawn_from_the_pictures_that_have_one(under: Under) -> None:
    info, _ = under.filled(count=30)
    caption_vector = _unit(0, 1, 0, 0)
    described = EmbeddedImage(
        image=an_image("described.jpg", caption="A dog."),
        vector=_unit(1, 0, 0, 0),
        caption_vector=caption_vector,
    )
    under.index.put_image(info.name, described)
    under.probe.refresh(info.name)
    assert under.probe.sample(info.name, 50, part="caption") == (caption_vector,)


def test_an_empty_index_has_no_sample_and_nothing_near(under: Under) -> None:
    info = under.created(1)
    assert under.probe.sample(info.name, 10) == ()
    assert under.probe.exact(info.name, _unit(1, 0, 0, 0), k=10) == ()


@pytest.mark.parametrize("space", ["cosinesimil", "l2"])
def test_the_exactly_nearest_are_those_of_a_comparison_with_all(under: Under, space: str) -> None:
    info, vectors = under.filled(count=300, space=space)
    asked = _unit(1, 2, -1, 0.5)
    nearest = sorted(range(len(vectors)), key=lambda number: math.dist(asked, vectors[number]))[:10]
    matches = under.probe.exact(info.name, asked, k=10)
    assert [match.image.key for match in matches] == [f"{number:04}.jpg" for number in nearest]


@pytest.mark.parametrize("space", ["cosinesimil", "l2"])
def test_exact_scores_are_those_of_a_search(under: Under, space: str) -> None:
    info, _ = under.filled(count=100, space=space)
    asked = _unit(1, 2, -1, 0.5)
    exact = [match.score for match in under.probe.exact(info.name, asked, k=10)]
    (found,) = under.index.search(info.name, [Nearest(part="picture", vector=asked)], k=10)
    assert exact == pytest.approx([match.score for match in found], abs=1e-6)


def test_a_missing_index_cannot_be_probed(under: Under) -> None:
    under.created(1)
    missing = f"{under.alias}-missing"
    calls: list[Callable[[], object]] = [
        lambda: under.probe.refresh(missing),
        lambda: under.probe.sample(missing, 1),
        lambda: under.probe.exact(missing, _unit(1, 0, 0, 0), k=1),
        lambda: under.administration.declare_attributes(missing),
    ]
    for call in calls:
        with pytest.raises(IndexMissingError):
            call()


def _attributes(client: OpenSearch, index: str) -> dict[str, str]:
    (answer,) = client.indices.get_mapping(index=index).values()
    properties = answer["mappings"]["properties"]["attributes"].get("properties", {})
    return {name: mapping["type"] for name, mapping in properties.items()}


def test_a_newly_declared_attribute_is_taken_by_an_index_that_is_there(
    client: OpenSearch, alias: str
) -> None:
    before = _administration(client, alias, {"brand": "keyword"})
    info = IndexInfo(name=f"{alias}-1", fingerprint=FINGERPRINT, dimension=DIMENSION, space="l2")
    before.put_template(shards=1, replicas=0)
    before.create(info)
    for _ in range(2):
        _administration(client, alias, {"brand": "keyword", "taken": "date"}).declare_attributes(info.name)
    assert _attributes(client, info.name) == {"brand": "keyword", "taken": "date"}


def test_an_index_that_is_there_lets_tags_be_searched_by_their_words_from_now_on(
    client: OpenSearch, alias: str
) -> None:
    name = f"{alias}-1"
    body = index_body(an_index(name), engine="lucene")
    body["mappings"]["properties"] |= {"tags": {"type": "keyword"}}
    client.indices.create(index=name, body={**body, "settings": {"index.knn": True}})
    index = OpenSearchVectorIndex(client=client, alias=alias)

    def found(key: str) -> list[str]:
        tagged = replace(an_image(key), metadata=Metadata(tags=("old town",)))
        index.put_image(name, EmbeddedImage(image=tagged, vector=_unit(1, 0, 0, 0)))
        client.indices.refresh(index=name)
        (matches,) = index.search(name, [Words(text="town")], k=5)
        return sorted(match.image.key for match in matches)

    assert found("before.jpg") == []
    _administration(client, alias, {}).declare_attributes(name)
    assert found("after.jpg") == ["after.jpg"]
    assert found("before.jpg") == ["after.jpg", "before.jpg"]


def test_an_attribute_of_another_type_asks_for_another_name(client: OpenSearch, alias: str) -> None:
    before = _administration(client, alias, {"price": "keyword"})
    info = IndexInfo(name=f"{alias}-1", fingerprint=FINGERPRINT, dimension=DIMENSION, space="l2")
    before.put_template(shards=1, replicas=0)
    before.create(info)
    with pytest.raises(SearchRefusedError, match=r"price.*another name"):
        _administration(client, alias, {"price": "number"}).declare_attributes(info.name)
    assert _attributes(client, info.name) == {"price": "keyword"}
