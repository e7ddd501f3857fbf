"""Everything that a search can be asked, of known pictures in the deployed environment."""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import fsum
from operator import mul
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.queries import TURN, Material, mixed, send
from imagesearch_client import (
    ApiError,
    Filter,
    ImageSearchClient,
    Indexed,
    SearchOptions,
    SearchResult,
    Weighted,
)
from scripts.target import Target
from tests.e2e import album
from tests.e2e.command import Command
from tests.pictures import encoded, jpeg

pytestmark = pytest.mark.verified(
    "Queries: composed, filtered, counted, paged, collapsed, hybrid, cut off", on="emulator"
)

PHOTOS = os.environ.get("IMAGESEARCH_PHOTOS")
ALL = 100
"""As many hits as a page may have, and more than most folders here have pictures."""


@dataclass(frozen=True)
class Folder:
    """Indexed pictures under one prefix."""

    client: ImageSearchClient
    path: Path
    prefix: str

    def indexed(self, name: str) -> Indexed:
        return Indexed.of_key(self.prefix + name)

    def search(self, text: str | None = None, **options: Any) -> SearchResult:
        return self.client.search(text, **{"prefix": self.prefix, "k": ALL, **options})

    def names(self, result: SearchResult) -> list[str]:
        return [hit.key.removeprefix(self.prefix) for hit in result.hits]

    def ranking(self, text: str | None = None, **options: Any) -> list[str]:
        """The names of all pictures, the best first."""
        return self.names(self.search(text, **options))


@pytest.fixture(scope="module")
def ingested(
    client: ImageSearchClient, imagesearch: Command, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Callable[[Path], None]], Folder]:
    """Ingests what a function puts into a folder."""

    def ingest(name: str, fill: Callable[[Path], None]) -> Folder:
        path = tmp_path_factory.mktemp("searched")
        fill(path)
        imagesearch("ingest", str(path), "--prefix", f"searched/{name}/", check=True)
        return Folder(client, path, f"searched/{name}/")

    return ingest


@pytest.fixture(scope="module")
def whole(ingested: Callable[[str, Callable[[Path], None]], Folder]) -> Folder:
    """The album's gallery and its copies."""
    return ingested("album", album.fill)


@pytest.fixture
def gallery(whole: Folder) -> Folder:
    """The gallery with its near duplicates."""
    return Folder(whole.client, whole.path / "gallery", f"{whole.prefix}gallery/")


@pytest.fixture
def copies(whole: Folder) -> Folder:
    """One picture under many keys, and three others."""
    return Folder(whole.client, whole.path / "copies", f"{whole.prefix}copies/")


@pytest.fixture(scope="module")
def photographs(ingested: Callable[[str, Callable[[Path], None]], Folder]) -> Folder:
    """Photographs, and a dog in some of them."""
    if PHOTOS is None:
        pytest.skip("IMAGESEARCH_PHOTOS names no folder of captioned photographs (photos.json and photos/)")
    return ingested("photos", lambda path: album.fill_with_photographs(path, Path(PHOTOS) / "photos"))


def test_a_dog_but_no_beach_moves_dogs_on_beaches_down(photographs: Folder) -> None:
    dogs = Folder(photographs.client, photographs.path / "dogs", f"{photographs.prefix}dogs/")

    plain = dogs.ranking("a dog")
    without_beach = dogs.ranking("a dog", unlike=["a beach"])

    assert [name.split("-")[0] for name in plain] == ["beach", "beach", "elsewhere", "elsewhere"]
    assert [name.split("-")[0] for name in without_beach] == ["elsewhere", "elsewhere", "beach", "beach"]


def test_horses_but_no_beach_leads_to_those_on_the_grass(photographs: Folder) -> None:
    beach, grass = map(album.photograph_name, (7281, 214753)), album.photograph_name(78499)
    on_beach = list(beach)

    plain = photographs.ranking("horses")
    without_beach = photographs.ranking("horses", unlike=["a beach"])

    assert set(plain[:2]) == set(on_beach)
    assert all(without_beach.index(grass) < without_beach.index(name) for name in on_beach)
    assert all(without_beach.index(name) > plain.index(name) + 5 for name in on_beach)


def test_the_heavier_an_example_the_more_it_moves_the_ranking(photographs: Folder) -> None:
    def place(weight: float) -> int:
        ranking = photographs.ranking("horses", unlike=[Weighted("a beach", weight)])
        return ranking.index(album.photograph_name(7281))

    places = [place(weight) for weight in (0.1, 0.5, 1, 2)]

    assert places == sorted(places)
    assert places[0] < places[-1]


def test_a_text_beside_a_picture_leads_from_one_to_the_other(gallery: Folder) -> None:
    car = gallery.indexed("red-car.webp")

    def airplane(**options: Any) -> int:
        return gallery.ranking(picture=car, **options).index("airplane.webp")

    assert gallery.ranking(picture=car)[0] == "red-car.webp"
    alone, with_text = airplane(), airplane(like=["an airplane"])
    assert airplane(like=[Weighted("an airplane", 4)]) < with_text < alone


def test_more_like_this_and_less_like_that_take_pictures_of_the_index(gallery: Folder) -> None:
    tiger, lion, bus = map(gallery.indexed, ("tiger.webp", "lion.webp", "school-bus.webp"))

    plain = gallery.ranking(like=[tiger])
    no_bus = gallery.ranking(like=[tiger], unlike=[bus])
    lions = gallery.ranking(like=[tiger, Weighted(lion, 2)])

    assert plain[0] == no_bus[0] == "tiger.webp"
    assert no_bus.index("school-bus.webp") > plain.index("school-bus.webp") + 5
    assert lions[:2] == ["lion.webp", "tiger.webp"]


def test_examples_that_cancel_each_other_out_are_refused_with_advice(gallery: Folder) -> None:
    with pytest.raises(ApiError, match="cancel each other out") as refused:
        gallery.search("a dog", unlike=["a dog"])
    assert (refused.value.status, refused.value.code) == (400, "request_invalid")


def _where(**conditions: Any) -> Callable[[Mapping[str, Any]], bool]:
    """Whether what is said of a picture has these attributes."""
    return lambda said: all(
        said.get("attributes", {}).get(name) == value for name, value in conditions.items()
    )


FILTERS: Mapping[str, tuple[Filter, Callable[[Mapping[str, Any]], bool]]] = {
    "one of several values": (
        {"field": "tags", "in": ["fruit"]},
        lambda said: "fruit" in said.get("tags", ()),
    ),
    "one of some": (
        {"field": "attributes.category", "in": ["food", "vehicle"]},
        lambda said: said.get("attributes", {}).get("category") in ("food", "vehicle"),
    ),
    "numbers": (
        {"field": "attributes.price", "gte": 3, "lt": 5},
        lambda said: 3 <= said.get("attributes", {}).get("price", 0) < 5,
    ),
    "dates": (
        {"field": "attributes.taken", "gt": "2026-01-08"},
        lambda said: said.get("attributes", {}).get("taken", "") > "2026-01-08",
    ),
    "truth": ({"field": "attributes.favourite", "in": [True]}, _where(favourite=True)),
    "a title": ({"field": "title", "exists": True}, lambda said: "title" in said),
    "no category": ({"field": "attributes.category", "exists": False}, lambda said: "attributes" not in said),
    "all, with a not": (
        {"all": [{"field": "tags", "in": ["animal"]}, {"not": {"field": "caption", "exists": True}}]},
        lambda said: "animal" in said.get("tags", ()) and "caption" not in said,
    ),
    "any": (
        {"any": [{"field": "tags", "in": ["fruit"]}, {"field": "attributes.favourite", "in": [True]}]},
        lambda said: "fruit" in said.get("tags", ()) or _where(favourite=True)(said),
    ),
}


@pytest.mark.parametrize(("condition", "holds"), FILTERS.values(), ids=FILTERS)
def test_a_filter_finds_all_that_fulfil_it_and_no_others(
    gallery: Folder, condition: Filter, holds: Callable[[Mapping[str, Any]], bool]
) -> None:
    names = {path.name for path in gallery.path.iterdir() if path.suffix != ".txt"}

    found = gallery.ranking("anything", filter=condition)

    assert sorted(found) == sorted(name for name in names if holds(album.SAID.get(name, {})))
    assert found


def test_a_filter_knows_what_pictures_are_themselves(gallery: Folder) -> None:
    files = {path.name: Image.open(path) for path in gallery.path.iterdir() if path.suffix != ".txt"}

    jpegs = gallery.ranking("anything", filter={"field": "content_type", "in": ["image/jpeg"]})
    wide = gallery.ranking("anything", filter={"field": "width", "gt": 500})
    red = gallery.ranking("anything", filter={"field": "key", "prefix": f"{gallery.prefix}red-"})

    assert sorted(jpegs) == sorted(name for name, image in files.items() if image.format == "JPEG")
    assert sorted(wide) == sorted(name for name, image in files.items() if image.width > 500)
    assert sorted(red) == ["red-apple.webp", "red-car.webp"]


def test_a_filter_over_an_undeclared_attribute_is_refused_with_its_place(gallery: Folder) -> None:
    with pytest.raises(ApiError, match=r"attributes\.colour") as refused:
        gallery.search("x", filter={"field": "attributes.colour", "in": ["red"]})
    assert (refused.value.status, refused.value.code) == (400, "filter_invalid")


def test_facets_count_the_pictures_found_and_not_those_shown(gallery: Folder) -> None:
    fields = ("tags", "attributes.category", "attributes.favourite")

    result = gallery.search("anything", k=1, facets=fields)
    of_food = gallery.search("anything", filter={"field": "tags", "in": ["food"]}, facets=["tags"])

    counts = {field: {count.value: count.count for count in of} for field, of in result.facets.items()}
    kinds = {kind: len(names) for kind, names in album.KINDS.items()}
    assert counts["tags"] == {**kinds, "fruit": len(album.FRUIT)}
    assert counts["attributes.category"] == kinds
    assert counts["attributes.favourite"] == {True: len(album.FAVOURITES)}
    assert [(count.value, count.count) for count in of_food.facets["tags"]] == [("food", 10), ("fruit", 4)]


@pytest.mark.parametrize("k", [7, 50])
def test_pages_show_every_picture_once_though_most_are_equally_near(copies: Folder, k: int) -> None:
    names = {path.name for path in copies.path.iterdir()}

    pages = list(_pages(copies, text="anything", k=k))

    shown = [name for page in pages for name in page]
    assert len(shown) == len(set(shown))
    assert set(shown) == names
    assert all(len(page) == k for page in pages[:-1])


def _pages(folder: Folder, *, text: str, k: int) -> Iterator[list[str]]:
    for page in folder.client.search_pages(text, prefix=folder.prefix, k=k):
        yield folder.names(page)


def test_pages_go_on_where_others_of_another_size_ended(gallery: Folder) -> None:
    ranking = gallery.ranking("an animal")

    first = gallery.search("an animal", k=3)
    second = gallery.search("an animal", k=20, cursor=first.cursor)

    assert gallery.names(first) + gallery.names(second) == ranking[:23]


def test_the_cursor_of_another_search_is_refused(gallery: Folder) -> None:
    cursor = gallery.search("an animal", k=3).cursor
    with pytest.raises(ApiError) as refused:
        gallery.search("a vehicle", cursor=cursor)
    assert (refused.value.status, refused.value.code) == (400, "cursor_invalid")


def test_collapsing_shows_one_of_the_pictures_that_differ_in_size_compression_and_margins(
    gallery: Folder,
) -> None:
    cats = {album.ORIGINAL, *album.NEAR_DUPLICATES}

    plain = gallery.search("a cat")
    collapsed = gallery.search("a cat", collapse=True)

    assert set(gallery.names(plain)[:4]) == cats
    best, *others = collapsed.hits
    assert best.key == plain.hits[0].key
    assert {best.key, *(each.key for each in best.duplicates)} == {gallery.prefix + name for name in cats}
    assert [hit.key for hit in others] == [hit.key for hit in plain.hits[4:]]
    assert not any(hit.duplicates for hit in others)


def test_copies_collapse_into_one(copies: Folder) -> None:
    result = copies.search("anything", collapse=True)
    assert sorted(len(hit.duplicates) for hit in result.hits) == [0, 0, 0, album.COPIES - 1]
    assert result.cursor is None


def test_a_hybrid_search_finds_by_a_word_what_no_picture_shows(gallery: Folder) -> None:
    by_vector = gallery.ranking(album.SERIAL, k=10)
    hybrid = gallery.search(album.SERIAL, k=10, hybrid=True, explain=True)

    assert "galaxies.jpg" not in by_vector
    assert gallery.names(hybrid)[0] == "galaxies.jpg"
    assert hybrid.hits[0].matched[0] == "words"
    assert {"words", "picture"} == set(hybrid.hits[0].explain or {})


def test_the_automatic_cutoff_keeps_what_fits_and_nothing_where_nothing_does(gallery: Folder) -> None:
    cats = gallery.search("a cat", cutoff="auto")
    nothing = gallery.search("a parliament debating taxes", cutoff="auto")

    assert 0 < len(cats.hits) <= 4
    assert set(gallery.names(cats)) <= {album.ORIGINAL, *album.NEAR_DUPLICATES}
    assert cats.threshold is not None
    assert all(hit.score >= cats.threshold for hit in cats.hits)
    assert (nothing.hits, nothing.found) == ((), 0)
    assert gallery.search("a parliament debating taxes").hits, "without the cut-off, the nearest are shown"


def test_a_least_score_leaves_out_what_is_below(gallery: Folder) -> None:
    scores = [hit.score for hit in gallery.search("a cat").hits]
    result = gallery.search("a cat", min_score=scores[4])
    assert [hit.score for hit in result.hits] == scores[:5]
    assert (result.found, result.cursor) == (5, None)
    assert result.threshold == pytest.approx(scores[4])


def test_the_embedding_comes_when_asked_for_and_makes_the_score(gallery: Folder) -> None:
    lion = gallery.indexed("lion.webp")
    plain = gallery.search(picture=lion, k=5)
    result = gallery.search(picture=lion, k=5, embedding=True)

    assert [hit.embedding for hit in plain.hits] == [None] * 5
    vectors = [hit.embedding or () for hit in result.hits]
    assert len({len(vector) for vector in vectors}) == 1
    for hit, vector in zip(result.hits, vectors, strict=True):
        assert fsum(map(mul, vector, vector)) == pytest.approx(1, abs=1e-4)
        assert hit.score == pytest.approx((1 + fsum(map(mul, vectors[0], vector))) / 2, abs=1e-4)


def test_a_hit_explains_its_score_by_every_way_that_found_it(gallery: Folder) -> None:
    options: SearchOptions = {"part": "any", "filter": {"field": "caption", "exists": True}}
    (dog,) = gallery.search("a friend of the family", explain=True, **options).hits

    assert dog.caption == "a friend of the family"
    assert dog.matched == ("caption", "picture")
    assert dog.explain is not None
    assert dog.explain["caption"] == pytest.approx(dog.score)
    assert dog.explain["caption"] > dog.explain["picture"]


def test_every_answer_says_where_its_time_went(gallery: Folder) -> None:
    took = gallery.search("a cat on a sofa").took_ms
    assert set(took) == {"encode", "search", "rest", "total"}
    assert took["total"] == pytest.approx(took["encode"] + took["search"] + took["rest"], abs=0.01)


def test_what_is_similar_to_a_picture_is_found_without_itself(gallery: Folder) -> None:
    result = gallery.client.similar(gallery.prefix + album.ORIGINAL, prefix=gallery.prefix, k=4)

    names = gallery.names(result)
    assert set(names[:3]) == set(album.NEAR_DUPLICATES)
    assert album.ORIGINAL not in names


def test_a_picture_too_large_for_a_request_is_uploaded_by_the_client_itself(gallery: Folder) -> None:
    image = Image.open(gallery.path / "cup-of-coffee.png").convert("RGB").resize((2400, 1600))
    picture = encoded(image, "BMP")
    assert len(picture) > 10 * 1024 * 1024

    result = gallery.search(picture=picture, like=[picture, "a hot drink"], k=1)

    assert gallery.names(result) == ["cup-of-coffee.png"]


def test_the_client_reads_a_hits_thumbnail(gallery: Folder) -> None:
    (hit,) = gallery.search("a hot drink", k=1).hits
    assert max(_size(gallery.client.thumbnail(hit, size=128))) == 128


def _size(content: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(content)).size


def test_health_tells_what_can_be_searched_and_asked(gallery: Folder) -> None:
    health = gallery.client.health()

    assert health.pictures >= album.COPIES
    assert health.attributes["price"] == "number"
    assert (health.status, health.parts.index) == ("ok", "ok")


def test_two_hundred_mixed_queries_of_eight_clients_are_all_answered(
    whole: Folder, deployment: Target
) -> None:
    material = Material(
        keys=[f"{whole.prefix}gallery/{name}" for name in album.SAID],
        categories=list(album.KINDS),
        picture=lambda number: jpeg((320, 240), seed=number),
        prefix=whole.prefix,
    )

    outcome = send(
        list(mixed(200, material)), url=deployment.url, credentials=deployment.credentials, clients=8
    )

    assert outcome.failures == []
    assert len(outcome.answered) == 200
    assert {each.kind for each in outcome.answered} == set(TURN)
