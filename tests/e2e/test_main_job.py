"""The promises of the README, kept by the deployed environment: put, find, replace, delete, refuse."""

import json
import re
from pathlib import Path

import httpx
import pytest

from imagesearch_client import ImageSearchClient
from scripts.target import Target
from tests.e2e.command import Command
from tests.e2e.library import Library
from tests.pictures import bomb, corrupt, exif_rotated, jpeg, truncated
from tests.waiting import PATIENCE_SECONDS

pytestmark = [
    pytest.mark.verified("Way of a picture: S3 → EventBridge → SQS → ingest function → index", on="emulator"),
    pytest.mark.verified("Way of a query: API Gateway → query function → endpoint → index", on="emulator"),
]


def test_a_picture_is_findable_by_itself_after_it_was_put(
    library: Library, client: ImageSearchClient
) -> None:
    library.put("album/red.jpg", jpeg(seed=1))
    library.put("album/other.jpg", jpeg(seed=2))
    library.wait_until_indexed("album/red.jpg", "album/other.jpg")

    result = client.search(picture=jpeg(seed=1), prefix=library.prefix)

    assert result.hits[0].key == library.key("album/red.jpg")
    assert result.hits[0].score == pytest.approx(1.0, abs=1e-4)


def test_a_hit_carries_an_address_that_serves_the_picture(
    library: Library, client: ImageSearchClient
) -> None:
    library.put("ümlaut & space #1.jpg", jpeg(seed=3))
    library.wait_until_indexed("ümlaut & space #1.jpg")

    (hit,) = client.search("anything", prefix=library.prefix).hits

    assert httpx.get(hit.url, timeout=PATIENCE_SECONDS).content == jpeg(seed=3)


def test_a_replaced_picture_is_found_by_what_it_shows_now(
    library: Library, client: ImageSearchClient
) -> None:
    library.put("a.jpg", jpeg(seed=4))
    library.put("b.jpg", jpeg(seed=5))
    library.wait_until_indexed("a.jpg", "b.jpg")

    library.put("a.jpg", jpeg(seed=6))
    library.wait_until_indexed("a.jpg")

    assert client.search(picture=jpeg(seed=6), prefix=library.prefix).hits[0].key == library.key("a.jpg")
    assert client.search(picture=jpeg(seed=4), prefix=library.prefix).hits[0].score < 0.9999


def test_a_deleted_picture_is_no_longer_found(library: Library, client: ImageSearchClient) -> None:
    library.put("gone.jpg", jpeg(seed=7))
    library.wait_until_indexed("gone.jpg")

    library.delete("gone.jpg")
    library.wait_until_unknown("gone.jpg")

    assert client.search(picture=jpeg(seed=7), prefix=library.prefix).hits == ()


def test_an_exif_rotated_copy_has_the_same_vector(library: Library, client: ImageSearchClient) -> None:
    size = (512, 384)  # in a smaller one JPEG's blocks, which lie otherwise in a rotated copy, weigh more
    library.put("upright.jpg", jpeg(size, seed=8))
    library.wait_until_indexed("upright.jpg")

    for orientation in range(2, 9):
        rotated = exif_rotated(orientation, size, seed=8)
        (hit,) = client.search(picture=rotated, prefix=library.prefix).hits
        assert hit.score >= (1 + 0.999) / 2, f"orientation {orientation}"


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("corrupt.jpg", corrupt(), "picture_corrupt"),
        ("truncated.jpg", truncated(), "picture_corrupt"),
        ("empty.jpg", b"", "picture_empty"),
        ("bomb.png", bomb(), "picture_too_many_pixels"),
        ("text.jpg", b"no picture at all", "picture_unsupported_format"),
    ],
    ids=["corrupt", "truncated", "empty", "bomb", "wrong type"],
)
def test_a_bad_picture_is_rejected_with_a_reason_and_costs_nothing_else(
    library: Library, client: ImageSearchClient, name: str, data: bytes, code: str
) -> None:
    library.put(name, data)
    library.put("good.jpg", jpeg(seed=9))

    state = library.wait_until_known(name)

    assert (state.state, state.error and state.error.code) == ("rejected", code)
    library.wait_until_indexed("good.jpg")
    assert [hit.key for hit in client.search("x", prefix=library.prefix).hits] == [library.key("good.jpg")]


def test_a_rejected_picture_that_is_mended_becomes_findable(
    library: Library, client: ImageSearchClient
) -> None:
    library.put("mended.jpg", b"")
    assert library.wait_until_known("mended.jpg").state == "rejected"

    library.put("mended.jpg", jpeg(seed=10))
    library.wait_until_indexed("mended.jpg")

    assert client.search("x", prefix=library.prefix).hits[0].key == library.key("mended.jpg")


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("invalid JSON", b"{", 400, "request_invalid"),
        ("not an object", b"[]", 400, "request_invalid"),
        ("unknown field", {"text": "x", "colour": "red"}, 400, "request_invalid"),
        ("k of zero", {"text": "x", "k": 0}, 400, "request_invalid"),
        ("k of ten thousand", {"text": "x", "k": 10_000}, 400, "request_invalid"),
        ("nothing to search for", {}, 400, "query_empty"),
        ("blank text", {"text": "  "}, 400, "query_empty"),
        ("text of 100 kB", {"text": "dog " * 25_000}, 400, "text_too_long"),
        ("base64 that is none", {"image": {"base64": "%%%"}}, 400, "request_invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_bad_queries_are_refused_with_code_and_sentence(
    deployment: Target, name: str, body: object, status: int, code: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    response = post_search(deployment, content, "application/json")

    assert (response.status_code, response.json()["error"]["code"]) == (status, code), name
    assert response.json()["error"]["message"].endswith(".")
    assert response.json()["request_id"]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        pytest.param(corrupt(), 400, "picture_corrupt", id="corrupt"),
        pytest.param(truncated(), 400, "picture_corrupt", id="truncated"),
        pytest.param(b"", 400, "picture_empty", id="empty"),
        pytest.param(bomb(), 400, "picture_too_many_pixels", id="bomb"),
        pytest.param(b"no picture at all", 415, "picture_unsupported_format", id="wrong type"),
    ],
)
def test_bad_query_pictures_are_refused_and_the_model_serves_on(
    deployment: Target, client: ImageSearchClient, data: bytes, status: int, code: str
) -> None:
    response = post_search(deployment, data, "image/jpeg")

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    client.search("still there")


def test_a_picture_that_is_too_large_for_the_api_is_refused_with_413(deployment: Target) -> None:
    response = post_search(deployment, b"\xff\xd8\xff" + bytes(5_000_000), "image/jpeg")

    assert (response.status_code, response.json()["error"]["code"]) == (413, "use_upload")


def test_a_request_without_a_key_is_refused_in_the_same_shape(deployment: Target) -> None:
    response = httpx.post(f"{deployment.url}/search", json={"text": "x"}, timeout=PATIENCE_SECONDS)

    assert (response.status_code, response.json()["error"]["code"]) == (403, "key_missing")


def test_an_unknown_picture_and_an_unknown_route_are_404(
    deployment: Target, client: ImageSearchClient
) -> None:
    assert client.image("never/uploaded.jpg") is None
    response = httpx.get(
        f"{deployment.url}/nowhere", headers={"x-api-key": deployment.api_key}, timeout=PATIENCE_SECONDS
    )
    assert response.status_code in (403, 404)


def test_health_names_the_index_and_the_model(client: ImageSearchClient) -> None:
    health = client.health()

    assert health.status == "ok"
    # A number, or the time of the snapshot that it was restored from.
    assert re.fullmatch(rf"images-{health.fingerprint[:12]}-(\d+|\d{{8}}-\d{{6}})", health.index)


def test_the_command_line_ingests_a_folder_and_searches_it(
    library: Library, tmp_path: Path, imagesearch: Command
) -> None:
    (tmp_path / "good.jpg").write_bytes(jpeg(seed=11))
    (tmp_path / "bad.jpg").write_bytes(corrupt())
    (tmp_path / "notes.txt").write_text("no picture")

    ingested = imagesearch("ingest", str(tmp_path), "--prefix", library.prefix, "--json")
    found = imagesearch("search", "a picture", "--prefix", library.prefix, "--json")
    like = imagesearch("search", "--image", str(tmp_path / "good.jpg"), "--prefix", library.prefix, "--json")

    report = json.loads(ingested.stdout)
    assert ingested.returncode == 2, "rejected pictures must show in the exit status"
    assert (report["indexed"], list(report["rejected"])) == (1, [library.key("bad.jpg")])
    assert [hit["key"] for hit in json.loads(found.stdout)["hits"]] == [library.key("good.jpg")]
    assert json.loads(like.stdout)["hits"][0]["score"] == pytest.approx(1.0, abs=1e-4)


def post_search(deployment: Target, content: bytes, content_type: str) -> httpx.Response:
    return httpx.post(
        f"{deployment.url}/search",
        content=content,
        headers={"x-api-key": deployment.api_key, "content-type": content_type},
        timeout=PATIENCE_SECONDS,
    )
