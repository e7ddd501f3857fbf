"""Searching by pictures of one's own: chosen, taken, pasted and dropped, with words, and by a part of one."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.page.acting import (
    EN,
    PART,
    asked_for,
    done,
    focused,
    give,
    look_for,
    names,
    open_picture,
    query,
    visit,
)
from tests.page.album import Album
from tests.page.sizes import Size
from tests.pictures import corrupt, encoded

pytestmark = [
    pytest.mark.page,
    pytest.mark.verified(PART, on="emulator"),
]

Axe = Callable[[Page], list[str]]


@pytest.fixture
def coffee(album: Album) -> Path:
    return album.folder / "cup-of-coffee.png"


def wait_for_results(page: Page) -> None:
    expect(page.locator("#chips li")).not_to_have_count(0)
    done(page)


def test_a_chosen_picture_finds_itself_and_can_be_shared(
    page: Page, page_url: str, coffee: Path, axe: Axe
) -> None:
    visit(page, page_url)
    page.locator("#choose-file").set_input_files(coffee)
    wait_for_results(page)
    assert names(page)[0] == coffee.name
    expect(page.locator("#chips")).to_contain_text("More like Your picture")
    assert re.fullmatch(r"like=upload%3A[0-9a-f]{32}", query(page))
    assert axe(page) == []

    page.reload()
    done(page)
    assert names(page)[0] == coffee.name
    expect(page.locator("#chips img")).to_have_attribute("src", re.compile("^data:image/jpeg"))


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_a_given_picture_is_searched_by_together_with_words(
    page: Page, page_url: str, coffee: Path, way: str
) -> None:
    visit(page, page_url)
    look_for(page, "a hot drink")
    give(page, way, coffee)
    wait_for_results(page)
    assert names(page)[0] == coffee.name
    assert "q=a+hot+drink" in query(page)
    assert "like=upload" in query(page)


def test_several_dropped_pictures_are_one_search(page: Page, page_url: str, album: Album) -> None:
    visit(page, page_url)
    give(page, "drop", album.folder / "red-car.webp", album.folder / "red-apple.webp")
    wait_for_results(page)
    expect(page.locator("#chips li")).to_have_count(2)
    assert {"red-car.webp", "red-apple.webp"} <= set(names(page)[:6])


def test_a_phone_offers_its_camera(page: Page, page_url: str, size: Size) -> None:
    visit(page, page_url)
    camera = page.get_by_role("button", name=EN["search.camera"])
    expect(camera).to_be_visible(visible=size.touch)
    expect(page.locator("#camera-file")).to_have_attribute("capture", "environment")


def test_a_large_picture_is_sent_with_fewer_pixels(
    page: Page, page_url: str, coffee: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.bmp"
    large.write_bytes(encoded(Image.open(coffee).convert("RGB").resize((2400, 1600)), "BMP"))
    visit(page, page_url)
    with page.expect_request("**/api/uploads") as asked:
        page.locator("#choose-file").set_input_files(large)
    wait_for_results(page)
    assert names(page)[0] == coffee.name
    wanted = asked_for(asked.value)
    assert wanted["content_type"] == "image/jpeg"
    assert wanted["size"] < 1_000_000 < large.stat().st_size


def test_what_is_no_picture_is_told(page: Page, page_url: str, tmp_path: Path, axe: Axe) -> None:
    visit(page, page_url)
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    page.locator("#choose-file").set_input_files(text)
    expect(page.locator("#notice")).to_contain_text(EN["errors.picture_unsupported_format"])
    assert axe(page) == []


def test_a_damaged_picture_is_told(page: Page, page_url: str, tmp_path: Path) -> None:
    visit(page, page_url)
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(corrupt())
    page.locator("#choose-file").set_input_files(damaged)
    expect(page.locator("#notice")).to_contain_text(EN["errors.picture_corrupt"])
    page.get_by_role("button", name="Remove Your picture").click()
    expect(page.locator("#start")).to_be_visible()
    expect(page.locator("#notice")).to_be_hidden()


def test_a_picture_larger_than_any_model_reads_is_told(page: Page, page_url: str, tmp_path: Path) -> None:
    visit(page, page_url)
    huge = tmp_path / "huge.tif"
    with huge.open("wb") as file:
        file.write(b"II*\0")
        file.truncate(60_000_000)
    page.locator("#choose-file").set_input_files(huge)
    expect(page.locator("#notice")).to_contain_text(EN["errors.source_too_large"])


def test_a_part_of_a_picture_is_searched_for_by_keys(page: Page, page_url: str, axe: Axe) -> None:
    visit(page, page_url, "?q=an+astronaut")
    open_picture(page, "astronaut-in-a-space-suit.png")
    page.get_by_role("button", name=EN["region"]).press("Enter")
    assert focused(page) == "region"
    for key in ("ArrowRight", "Shift+ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator("#region")).to_have_attribute(
        "aria-label", re.compile("60 by 58 percent of the picture, 22 percent from the left and 22 from")
    )
    assert axe(page) == []

    with page.expect_request("**/api/uploads") as asked:
        page.keyboard.press("Enter")
    wait_for_results(page)

    assert asked_for(asked.value)["content_type"] == "image/jpeg"
    expect(page.locator("#viewer")).to_be_hidden()
    assert query(page).startswith("like=upload")
    assert names(page)[0] == "astronaut-in-a-space-suit.png"


def test_a_part_is_drawn_by_pointer(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+cat")
    open_picture(page, "cat.png")
    page.locator("#viewer-region").click()
    frame = page.locator("#frame").bounding_box()
    assert frame is not None
    page.mouse.move(frame["x"] + 0.25 * frame["width"], frame["y"] + 0.1 * frame["height"])
    page.mouse.down()
    page.mouse.move(frame["x"] + 0.75 * frame["width"], frame["y"] + 0.9 * frame["height"], steps=4)
    page.mouse.up()
    label = page.locator("#region").get_attribute("aria-label") or ""
    wide, high, left, top = map(int, re.findall(r"\d+", label)[:4])
    assert abs(wide - 50) <= 1
    assert abs(high - 80) <= 1
    assert abs(left - 25) <= 1
    assert abs(top - 10) <= 1

    page.get_by_role("button", name=EN["region.search"]).click()
    wait_for_results(page)
    assert names(page)[0] == "cat.png"


def test_a_part_of_ones_own_picture_is_searched_for(page: Page, page_url: str, coffee: Path) -> None:
    visit(page, page_url)
    page.locator("#choose-file").set_input_files(coffee)
    wait_for_results(page)
    before = query(page)
    page.get_by_role("button", name=EN["own.look"]).click()
    page.locator("#viewer-region").click()
    page.keyboard.press("Enter")
    expect(page.locator("#viewer")).to_be_hidden()
    done(page)
    assert query(page) != before
    assert coffee.name in names(page)[:3]


def test_escape_ends_choosing_a_part_and_then_the_viewer(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+cat")
    open_picture(page, "cat.png")
    page.locator("#viewer-region").click()
    page.keyboard.press("Escape")
    expect(page.locator("#region")).to_be_hidden()
    expect(page.locator("#viewer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
