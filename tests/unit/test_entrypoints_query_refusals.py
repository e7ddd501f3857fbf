"""Every way in which a search request can be wrong: a 4xx with a code and a sentence."""

from typing import Any

import pytest

from tests.builders import PNG
from tests.query_api import MAX_REQUEST_BYTES, Api, base64_of


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
        ({"image": {}}, "image.base64:"),
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


@pytest.mark.parametrize("request_body", [{}, {"text": ""}, {"text": " \n "}, {"text": None}, {"k": 5}])
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
        {"q": "\ud800"},
    ],
)
def test_a_wrong_parameter_is_refused_with_400(api: Api, query: dict[str, str]) -> None:
    answer = api.ask("GET", "/search", query=query)
    assert (answer.status, answer.code) == (400, "request_invalid")


@pytest.mark.parametrize("query", [{"k": "0"}, {"q": "sea"}, {"text": "sea"}])
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


def test_a_body_over_the_limit_is_refused_with_413(api: Api) -> None:
    picture = api.ask("POST", "/search", body=PNG + bytes(MAX_REQUEST_BYTES), content_type="image/png")
    assert (picture.status, picture.code) == (413, "picture_too_large")
    request = api.search(image=base64_of(PNG + bytes(MAX_REQUEST_BYTES)))
    assert (request.status, request.code) == (413, "request_too_large")
