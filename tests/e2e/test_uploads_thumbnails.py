"""What goes past the API: pictures uploaded for a search or into the library, and thumbnails for pages."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin

import httpx
import pytest
from PIL import Image

from imagesearch_client import ImageSearchClient
from scripts.gallery import gallery
from scripts.target import Target
from tests.e2e.command import Command
from tests.e2e.house import House
from tests.e2e.library import Library
from tests.pictures import corrupt, encoded, jpeg, scene
from tests.waiting import PATIENCE_SECONDS

pytestmark = [
    pytest.mark.verified("Uploads: form → bucket → search, and form → bucket → index", on="emulator"),
    pytest.mark.verified(
        "Thumbnails: link → thumbnail function → WebP, kept for the next time", on="emulator"
    ),
]

BROWSER = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.fixture(scope="module")
def api(deployment: Target) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=deployment.url, auth=deployment.credentials, timeout=PATIENCE_SECONDS) as api:
        yield api


def form_for(api: httpx.Client, content: bytes, **request: str) -> dict[str, Any]:
    """What POST /uploads answers."""
    asked = {"purpose": "query", "content_type": "image/jpeg", "size": len(content), **request}
    answer = api.post("uploads", json=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def send(form: Mapping[str, Any], content: bytes) -> httpx.Response:
    return httpx.post(form["url"], data=form["fields"], files={"file": content}, timeout=PATIENCE_SECONDS)


def search(api: httpx.Client, **request: Any) -> dict[str, Any]:
    answer = api.post("search", json=request)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def first_hit(api: httpx.Client, library: Library) -> dict[str, Any]:
    return dict(search(api, text="anything", prefix=library.prefix)["hits"][0])


def thumbnail(deployment: Target, link: str, *, accept: str = BROWSER) -> httpx.Response:
    """The thumbnail as a page asks for it: without any key."""
    address = urljoin(deployment.url.rstrip("/") + "/", link)
    return httpx.get(address, headers={"accept": accept}, timeout=PATIENCE_SECONDS)


def changed(link: str, **parameters: str) -> str:
    path, _, query = link.partition("?")
    return f"{path}?{urlencode({**dict(parse_qsl(query)), **parameters})}"


def test_an_uploaded_picture_is_searched_by_and_never_indexed(
    api: httpx.Client, library: Library, client: ImageSearchClient, tmp_path: Path
) -> None:
    gallery(tmp_path)
    names = ("cup-of-coffee.png", "rocket-on-the-launch-pad.jpg", "cat.png")
    for name in names:
        library.put(name, (tmp_path / name).read_bytes())
    library.wait_until_indexed(*names)
    # The same picture in another format, larger than any request of the API may be.
    picture = encoded(Image.open(tmp_path / names[0]).convert("RGB").resize((2400, 1600)), "BMP")
    assert len(picture) > 10 * 1024 * 1024
    form = form_for(api, picture, content_type="image/bmp")

    assert send(form, picture).status_code == 204
    found = search(api, image={"upload": form["upload"]}, prefix=library.prefix)
    everything = search(api, image={"upload": form["upload"]}, k=100)

    assert found["hits"][0]["key"] == library.key(names[0])
    assert found["hits"][0]["score"] > 0.98
    assert not [hit["key"] for hit in everything["hits"] if hit["key"].startswith(".queries/")]
    assert client.image(f".queries/{form['upload']}") is None


def test_an_upload_that_was_never_sent_is_unknown(api: httpx.Client) -> None:
    form = form_for(api, b"picture")
    answer = api.post("search", json={"image": {"upload": form["upload"]}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "upload_unknown")


def test_an_upload_that_is_no_picture_is_told(api: httpx.Client) -> None:
    form = form_for(api, corrupt())
    assert send(form, corrupt()).status_code == 204
    answer = api.post("search", json={"image": {"upload": form["upload"]}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "picture_corrupt")


def test_an_upload_into_the_library_becomes_findable(api: httpx.Client, library: Library) -> None:
    picture, key = jpeg((640, 480), seed=13), library.key("album/ä 1.jpg")
    form = form_for(api, picture, purpose="library", key=key)
    assert form["key"] == key

    assert send(form, picture).status_code == 204
    library.wait_until_indexed("album/ä 1.jpg")

    assert first_hit(api, library)["key"] == key


def test_a_form_takes_no_other_type_and_no_larger_picture(api: httpx.Client, library: Library) -> None:
    form = form_for(api, b"picture", purpose="library", key=library.key("a.jpg"))
    other = {**form, "fields": {**form["fields"], "Content-Type": "text/html"}}
    assert send(other, b"<script>").status_code == 403
    assert send(form, b"").status_code == 400
    too_large = api.post(
        "uploads", json={"purpose": "query", "content_type": "image/jpeg", "size": form["max_bytes"] + 1}
    )
    assert (too_large.status_code, too_large.json()["error"]["code"]) == (413, "source_too_large")


@pytest.mark.parametrize("name", ["a.jpg.json", "a/../b.jpg", "${filename}"])
def test_a_key_that_is_no_pictures_is_refused(api: httpx.Client, library: Library, name: str) -> None:
    asked = {"purpose": "library", "content_type": "image/jpeg", "size": 1, "key": library.key(name)}
    answer = api.post("uploads", json=asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request_invalid")


@pytest.mark.parametrize(("size", "shown"), [(128, (128, 96)), (256, (256, 192)), (512, (512, 384))])
def test_a_hits_thumbnail_is_a_small_webp_of_it_for_whoever_has_the_link(
    api: httpx.Client, deployment: Target, library: Library, size: int, shown: tuple[int, int]
) -> None:
    library.put("ümlaut & space #1.jpg", jpeg((1600, 1200), seed=14))
    library.wait_until_indexed("ümlaut & space #1.jpg")
    link = first_hit(api, library)["thumbnail_url"]

    answer = thumbnail(deployment, changed(link, size=str(size)))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp"), answer.text
    assert "private" in answer.headers["cache-control"]
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.size) == ("WEBP", shown)
    expected = scene((1600, 1200), seed=14).resize(shown)
    middle = (shown[0] // 2, shown[1] // 2)
    for level, wanted in zip(_rgb(image, middle), _rgb(expected, middle), strict=True):
        assert abs(level - wanted) < 24


def _rgb(image: Image.Image, place: tuple[int, int]) -> tuple[int, ...]:
    pixel = image.convert("RGB").getpixel(place)
    assert isinstance(pixel, tuple)
    return tuple(map(int, pixel))


def test_a_thumbnail_is_kept_until_its_picture_is_another(
    api: httpx.Client, deployment: Target, library: Library, house: House
) -> None:
    library.put("a.jpg", jpeg((640, 480), seed=15))
    library.wait_until_indexed("a.jpg")
    hit = first_hit(api, library)
    folder = f"thumbnails/{hit['id']}/"

    first = thumbnail(deployment, hit["thumbnail_url"])
    kept = house.written(folder)
    again = thumbnail(deployment, hit["thumbnail_url"])
    assert first.content == again.content
    assert house.written(folder) == kept
    assert len(kept) == 1

    library.put("a.jpg", jpeg((640, 480), seed=16))
    replaced = thumbnail(deployment, hit["thumbnail_url"])
    assert replaced.status_code == 200
    assert replaced.content != first.content
    assert len(house.written(folder)) == 2


def test_a_link_that_was_tampered_with_shows_nothing(
    api: httpx.Client, deployment: Target, library: Library
) -> None:
    for name in ("a.jpg", "b.jpg"):
        library.put(name, jpeg((640, 480), seed=17))
    library.wait_until_indexed("a.jpg", "b.jpg")
    links = [hit["thumbnail_url"] for hit in search(api, text="x", prefix=library.prefix)["hits"]]
    assert thumbnail(deployment, links[0]).status_code == 200
    one, other = (dict(parse_qsl(link.partition("?")[2])) for link in links)
    forged = [
        changed(links[0], signature="0" * 64),
        changed(links[0], expires="604800"),
        changed(links[0], key=other["key"]),
        changed(links[0], signature=other["signature"]),
        f"{links[0].partition('?')[0]}?{urlencode({'size': '256', 'key': one['key']})}",
    ]
    for link in forged:
        answer = thumbnail(deployment, link)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "link_expired"), link


def test_another_size_and_another_type_are_refused_with_what_can_be_had(
    api: httpx.Client, deployment: Target, library: Library
) -> None:
    library.put("a.jpg", jpeg((640, 480), seed=18))
    library.wait_until_indexed("a.jpg")
    link = first_hit(api, library)["thumbnail_url"]
    for answer in (
        thumbnail(deployment, changed(link, size="1024")),
        thumbnail(deployment, link, accept="*/*"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request_invalid")


def test_reconciling_leaves_uploads_of_searches_alone(api: httpx.Client, imagesearch: Command) -> None:
    form = form_for(api, jpeg(seed=19))
    assert send(form, jpeg(seed=19)).status_code == 204
    done = imagesearch("reconcile", ".queries/", "--check", "--json")
    assert done.returncode == 0, "what was uploaded for a search counts as missing\n" + done.stdout
