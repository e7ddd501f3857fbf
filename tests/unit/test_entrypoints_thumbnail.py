"""The thumbnail function, asked as API Gateway asks it."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from imagesearch.adapters.in_memory import (
    InMemoryArtifactStore,
    InMemoryLinkedPictures,
    InMemoryPictureStore,
)
from imagesearch.adapters.thumbnail_maker import PillowThumbnailMaker
from imagesearch.entrypoints.thumbnail import build_handler
from imagesearch.models import document_id
from imagesearch.thumbnails import Thumbnails
from tests.pictures import jpeg

KEY = "album/ä 1.jpg"
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI = "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,*/*;q=0.5"


def _thumbnails() -> Thumbnails:
    pictures = InMemoryPictureStore()
    pictures.put(KEY, jpeg((640, 480)))
    pictures.put("bad.jpg", b"\xff\xd8\xffcut")
    return Thumbnails(
        pictures=InMemoryLinkedPictures(pictures, signature={"date": "d", "signature": "s"}),
        maker=PillowThumbnailMaker(),
        kept=InMemoryArtifactStore(),
        max_bytes=100_000,
    )


def ask(*, accept: str | None = "image/webp", key: str = KEY, **query: str) -> dict[str, Any]:
    event = {
        "httpMethod": "GET",
        "resource": "/thumbnails/{id}",
        "pathParameters": {"id": document_id(key)},
        "queryStringParameters": {"key": key, "size": "256", "date": "d", "signature": "s"} | query,
        "headers": {"Accept": accept} if accept else None,
        "requestContext": {"requestId": "request-1"},
        "body": None,
        "isBase64Encoded": False,
    }
    thumbnails = _thumbnails()
    return build_handler(lambda: thumbnails)(event, None)


def refusal(answer: dict[str, Any]) -> tuple[int, str]:
    body = json.loads(answer["body"])
    assert (body["request_id"], answer["headers"]["cache-control"]) == ("request-1", "no-store")
    assert body["error"]["message"].endswith(".")
    return answer["statusCode"], body["error"]["code"]


@pytest.mark.parametrize("size", ["128", "256", "512"])
def test_a_thumbnail_is_a_webp_that_a_browser_may_keep(size: str) -> None:
    answer = ask(size=size)
    image = Image.open(io.BytesIO(base64.b64decode(answer["body"])))
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    assert (image.format, image.width) == ("WEBP", int(size))
    assert answer["headers"] == {
        "content-type": "image/webp",
        "cache-control": "private, max-age=900",
        "x-content-type-options": "nosniff",
        "x-request-id": "request-1",
    }


@pytest.mark.parametrize("size", ["", "64", "0256", "257", "-128", "ten", "1e2"])
def test_another_size_is_refused_with_those_that_there_are(size: str) -> None:
    answer = ask(size=size)
    assert refusal(answer) == (400, "request_invalid")
    assert "128, 256, 512" in answer["body"]


@pytest.mark.parametrize("accept", [CHROME, SAFARI, "image/webp", "IMAGE/WEBP;q=1", "image/png"])
def test_what_browsers_accept_of_pictures_is_enough(accept: str) -> None:
    assert ask(accept=accept)["statusCode"] == 200


@pytest.mark.parametrize("accept", [None, "*/*", "image/*", "text/html,image/webp", ""])
def test_who_would_be_given_base64_is_told_what_to_send(accept: str | None) -> None:
    answer = ask(accept=accept)
    assert refusal(answer) == (400, "request_invalid")
    assert "accept: image/webp" in answer["body"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"signature": "forged"}, (403, "link_expired")),
        ({"date": ""}, (403, "link_expired")),
        ({"key": "bad.jpg"}, (400, "picture_corrupt")),
        ({"key": "absent.jpg"}, (404, "image_unknown")),
    ],
)
def test_what_goes_wrong_has_its_code(change: dict[str, str], expected: tuple[int, str]) -> None:
    assert refusal(ask(**change)) == expected


def test_a_link_with_another_pictures_key_is_refused() -> None:
    thumbnails = _thumbnails()
    event = {
        "pathParameters": {"id": document_id(KEY)},
        "queryStringParameters": {"key": "bad.jpg", "size": "256", "date": "d", "signature": "s"},
        "headers": {"accept": "image/webp"},
        "requestContext": {"requestId": "request-1"},
    }
    assert refusal(build_handler(lambda: thumbnails)(event, None)) == (403, "link_expired")


def test_a_request_without_any_parameter_is_refused() -> None:
    thumbnails = _thumbnails()
    event = {"headers": {"accept": "image/webp"}, "requestContext": {"requestId": "request-1"}}
    assert refusal(build_handler(lambda: thumbnails)(event, None)) == (400, "request_invalid")


def test_a_fault_of_ours_tells_nothing() -> None:
    def broken() -> Thumbnails:
        raise RuntimeError("secret")

    event = {
        "queryStringParameters": {"size": "256"},
        "headers": {"accept": "image/webp"},
        "requestContext": {"requestId": "request-1"},
    }
    answer = build_handler(broken)(event, None)
    assert refusal(answer) == (500, "internal")
    assert "secret" not in answer["body"]
