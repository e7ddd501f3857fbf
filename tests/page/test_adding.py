"""Putting pictures into the library from the page, until they can be found, or with the reason why not."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from imagesearch_client import ImageSearchClient
from tests.e2e.library import Library
from tests.page.acting import EN, PART, done, give, names, record, refuse, visit
from tests.page.album import Album
from tests.pictures import corrupt, jpeg

pytestmark = [pytest.mark.page, pytest.mark.verified(PART, on="emulator")]

Axe = Callable[[Page], list[str]]
Screenshot = Callable[[str], Path]


@pytest.fixture
def library(album: Album, client: ImageSearchClient) -> Iterator[Library]:
    """A folder of the library that is empty again after the test."""
    bucket = album.target.image_bucket()
    library = Library(client=client, s3=album.s3(), bucket=bucket, prefix=f"added-{uuid4().hex[:6]}/")
    try:
        yield library
    finally:
        found = library.s3.list_objects_v2(Bucket=bucket, Prefix=library.prefix).get("Contents", [])
        for name in (item["Key"].removeprefix(library.prefix) for item in found):
            library.delete(name)
            library.wait_until_unknown(name)


def add(page: Page, library: Library, *files: Path) -> Locator:
    """Add files to the library's folder; what the page tells of each."""
    page.locator("#open-adding").click()
    page.get_by_label(EN["adding.folder"]).fill(library.prefix)
    page.locator("#adding-file").set_input_files(files)
    return page.locator("#adding-list li")


def test_added_pictures_are_followed_until_they_can_be_found(
    page: Page, page_url: str, library: Library, tmp_path: Path, axe: Axe, screenshot: Screenshot
) -> None:
    good, bad = tmp_path / "ä good one.jpg", tmp_path / "damaged.jpg"
    good.write_bytes(jpeg((640, 480), seed=31))
    bad.write_bytes(corrupt())
    visit(page, page_url)

    items = add(page, library, good, bad)

    expect(items.nth(0)).to_contain_text(EN["adding.findable"])
    expect(items.nth(1)).to_contain_text(EN["adding.rejected"].format(reason=EN["errors.picture_corrupt"]))
    assert axe(page) == []
    screenshot("adding")
    items.nth(0).get_by_role("button", name=EN["adding.show"]).click()
    done(page)
    assert names(page)[0] == good.name
    expect(page.locator("#adding")).to_be_hidden()


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_a_replaced_picture_is_followed_until_the_new_one_can_be_found(
    page: Page, page_url: str, library: Library, tmp_path: Path, client: ImageSearchClient
) -> None:
    library.put("a.jpg", jpeg((320, 240), seed=32))
    library.wait_until_indexed("a.jpg")
    other = tmp_path / "a.jpg"
    other.write_bytes(jpeg((480, 640), seed=33))
    visit(page, page_url)
    expect(add(page, library, other)).to_contain_text(EN["adding.findable"])
    state = client.image(library.key("a.jpg"))
    assert state is not None
    assert (state.width, state.height) == (480, 640)


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_how_much_is_sent_is_shown(page: Page, page_url: str, library: Library, tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(jpeg((2000, 1500), seed=34))
    told = record(page, "#adding-list .state")
    visit(page, page_url)
    items = add(page, library, picture)
    expect(items).to_contain_text(EN["adding.findable"])
    assert any(re.fullmatch(r"Sending, \d+ %", text) for text in told())
    assert told()[-2:] == [EN["adding.indexing"], EN["adding.findable"]]


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_what_was_not_sent_is_sent_again(page: Page, page_url: str, library: Library, tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(jpeg(seed=35))
    visit(page, page_url)
    refuse(page, "uploads", status=500, code="internal", times=1)
    items = add(page, library, picture)
    expect(items).to_contain_text(EN["adding.failed"].format(reason=EN["errors.internal"]))
    items.get_by_role("button", name=EN["retry"]).click()
    expect(items).to_contain_text(EN["adding.findable"])


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_too_large_and_foreign_files_are_told_before_anything_is_sent(
    page: Page, page_url: str, library: Library, tmp_path: Path
) -> None:
    huge, text = tmp_path / "huge.bmp", tmp_path / "notes.txt"
    with huge.open("wb") as file:
        file.write(b"BM")
        file.truncate(60_000_000)
    text.write_text("no picture")
    visit(page, page_url)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    items = add(page, library, huge, text)
    expect(items.nth(0)).to_contain_text(EN["errors.source_too_large"])
    expect(items.nth(1)).to_contain_text(EN["errors.picture_unsupported_format"])
    assert {url.rpartition("/")[2] for url in sent if "/api/" in url} == {"uploads"}


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_what_is_dropped_on_the_dialog_is_added_and_not_searched_by(
    page: Page, page_url: str, library: Library, tmp_path: Path
) -> None:
    picture = tmp_path / "dropped.jpg"
    picture.write_bytes(jpeg(seed=36))
    visit(page, page_url)
    page.locator("#open-adding").click()
    page.get_by_label(EN["adding.folder"]).fill(library.prefix)
    give(page, "drop", picture)
    expect(page.locator("#adding-list li")).to_contain_text(EN["adding.findable"])
    expect(page.locator("#start")).to_be_visible()
