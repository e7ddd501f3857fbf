"""The API's client: what it sends, how it reads answers, and how long it is patient."""

import base64
import json
from collections.abc import Callable

import httpx
import pytest

from scripts.client import ApiError, ImageSearchClient
from scripts.errors import CommandError

HIT = {
    "id": "ab",
    "key": "dogs/1.jpg",
    "score": 0.9,
    "url": "http://pictures/1",
    "width": 4,
    "height": 3,
    "content_type": "image/jpeg",
    "size": 10,
}
FOUND = {
    "hits": [HIT],
    "took_ms": {"encode": 1.5, "search": 2.0, "total": 4.0},
    "index": "images-0-1",
    "model": {},
}
Handler = Callable[[httpx.Request], httpx.Response]


def client_of(handler: Handler, *, pauses: list[float] | None = None) -> ImageSearchClient:
    return ImageSearchClient(
        "http://api/prod",
        "secret",
        transport=httpx.MockTransport(handler),
        pause=(pauses if pauses is not None else []).append,
        patience=10,
    )


def test_text_and_picture_are_sent_together_with_the_key() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=FOUND)

    result = client_of(answer).search("a dog", picture=b"jpeg", k=3, prefix="dogs/", part="any")

    (request,) = requests
    assert str(request.url) == "http://api/prod/search"
    assert request.headers["x-api-key"] == "secret"
    assert json.loads(request.content) == {
        "text": "a dog",
        "image": {"base64": base64.b64encode(b"jpeg").decode()},
        "k": 3,
        "prefix": "dogs/",
        "part": "any",
    }
    assert (result.hits[0].key, result.hits[0].score) == ("dogs/1.jpg", 0.9)


def test_what_is_said_of_a_picture_is_read_and_what_is_not_said_is_empty() -> None:
    said = {"title": "A dog", "tags": ["dog"], "attributes": {"price": 2.5, "favourite": True}}
    found = FOUND | {"hits": [HIT | said, HIT]}

    described, bare = client_of(lambda _: httpx.Response(200, json=found)).search("a dog").hits

    assert (described.title, described.caption, described.tags) == ("A dog", None, ("dog",))
    assert described.attributes == {"price": 2.5, "favourite": True}
    assert (bare.title, bare.tags, bare.attributes) == (None, (), {})


def test_a_refusal_carries_the_apis_own_code_and_sentence() -> None:
    refusal = {"error": {"code": "query_empty", "message": "Send a text."}, "request_id": "r"}

    with pytest.raises(ApiError) as raised:
        client_of(lambda _: httpx.Response(400, json=refusal)).search("")

    assert (raised.value.status, raised.value.code, raised.value.message) == (
        400,
        "query_empty",
        "Send a text.",
    )


def test_an_answer_that_is_not_ours_is_reported_with_its_status() -> None:
    with pytest.raises(ApiError, match="Status 502") as raised:
        client_of(lambda _: httpx.Response(502, text="bad gateway")).search("x")

    assert raised.value.code == "unexpected_answer"


def test_a_cold_model_is_asked_again_after_the_time_it_names() -> None:
    answers = iter(
        [
            httpx.Response(
                503,
                headers={"retry-after": "4"},
                json={"error": {"code": "model_unavailable", "message": "m"}},
            ),
            httpx.Response(200, json=FOUND),
        ]
    )
    pauses: list[float] = []

    client_of(lambda _: next(answers), pauses=pauses).search("x")

    assert pauses == [4.0]


def test_patience_ends_before_a_wait_that_is_too_long() -> None:
    cold = {"error": {"code": "model_unavailable", "message": "m"}}
    pauses: list[float] = []

    with pytest.raises(ApiError):
        client_of(
            lambda _: httpx.Response(503, headers={"retry-after": "99"}, json=cold), pauses=pauses
        ).search("x")

    assert pauses == []


def test_an_unknown_picture_is_none_and_other_refusals_are_raised() -> None:
    unknown = {"error": {"code": "image_unknown", "message": "m"}}
    forbidden = {"error": {"code": "key_missing", "message": "m"}}

    assert client_of(lambda _: httpx.Response(404, json=unknown)).image("k") is None
    with pytest.raises(ApiError):
        client_of(lambda _: httpx.Response(403, json=forbidden)).image("k")


def test_an_api_that_does_not_answer_is_one_sentence() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(CommandError, match="does not answer") as raised:
        client_of(refuse).health()

    assert raised.value.code == "api_unreachable"
