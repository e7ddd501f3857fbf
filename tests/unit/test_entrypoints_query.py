"""The query API's answers, on in-memory parts."""

import json
from dataclasses import replace

import pytest

from imagesearch.models import document_id
from tests.builders import ATTRIBUTES, OTHER_FINGERPRINT, InMemoryHouse, in_memory_house
from tests.query_api import PICTURES, Api, base64_of, parts_of


def test_a_text_search_answers_in_the_agreed_shape(api: Api, house: InMemoryHouse) -> None:
    answer = api.search(text="sea", k=2)
    assert answer.status == 200
    assert answer.body.keys() == {"hits", "took_ms", "model", "index"}
    assert answer.body["took_ms"].keys() == {"encode", "search", "total"}
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
        "url": hit["url"],
        "width": 5,
        "height": 1,
        "content_type": "image/png",
        "size": 5,
        "last_modified": "2026-01-01T00:00:01Z",
    }
    assert "a/1%20%C3%A4%23.png" in hit["url"]


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
    }


def test_a_rejected_picture_shows_its_reason(api: Api, house: InMemoryHouse) -> None:
    house.pictures.put("note.txt", b"text")
    house.indexer.bring_in_line("note.txt")
    body = api.ask("GET", f"/images/{document_id('note.txt')}").body
    assert (body["state"], body["error"]["code"]) == ("rejected", "picture_unsupported_format")
    assert "width" not in body


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
    }


def test_another_model_than_the_indexs_is_409_with_the_way_out() -> None:
    house = in_memory_house(model=OTHER_FINGERPRINT)
    answer = Api(lambda: parts_of(house)).search(text="sea")
    assert (answer.status, answer.code) == (409, "model_mismatch")
    assert "To migrate" in answer.body["error"]["message"]


def test_a_lower_limit_of_results_is_kept(house: InMemoryHouse) -> None:
    api = Api(lambda: replace(parts_of(house), max_request_bytes=1000, max_results=10))
    assert api.search(text="sea", k=10).status == 200
    assert api.search(text="sea", k=11).code == "request_invalid"
