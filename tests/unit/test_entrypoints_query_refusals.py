"""Every way in which a search request can be wrong: a 4xx with a code and a sentence."""

import json
from typing import Any

import pytest

from imagesearch.models import document_id
from tests.builders import PNG
from tests.query_api import MAX_PICTURE_BYTES, MAX_REQUEST_BYTES, Api, base64_of, proxy_event


@pytest.mark.parametrize(
    ("request_body", "names"),
    [
        ({"text": "sea", "k": 0}, "k:"),
        ({"text": "sea", "k": -1}, "k:"),
        ({"text": "sea", "k": 101}, "k:"),
        ({"text": "sea", "k": 10_000}, "k:"),
        ({"text": "sea", "k": "5"}, "k:"),
        ({"text": "sea", "k": 5.5}, "k:"),
        ({"text": "sea", "k": True}, "k:"),
        ({"text": "sea", "k": None}, "k:"),
        ({"text": "sea", "min_score": 1.1}, "min_score:"),
        ({"text": "sea", "min_score": -0.1}, "min_score:"),
        ({"text": "sea", "min_score": "high"}, "min_score:"),
        ({"text": "sea", "prefix": 7}, "prefix:"),
        ({"text": "sea", "prefix": "x" * 1025}, "prefix:"),
        ({"text": 7}, "text:"),
        ({"text": ["sea"]}, "text:"),
        ({"image": "abc"}, "image:"),
        ({"image": {}}, "image: Give exactly one of"),
        ({"image": {"base64": "AAAA", "id": "0" * 32}}, "image: Give exactly one of"),
        ({"image": {"id": "../_search"}}, "image.id:"),
        ({"image": {"upload": ""}}, "image.upload:"),
        ({"image": {"url": "x" * 3000}}, "image.url:"),
        ({"like": []}, "like:"),
        ({"like": [{"text": "sea"}, {}]}, "like.1: Give exactly one of"),
        ({"like": [{"text": " "}]}, "like.0.text:"),
        ({"like": [{"text": "sea", "weight": 0}]}, "like.0.weight:"),
        ({"like": [{"text": "sea", "weight": 10.1}]}, "like.0.weight:"),
        ({"like": [{"text": "sea"}] * 11}, "like:"),
        ({"text": "sea", "unlike": [{"text": "sea"}] * 10}, "at most 10 examples"),
        ({"like": [{"image": {"base64": "AAAA"}}] * 5}, "at most 4"),
        ({"text": "sea", "min_score": 0.5, "cutoff": "auto"}, "min_score or cutoff"),
        ({"text": "sea", "cutoff": "manual"}, "cutoff:"),
        ({"text": "sea", "hybrid": "true"}, "hybrid:"),
        ({"image": {"id": document_id("a/2.png")}, "hybrid": True}, "hybrid"),
        ({"text": "sea", "facets": ["colour"]}, "facets.0:"),
        ({"text": "sea", "facets": ["tags", "title"]}, "facets.1:"),
        ({"text": "sea", "include": ["picture"]}, "include.0:"),
        ({"text": None}, "text:"),
        ({"image": {"base64": 7}}, "image.base64:"),
        ({"image": {"base64": "not base64!"}}, "image.base64"),
        ({"image": {"base64": "ü"}}, "image.base64"),
        ({"image": {"base64": "AAAA", "s3_uri": "s3://other/key"}}, "image.s3_uri:"),
        ({"text": "sea", "colour": "blue"}, "colour:"),
        ({"text": "sea", "s3_uri": "s3://other/key"}, "s3_uri:"),
        ({"text": "sea", "x" * 100_000: 1}, "xxx"),
        ({"text": "sea", "part": "title"}, "part:"),
        ({"text": "sea", "part": None}, "part:"),
    ],
)
def test_a_wrong_field_is_refused_with_400_and_named(
    api: Api, request_body: dict[str, Any], names: str
) -> None:
    answer = api.search(**request_body)
    assert (answer.status, answer.code) == (400, "request_invalid")
    assert names in answer.body["error"]["message"]
    assert len(answer.body["error"]["message"]) < 300


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "",
        "null",
        "[]",
        '"text"',
        "7",
        '{"text": "sea"',
        '{"text": NaN}',
        '{"text": "\\ud800"}',
        "\ufeff{}",
    ],
)
def test_malformed_json_is_refused_with_400(api: Api, body: str) -> None:
    answer = api.ask("POST", "/search", body=body)
    assert (answer.status, answer.code) == (400, "request_invalid")


def test_json_that_is_no_utf8_is_refused_with_400(api: Api) -> None:
    assert api.ask("POST", "/search", body=b'{"text": "\xff\xfe"}').code == "request_invalid"


def test_deeply_nested_json_is_refused_with_400(api: Api) -> None:
    answer = api.ask("POST", "/search", body='{"text":' + "[" * 50_000 + "]" * 50_000 + "}")
    assert (answer.status, answer.code) == (400, "request_invalid")


@pytest.mark.parametrize(
    "request_body", [{}, {"text": ""}, {"text": " \n "}, {"k": 5}, {"unlike": [{"text": "sea"}]}]
)
def test_blank_query_is_rejected_with_400(api: Api, request_body: dict[str, Any]) -> None:
    answer = api.search(**request_body)
    assert (answer.status, answer.code) == (400, "query_empty")


@pytest.mark.parametrize("query", [None, {}, {"q": ""}, {"q": "  "}, {"k": "5"}])
def test_blank_query_by_address_is_rejected_with_400(api: Api, query: dict[str, str] | None) -> None:
    answer = api.ask("GET", "/search", query=query)
    assert (answer.status, answer.code) == (400, "query_empty")


@pytest.mark.parametrize("length", [1001, 100_000])
def test_a_text_too_long_is_rejected_with_400(api: Api, length: int) -> None:
    for answer in (
        api.search(text="x" * length),
        api.search(text="x" * length, k=0),
        api.ask("GET", "/search", query={"q": "x" * length}),
    ):
        assert (answer.status, answer.code) == (400, "text_too_long")
        assert "1000" in answer.body["error"]["message"]
        assert "xxx" not in answer.body["error"]["message"]


def test_a_text_of_just_the_limit_is_searched(api: Api) -> None:
    assert api.search(text="ä" * 1000).status == 200


@pytest.mark.parametrize(
    "query",
    [
        {"q": "sea", "k": "0"},
        {"q": "sea", "k": "10000"},
        {"q": "sea", "k": "many"},
        {"q": "sea", "min_score": "nan"},
        {"q": "sea", "min_score": "inf"},
        {"q": "sea", "min_score": ""},
        {"q": "sea", "colour": "blue"},
        {"q": "sea", "collapse": "yes"},
        {"q": "sea", "min_score": "0.5", "cutoff": "auto"},
        {"q": "\ud800"},
    ],
)
def test_a_wrong_parameter_is_refused_with_400(api: Api, query: dict[str, str]) -> None:
    answer = api.ask("GET", "/search", query=query)
    assert (answer.status, answer.code) == (400, "request_invalid")


@pytest.mark.parametrize("query", [{"k": "0"}, {"hybrid": "true"}, {"text": "sea"}])
def test_a_wrong_parameter_beside_a_picture_is_refused_with_400(api: Api, query: dict[str, str]) -> None:
    answer = api.ask("POST", "/search", body=PNG, content_type="image/png", query=query)
    assert (answer.status, answer.code) == (400, "request_invalid")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [(b"", 400, "picture_empty"), (b"<svg/>", 415, "picture_unsupported_format")],
)
def test_an_unusable_picture_is_refused_with_its_reason(
    api: Api, content: bytes, status: int, code: str
) -> None:
    raw = api.ask("POST", "/search", body=content, content_type="image/png")
    inside = api.search(image=base64_of(content))
    assert {(each.status, each.code) for each in (raw, inside)} == {(status, code)}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "image/svg+xml",
        "application/pdf",
        "image/*",
        "multipart/form-data; boundary=x",
    ],
)
def test_an_unsupported_content_type_is_refused_with_415(api: Api, content_type: str | None) -> None:
    answer = api.ask("POST", "/search", body=PNG, content_type=content_type)
    assert (answer.status, answer.code) == (415, "content_type_unsupported")
    assert "image/jpeg" in answer.body["error"]["message"]


def test_a_body_over_the_limit_is_refused_with_413_and_the_way_out(api: Api) -> None:
    large = PNG + bytes(MAX_REQUEST_BYTES)
    raw = api.ask("POST", "/search", body=large, content_type="image/png")
    inside = api.search(image=base64_of(large))
    assert {(each.status, each.code) for each in (raw, inside)} == {(413, "use_upload")}
    assert "POST /uploads" in raw.body["error"]["message"]


def test_a_parameter_given_twice_is_refused_with_400(api: Api) -> None:
    answer = api.answer(proxy_event("GET", "/search", query={"q": ["sea"], "k": ["1", "2"]}))
    assert answer["statusCode"] == 400
    assert "k: give it once" in answer["body"]


def test_a_query_string_beside_json_is_refused_with_400(api: Api) -> None:
    answer = api.ask("POST", "/search", body='{"text": "sea"}', query={"k": "1"})
    assert (answer.status, answer.code) == (400, "request_invalid")


@pytest.mark.parametrize("path", ["/health", "/openapi.json", f"/images/{document_id('a/2.png')}"])
def test_a_parameter_that_a_route_does_not_take_is_refused_with_400(api: Api, path: str) -> None:
    answer = api.ask("GET", path, query={"colour": "blue"})
    assert (answer.status, answer.code) == (400, "request_invalid")
    assert "colour" in answer.body["error"]["message"]


@pytest.mark.parametrize(
    "cursor", ["x", "not base64!", "bnVsbA", "WyJhIiwiYiIsTmFOLCJjIl0", "W1tbW1s", "x" * 900]
)
def test_a_tampered_cursor_is_refused_with_400(api: Api, cursor: str) -> None:
    for answer in (
        api.search(text="sea", cursor=cursor),
        api.ask("GET", "/search", query={"q": "sea", "cursor": cursor}),
    ):
        assert (answer.status, answer.code) == (400, "cursor_invalid")


UPLOAD = {"purpose": "query", "content_type": "image/png", "size": 5}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"purpose": "other"}, 400, "request_invalid"),
        ({"content_type": "text/html"}, 400, "request_invalid"),
        ({"size": 0}, 400, "request_invalid"),
        ({"size": MAX_PICTURE_BYTES + 1}, 413, "source_too_large"),
        ({"key": "a.png"}, 400, "request_invalid"),
        ({"purpose": "library"}, 400, "request_invalid"),
        ({"purpose": "library", "key": ".queries/a.png"}, 400, "request_invalid"),
        ({"purpose": "library", "key": "a.png.json"}, 400, "request_invalid"),
        ({"colour": "blue"}, 400, "request_invalid"),
    ],
)
def test_a_wrong_upload_is_refused(api: Api, change: dict[str, Any], status: int, code: str) -> None:
    answer = api.ask("POST", "/uploads", body=json.dumps({**UPLOAD, **change}))
    assert (answer.status, answer.code) == (status, code)


def test_a_picture_itself_is_no_request_for_an_upload(api: Api) -> None:
    picture = api.ask("POST", "/uploads", body=PNG, content_type="image/png")
    assert (picture.status, picture.code) == (415, "content_type_unsupported")
    large = api.ask("POST", "/uploads", body="x" * (MAX_REQUEST_BYTES + 1))
    assert (large.status, large.code) == (413, "request_too_large")
