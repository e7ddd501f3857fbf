"""The query API's answers, on in-memory parts."""

import json
from dataclasses import replace

import pytest

from imagesearch.entrypoints.openapi import document
from imagesearch.models import document_id
from imagesearch.uploads import query_key
from tests.builders import ATTRIBUTES, OTHER_FINGERPRINT, InMemoryHouse, in_memory_house
from tests.query_api import PICTURES, Answer, Api, base64_of, parts_of


def test_a_text_search_answers_in_the_agreed_shape(api: Api, house: InMemoryHouse) -> None:
    answer = api.search(text="sea", k=2)
    assert answer.status == 200
    assert answer.body.keys() == {"hits", "found", "cursor", "took_ms", "model", "index"}
    assert answer.body["took_ms"].keys() == {"encode", "search", "rest", "total"}
    assert answer.body["model"] == {"fingerprint": house.index.active().fingerprint}
    assert answer.body["index"] == house.index.active().name
    assert len(answer.body["hits"]) == 2


def test_a_hit_carries_what_a_program_needs(api: Api) -> None:
    key = "a/1 ä#.png"
    hit = api.search(image=base64_of(PICTURES[key])).body["hits"][0]
    assert hit == {
        "id": document_id(key),
        "key": key,
        "score": pytest.approx(1),
        "matched": ["picture"],
        "url": hit["url"],
        "thumbnail_url": hit["thumbnail_url"],
        "width": 5,
        "height": 1,
        "content_type": "image/png",
        "size": 5,
        "last_modified": "2026-01-01T00:00:01Z",
    }
    assert "a/1%20%C3%A4%23.png" in hit["url"]
    assert hit["thumbnail_url"].startswith(f"thumbnails/{document_id(key)}?")


@pytest.mark.parametrize(
    "content_type", ["image/png", "IMAGE/PNG", "image/jpeg; charset=binary", "image/heic", "image/avif"]
)
def test_a_raw_picture_finds_itself(api: Api, content_type: str) -> None:
    answer = api.ask(
        "POST",
        "/search",
        body=PICTURES["b/3.jpg"],
        content_type=content_type,
        query={"k": "1", "min_score": "0.5", "prefix": "b/"},
    )
    assert [hit["key"] for hit in answer.body["hits"]] == ["b/3.jpg"]


def test_text_and_picture_may_be_combined(api: Api) -> None:
    answer = api.search(text="sea", image=base64_of(PICTURES["a/2.png"]))
    assert answer.body["hits"][0]["key"] == "a/2.png"
    assert answer.body["hits"][0]["score"] < 0.99


def test_a_raw_picture_may_come_with_a_text(api: Api) -> None:
    raw = api.ask("POST", "/search", body=PICTURES["a/2.png"], content_type="image/png", query={"q": "sea"})
    assert raw.body["hits"] == api.search(text="sea", image=base64_of(PICTURES["a/2.png"])).body["hits"]


def test_examples_count_by_their_weights_and_against_by_unlike(api: Api) -> None:
    first, second = ({"image": {"id": document_id(key)}} for key in ("a/2.png", "b/3.jpg"))
    assert _best(api.search(like=[{**first, "weight": 3}, second])) == "a/2.png"
    assert _best(api.search(like=[first, {**second, "weight": 3}])) == "b/3.jpg"
    pushed = api.search(like=[first], unlike=[second]).body["hits"]
    assert [hit["key"] for hit in pushed][::2] == ["a/2.png", "b/3.jpg"]


def test_pages_hold_every_hit_once(api: Api) -> None:
    query, found = {"q": "sea", "k": "1"}, []
    for _ in range(3):
        page = api.ask("GET", "/search", query=query).body
        found += [hit["key"] for hit in page["hits"]]
        query |= {"cursor": page.get("cursor", "")}
    assert not query["cursor"]
    assert found == [hit["key"] for hit in api.search(text="sea").body["hits"]]


def test_a_cursor_of_another_query_is_refused(api: Api) -> None:
    cursor = api.search(text="sea", k=1).body["cursor"]
    assert api.search(text="sea", k=2, cursor=cursor).status == 200
    assert api.search(text="land", k=1, cursor=cursor).code == "cursor_invalid"


def test_a_cursor_of_an_index_that_is_no_longer_searched_is_410(api: Api, house: InMemoryHouse) -> None:
    cursor = api.search(text="sea", k=1).body["cursor"]
    old = house.index.active()
    house.index.create(replace(old, name="images-5e5e5e5e5e5e-2"))
    house.index.point_alias("images-5e5e5e5e5e5e-2")
    answer = api.search(text="sea", k=1, cursor=cursor)
    assert (answer.status, answer.code) == (410, "cursor_expired")


def test_only_what_is_asked_for_is_shown(api: Api, house: InMemoryHouse) -> None:
    _describe(house, "a/2.png", {"tags": ["sea"]})
    answer = api.search(
        text="sea", include=["embedding"], explain=True, facets=["tags", "attributes.price"], collapse=True
    )
    hit = answer.body["hits"][0]
    assert len(hit["embedding"]) == house.index.active().dimension
    assert hit["explain"] == {"picture": pytest.approx(hit["score"])}
    assert hit["duplicates"] == []
    assert answer.body["facets"] == {"tags": [{"value": "sea", "count": 1}], "attributes.price": []}


def test_a_filter_lets_only_its_pictures_through(api: Api, house: InMemoryHouse) -> None:
    _describe(house, "a/2.png", {"attributes": {"price": 12}})
    cheap = {"all": [{"field": "attributes.price", "lt": 20}, {"not": {"field": "tags", "exists": True}}]}
    assert [hit["key"] for hit in api.search(text="sea", filter=cheap).body["hits"]] == ["a/2.png"]
    assert api.search(text="sea", filter=cheap, prefix="b/").body["hits"] == []


def test_a_cutoff_tells_the_least_score(api: Api) -> None:
    answer = api.ask("GET", "/search", query={"q": "sea", "cutoff": "auto"})
    assert answer.body["threshold"] == 0.75
    assert all(hit["score"] >= 0.75 for hit in answer.body["hits"])


def test_a_picture_is_not_similar_to_itself(api: Api) -> None:
    similar = api.ask("GET", f"/images/{document_id('a/2.png')}/similar", query={"k": "5"})
    assert similar.status == 200
    assert {hit["key"] for hit in similar.body["hits"]} == PICTURES.keys() - {"a/2.png"}


def test_what_resembles_a_rejected_picture_is_told_why_not(api: Api, house: InMemoryHouse) -> None:
    house.pictures.put("note.txt", b"text")
    house.indexer.bring_in_line("note.txt")
    answer = api.ask("GET", f"/images/{document_id('note.txt')}/similar")
    assert (answer.status, answer.code) == (415, "picture_unsupported_format")


def test_an_upload_can_be_searched_by_until_it_is_gone(api: Api, house: InMemoryHouse) -> None:
    wanted = {"purpose": "query", "content_type": "image/png", "size": 5}
    form = api.ask("POST", "/uploads", body=json.dumps(wanted)).body
    assert form.keys() == {"upload", "url", "fields", "expires_in", "max_bytes"}
    by_upload = {"image": {"upload": form["upload"]}}
    assert api.search(**by_upload).code == "upload_unknown"
    house.pictures.put(query_key(form["upload"]), PICTURES["a/2.png"])
    assert _best(api.search(**by_upload)) == "a/2.png"


def test_an_upload_into_the_library_names_its_key(api: Api) -> None:
    wanted = {"purpose": "library", "content_type": "image/png", "size": 5, "key": "c/4 ü.png"}
    form = api.ask("POST", "/uploads", body=json.dumps(wanted)).body
    assert form["key"] == "c/4 ü.png"
    assert "upload" not in form


def test_the_api_serves_its_own_document(api: Api) -> None:
    assert api.ask("GET", "/openapi.json").body == document()


def test_a_search_by_address_answers_like_one_by_body(api: Api) -> None:
    by_address = api.ask("GET", "/search", query={"q": "sea", "k": "3"}, content_type=None)
    assert by_address.status == 200
    assert by_address.body["hits"] == api.search(text="sea", k=3).body["hits"]


def test_a_body_in_base64_is_understood_as_json(api: Api) -> None:
    assert api.ask("POST", "/search", body=b'{"text": "sea"}').status == 200


def test_min_score_and_prefix_narrow_the_search(api: Api) -> None:
    hits = api.search(image=base64_of(PICTURES["a/2.png"]), min_score=0.99, prefix="a/").body["hits"]
    assert [hit["key"] for hit in hits] == ["a/2.png"]
    assert api.search(text="sea", prefix="nowhere/").body["hits"] == []


def test_an_empty_prefix_is_no_prefix(api: Api) -> None:
    assert len(api.search(text="sea", prefix="").body["hits"]) == 3


@pytest.mark.parametrize("k", [1, 100])
def test_k_takes_its_bounds_and_may_exceed_the_index(api: Api, k: int) -> None:
    assert len(api.search(text="sea", k=k).body["hits"]) == min(k, 3)


def test_an_indexed_picture_shows_its_state(api: Api) -> None:
    answer = api.ask("GET", f"/images/{document_id('b/3.jpg')}")
    assert answer.status == 200
    assert answer.body == {
        "id": document_id("b/3.jpg"),
        "key": "b/3.jpg",
        "state": "indexed",
        "etag": answer.body["etag"],
        "size": 3,
        "width": 3,
        "height": 1,
        "content_type": "image/jpeg",
        "last_modified": "2026-01-01T00:00:03Z",
        "url": answer.body["url"],
        "thumbnail_url": answer.body["thumbnail_url"],
    }


def test_a_rejected_picture_shows_its_reason(api: Api, house: InMemoryHouse) -> None:
    house.pictures.put("note.txt", b"text")
    house.indexer.bring_in_line("note.txt")
    body = api.ask("GET", f"/images/{document_id('note.txt')}").body
    assert (body["state"], body["error"]["code"]) == ("rejected", "picture_unsupported_format")
    assert not {"width", "thumbnail_url"} & body.keys()


@pytest.mark.parametrize("image_id", ["0" * 32, "x", "a b", "%2F", "0" * 5000])
def test_an_unknown_picture_is_404(api: Api, image_id: str) -> None:
    answer = api.ask("GET", f"/images/{image_id}")
    assert (answer.status, answer.code) == (404, "image_unknown")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/nowhere"), ("DELETE", "/search"), ("GET", "/images/a/b"), ("POST", "/health")],
)
def test_an_unknown_route_is_404(api: Api, method: str, path: str) -> None:
    answer = api.ask(method, path)
    assert (answer.status, answer.code) == (404, "route_unknown")


def _best(answer: Answer) -> str:
    return str(answer.body["hits"][0]["key"])


SAID = {
    "title": "By the sea",
    "caption": "a dog on a beach",
    "tags": ["sea", "dog"],
    "attributes": {"category": "album", "price": 12.0, "favourite": False},
}


def _describe(house: InMemoryHouse, key: str, said: object) -> None:
    house.pictures.put(f"{key}.json", json.dumps(said).encode())
    house.indexer.bring_in_line(key)


def test_what_is_said_of_a_picture_is_shown_with_it(api: Api, house: InMemoryHouse) -> None:
    _describe(house, "a/2.png", SAID)
    hits = api.search(image=base64_of(PICTURES["a/2.png"])).body["hits"]
    assert {name: hits[0][name] for name in SAID} == SAID
    assert not SAID.keys() & hits[1].keys()
    shown = api.ask("GET", f"/images/{document_id('a/2.png')}").body
    assert {name: shown[name] for name in SAID} == SAID
    assert "metadata_fault" not in shown


def test_a_picture_without_its_metadata_shows_why(api: Api, house: InMemoryHouse) -> None:
    _describe(house, "a/2.png", {"colour": "red"})
    shown = api.ask("GET", f"/images/{document_id('a/2.png')}").body
    assert shown["state"] == "indexed"
    assert "colour" in shown["metadata_fault"]
    assert not SAID.keys() & shown.keys()


@pytest.mark.parametrize("part", ["caption", "any"])
def test_a_text_finds_the_picture_of_its_caption(api: Api, house: InMemoryHouse, part: str) -> None:
    _describe(house, "a/2.png", {"caption": "a dog on a beach"})
    by_address = api.ask("GET", "/search", query={"q": "a dog on a beach", "part": part})
    for answer in (api.search(text="a dog on a beach", part=part), by_address):
        assert answer.body["hits"][0]["key"] == "a/2.png"
        assert answer.body["hits"][0]["score"] == pytest.approx(1)
        assert len(answer.body["hits"]) == (1 if part == "caption" else 3)


def test_a_raw_picture_is_compared_with_the_part_that_is_asked(api: Api, house: InMemoryHouse) -> None:
    _describe(house, "a/2.png", {"caption": "a dog on a beach"})
    body, query = PICTURES["b/3.jpg"], {"part": "caption"}
    answer = api.ask("POST", "/search", body=body, content_type="image/jpeg", query=query)
    assert [hit["key"] for hit in answer.body["hits"]] == ["a/2.png"]


def test_health_names_index_model_and_number_of_pictures(api: Api, house: InMemoryHouse) -> None:
    index = house.index.active()
    assert api.ask("GET", "/health").body == {
        "status": "ok",
        "index": index.name,
        "fingerprint": index.fingerprint,
        "pictures": 3,
        "attributes": ATTRIBUTES,
        "space": index.space,
        "parts": {"index": "ok", "model": "unknown"},
    }


def test_health_tells_how_the_model_answered_last(api: Api) -> None:
    api.search(image={"id": document_id("a/2.png")})
    assert api.ask("GET", "/health").body["parts"]["model"] == "unknown"
    api.search(text="sea")
    assert api.ask("GET", "/health").body["parts"]["model"] == "ok"


def test_another_model_than_the_indexs_is_409_with_the_way_out() -> None:
    house = in_memory_house(model=OTHER_FINGERPRINT)
    answer = Api(lambda: parts_of(house)).search(text="sea")
    assert (answer.status, answer.code) == (409, "model_mismatch")
    assert "To migrate" in answer.body["error"]["message"]


def test_a_lower_limit_of_results_is_kept(house: InMemoryHouse) -> None:
    api = Api(lambda: replace(parts_of(house), max_request_bytes=1000, max_results=10))
    assert api.search(text="sea", k=10).status == 200
    assert api.search(text="sea", k=11).code == "request_invalid"
