"""The API's client: what it sends, how it reads answers, and how long it is patient."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from imagesearch_client import (
    ApiError,
    ImageSearchClient,
    RequestUnwritableError,
    UnreachableError,
    UploadRefusedError,
)
from imagesearch_client.examples import content_type_of
from tests.pictures import avif, bmp, gif, heic, jpeg, png, tiff, webp

HIT = {
    "id": "ab",
    "key": "dogs/1.jpg",
    "score": 0.9,
    "url": "http://pictures/1",
    "thumbnail_url": "thumbnails/ab?key=dogs%2F1.jpg&size=256",
    "width": 4,
    "height": 3,
    "content_type": "image/jpeg",
    "size": 10,
    "last_modified": "2026-03-01T12:30:15Z",
    "matched": ["picture"],
}
FOUND = {
    "hits": [HIT],
    "found": 1,
    "took_ms": {"encode": 1.5, "search": 2.0, "total": 4.0},
    "index": "images-0-1",
    "model": {"fingerprint": "f"},
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


def test_an_answer_of_another_kind_is_reported_as_such() -> None:
    with pytest.raises(ApiError, match="same version") as raised:
        client_of(lambda _: httpx.Response(200, json={"hits": [{"id": "ab"}]})).search("x")

    assert raised.value.code == "unexpected_answer"


@pytest.mark.parametrize("unsendable", [{"text": "half a \ud83d"}, {"text": "x", "min_score": float("nan")}])
def test_what_json_cannot_say_is_one_sentence(unsendable: Any) -> None:
    with pytest.raises(RequestUnwritableError, match="cannot be sent") as raised:
        client_of(lambda _: httpx.Response(200, json=FOUND)).search(**unsendable)

    assert raised.value.code == "request_invalid"


def test_an_address_that_is_none_is_one_sentence() -> None:
    with pytest.raises(UnreachableError, match="no address of an API"):
        ImageSearchClient("http://api:port", "secret")


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

    (pause,) = pauses
    assert 4 <= pause <= 5, "a little later each time, so that not all come back at once"


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


@pytest.mark.parametrize(
    ("picture", "content_type"),
    [
        (jpeg, "image/jpeg"),
        (png, "image/png"),
        (webp, "image/webp"),
        (gif, "image/gif"),
        (bmp, "image/bmp"),
        (tiff, "image/tiff"),
        (heic, "image/heic"),
        (avif, "image/avif"),
    ],
)
def test_a_pictures_bytes_tell_as_what_it_is_uploaded(
    picture: Callable[[], bytes], content_type: str
) -> None:
    assert content_type_of(picture()) == content_type


def test_a_bucket_that_does_not_take_a_picture_is_told_in_its_words() -> None:
    form = {"upload": "u", "url": "http://bucket/", "fields": {"key": "k"}, "expires_in": 1, "max_bytes": 2}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "api":
            return httpx.Response(200, json=form)
        return httpx.Response(400, text="<Error><Code>EntityTooLarge</Code></Error>")

    with pytest.raises(UploadRefusedError, match="EntityTooLarge"):
        client_of(answer).upload(png())


def test_a_bucket_that_is_busy_is_asked_again() -> None:
    form = {"upload": "u", "url": "http://bucket/", "fields": {"key": "k"}, "expires_in": 1, "max_bytes": 2}
    answers = iter([httpx.Response(200, json=form), httpx.Response(503), httpx.Response(204)])
    pauses: list[float] = []

    assert client_of(lambda _: next(answers), pauses=pauses).upload(png()).upload == "u"
    assert len(pauses) == 1


def test_a_bucket_that_does_not_answer_is_one_sentence() -> None:
    form = {"upload": "u", "url": "http://bucket/", "fields": {"key": "k"}}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "bucket":
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json=form)

    with pytest.raises(UnreachableError, match="bucket") as raised:
        client_of(answer).upload(png())

    assert raised.value.code == "bucket_unreachable"


def test_an_api_that_does_not_answer_is_one_sentence() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(UnreachableError, match="does not answer") as raised:
        client_of(refuse).health()

    assert raised.value.code == "api_unreachable"
