"""The client before the genuine query function: every feature of the API, asked as a program would."""

from pathlib import Path

import pytest

from imagesearch.models import document_id
from imagesearch_client import (
    ApiError,
    Count,
    Example,
    Indexed,
    Linked,
    PictureUnusableError,
    Weighted,
)
from imagesearch_client.requests import MAX_BODY_BYTES
from stacks.limits import max_request_body_bytes
from tests.client_api import URL, WEBP, House
from tests.query_api import MAX_REQUEST_BYTES

RED, BLUE, GREEN = (b"\xff\xd8\xff" + name for name in (b"red", b"blue", b"green"))
LARGE = b"\xff\xd8\xff" + bytes(MAX_REQUEST_BYTES)
"""More than a request of this API may be, and less than any picture's limit."""


@pytest.fixture
def house() -> House:
    house = House()
    house.put("a/red.jpg", RED, title="Red", tags=["warm"], attributes={"price": 2.5, "favourite": True})
    house.put("a/blue.jpg", BLUE, tags=["cold", "sea"], attributes={"price": 10})
    house.put("b/green.jpg", GREEN, caption="a green leaf", tags=["cold"])
    return house


def test_a_picture_finds_itself_with_all_that_is_known_of_it(house: House) -> None:
    with house.client() as client:
        result, health = client.search(picture=RED), client.health()

    hit = result.hits[0]
    assert (hit.key, hit.id, hit.title, hit.tags) == (
        "a/red.jpg",
        document_id("a/red.jpg"),
        "Red",
        ("warm",),
    )
    assert hit.attributes == {"price": 2.5, "favourite": True}
    assert hit.score == pytest.approx(1)
    assert hit.matched == ("picture",)
    assert hit.thumbnail_url.startswith(f"{URL}/thumbnails/{hit.id}?key=")
    assert (hit.size, hit.content_type) == (len(RED), "image/jpeg")
    assert result.found == 3
    assert set(result.took_ms) == {"encode", "search", "rest", "total"}
    assert result.model.fingerprint == health.fingerprint


def test_examples_of_every_kind_are_searched_together_by_their_weights(house: House, tmp_path: Path) -> None:
    (tmp_path / "blue.jpg").write_bytes(BLUE)
    like: list[Example | Weighted] = [
        Weighted(tmp_path / "blue.jpg", 3),
        Indexed.of_key("a/red.jpg"),
        house.client().upload(GREEN),
    ]

    result = house.client().search("a picture", like=like, unlike=["nothing at all"])

    assert result.hits[0].key == "a/blue.jpg"
    (body,) = house.bodies()
    assert [example.get("weight") for example in body["like"]] == [3, None, None]
    assert body["unlike"] == [{"text": "nothing at all"}]


def test_filters_facets_and_explanations_are_answered(house: House) -> None:
    result = house.client().search(
        picture=BLUE,
        filter={"all": [{"field": "attributes.price", "gte": 2}, {"not": {"field": "tags", "in": ["x"]}}]},
        facets=["tags"],
        explain=True,
        embedding=True,
    )

    assert [hit.key for hit in result.hits] == ["a/blue.jpg", "a/red.jpg"]
    assert result.facets["tags"][0] == Count(value="cold", count=1)
    explained = result.hits[0].explain
    assert explained is not None
    assert explained["picture"] == pytest.approx(1)
    assert len(result.hits[0].embedding or ()) == 32


def test_words_and_near_duplicates_and_cutoffs_are_told_of(house: House) -> None:
    house.put("b/red again.jpg", RED)

    client = house.client()
    found = client.search("green leaf", picture=RED, hybrid=True, part="any")
    collapsed = client.search(picture=RED, collapse=True, cutoff="auto")

    assert "words" in next(hit for hit in found.hits if hit.key == "b/green.jpg").matched
    (hit,) = collapsed.hits
    assert [each.key for each in hit.duplicates] == [
        key for key in ("a/red.jpg", "b/red again.jpg") if key != hit.key
    ]
    assert collapsed.threshold == 0.75


def test_pages_bring_every_hit_once_and_facets_with_the_first(house: House) -> None:
    for number in range(120):
        house.put(f"many/{number}.jpg", RED if number % 2 else RED + bytes([number]))

    pages = list(house.client().search_pages(picture=RED, prefix="many/", k=50, facets=["content_type"]))

    assert [len(page.hits) for page in pages] == [50, 50, 20]
    assert len({hit.key for page in pages for hit in page.hits}) == 120
    assert pages[0].facets["content_type"] == (Count(value="image/jpeg", count=120),)
    assert pages[1].facets == {}
    assert pages[-1].cursor is None


def test_pages_end_at_the_limit_with_a_cursor_to_go_on_from(house: House) -> None:
    client = house.client()

    pages = list(client.search_pages(picture=RED, k=1, limit=2))
    (rest,) = client.search_pages(picture=RED, cursor=pages[-1].cursor)

    assert [len(page.hits) for page in pages] == [1, 1]
    keys = [hit.key for page in (*pages, rest) for hit in page.hits]
    assert sorted(keys) == ["a/blue.jpg", "a/red.jpg", "b/green.jpg"]


def test_a_picture_over_the_apis_limit_is_uploaded_once_for_all_pages(house: House) -> None:
    house.put("large.jpg", LARGE)

    pages = list(house.client().search_pages(picture=LARGE, k=2))

    assert pages[0].hits[0].key == "large.jpg"
    assert len(pages) == 2
    assert [where for _, where in house.asked] == [
        "/search",
        "/uploads",
        "pictures.invalid",
        "/search",
        "/search",
    ]


def test_what_no_request_can_carry_is_uploaded_without_being_tried(house: House) -> None:
    huge = b"\xff\xd8\xff" + bytes(MAX_BODY_BYTES)
    house.put("huge.jpg", huge)

    result = house.client().search(picture=huge, like=[RED, BLUE, GREEN], unlike=[RED, BLUE])

    assert result.hits
    assert [where for _, where in house.asked] == [
        *("/uploads", "pictures.invalid") * 2,
        "/search",
    ], "the huge one, and one more than the four that a request may carry"
    (body,) = house.bodies()
    assert set(body["image"]) == {"upload"}


def test_the_client_knows_a_limit_below_that_of_the_api() -> None:
    assert max_request_body_bytes() * 0.9 < MAX_BODY_BYTES <= max_request_body_bytes()


def test_uploads_and_thumbnails_go_without_the_key(house: House) -> None:
    client = house.client()
    client.upload(RED)
    hit = client.search(picture=RED).hits[0]

    assert client.thumbnail(hit, size=512) == WEBP

    *_, upload, search, thumbnail = house.requests
    assert [("x-api-key" in each.headers) for each in (upload, search, thumbnail)] == [False, True, False]
    assert dict(thumbnail.url.params) | {"size": "512", "key": "a/red.jpg"} == dict(thumbnail.url.params)
    assert thumbnail.headers["accept"] == "image/webp", "the API answers WebP to those only who take it"


def test_a_picture_is_added_to_the_library_under_its_key(house: House, tmp_path: Path) -> None:
    (tmp_path / "new.jpg").write_bytes(RED + b"new")
    client = house.client()

    added = client.add(tmp_path / "new.jpg", key="new ä.jpg")
    house.house.indexer.bring_in_line("new ä.jpg")

    state = client.image(added)
    assert state is not None
    assert (state.key, state.state, state.content_type) == ("new ä.jpg", "indexed", "image/jpeg")


def test_what_resembles_a_picture_of_the_index_leaves_that_one_out(house: House) -> None:
    client = house.client()

    by_key = client.similar("a/red.jpg", k=5)
    by_id = client.similar(Indexed.of_key("a/red.jpg"), prefix="a/", collapse=True)

    assert sorted(hit.key for hit in by_key.hits) == ["a/blue.jpg", "b/green.jpg"]
    assert [hit.key for hit in by_id.hits] == ["a/blue.jpg"]


def test_health_names_the_parts_and_the_space(house: House) -> None:
    health = house.client().health()

    assert (health.status, health.pictures, health.space) == ("ok", 3, "cosinesimil")
    assert (health.parts.index, health.parts.model) == ("ok", "unknown")
    assert health.attributes["price"] == "number"


def test_a_picture_on_the_web_is_the_apis_to_fetch_or_refuse(house: House) -> None:
    with pytest.raises(ApiError) as raised:
        house.client().search(picture=Linked("https://example.com/a.jpg"))

    assert (raised.value.status, raised.value.code) == (400, "urls_disabled")


def test_a_file_that_is_missing_or_no_picture_is_refused_before_it_is_sent(
    house: House, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no picture")

    with pytest.raises(PictureUnusableError, match="cannot be read") as missing:
        house.client().search(picture=tmp_path / "none.jpg")
    with pytest.raises(PictureUnusableError, match="JPEG, PNG") as text:
        house.client().upload(tmp_path / "notes.txt")

    assert (missing.value.code, text.value.code) == ("picture_unreadable", "picture_unsupported_format")
    assert house.requests == []
