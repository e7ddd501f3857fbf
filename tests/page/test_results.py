"""The pictures that were found: the grid, its end, and one picture looked at."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.acting import EN, PART, done, look_for, many, names, open_picture, query, tile, visit
from tests.page.album import Album
from tests.page.sizes import Size
from tests.pictures import png
from tests.waiting import wait_for

pytestmark = [pytest.mark.page, pytest.mark.verified(PART, on="emulator")]

Axe = Callable[[Page], list[str]]
Screenshot = Callable[[str], Path]

_WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifts.push(entry.value);
}).observe({type: "layout-shift", buffered: true});
"""


_WATCH_TILES = """
window.moved = [0, 0];
addEventListener("DOMContentLoaded", () => new MutationObserver((records) => {
  for (const {addedNodes, removedNodes} of records) {
    window.moved[0] += addedNodes.length;
    window.moved[1] += removedNodes.length;
  }
}).observe(document.getElementById("results"), {childList: true}));
"""


def test_pictures_keep_their_shapes_and_their_places(page: Page, page_url: str) -> None:
    page.add_init_script(_WATCH_SHIFTS)
    visit(page, page_url, "?q=a+photograph")
    page.wait_for_load_state("networkidle")
    shape = tile(page, "cat.png").evaluate("each => each.clientWidth / each.clientHeight")
    assert abs(shape - 451 / 300) < 0.02
    boxes = page.locator(".tile").evaluate_all(
        "all => all.map((each) => {const box = each.getBoundingClientRect(); return [box.top, box.right]})"
    )
    ends = dict(boxes)
    assert len(set(list(ends.values())[:-1])) == 1, "full rows end at the same pixel"
    assert sum(page.evaluate("window.shifts")) < 0.01


def test_the_whole_collection_is_scrolled_through(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+photograph")
    page.locator("#end").scroll_into_view_if_needed()
    expect(page.locator("#end")).to_have_text(EN["end.other"].format(count=51))
    assert len(names(page)) == len(set(names(page))) == 51


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_thousands_of_results_stay_fluid(page: Page, page_url: str) -> None:
    page.add_init_script(_WATCH_TILES)
    many(page, 2000, picture=png())
    visit(page, page_url, "?q=anything")
    tiles, end = page.locator(".tile"), page.locator("#end")

    def all_loaded() -> bool | None:
        end.scroll_into_view_if_needed()
        return tiles.count() == 2000 or None

    wait_for(all_loaded, "every result")
    expect(end).to_have_text(EN["end.deepest.other"].format(count="2,000"))
    # Most of them are neither drawn nor loaded, and nothing keeps the page from answering.
    assert tiles.first.evaluate("each => getComputedStyle(each).contentVisibility") == "auto"
    assert page.evaluate("[...document.images].filter((each) => each.loading === 'lazy').length") >= 2000
    assert page.evaluate("window.moved") == [2000, 0], "a tile is put in its place once"
    tiles.nth(1200).locator(".open").press("Enter")
    expect(page.locator("#viewer-name")).to_have_text("1200.jpg")


def test_the_grid_is_walked_through_by_keys(page: Page, page_url: str, axe: Axe) -> None:
    visit(page, page_url, "?q=a+cat")
    order = names(page)
    first = tile(page, order[0]).locator(".open")
    first.focus()
    for key, wanted in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", -1), ("Home", 0)):
        page.keyboard.press(key)
        expect(tile(page, order[wanted]).locator(".open")).to_be_focused()
    page.keyboard.press("ArrowDown")
    below = page.evaluate("document.activeElement.closest('.tile').offsetTop")
    assert below > first.evaluate("each => each.closest('.tile').offsetTop")
    page.keyboard.press("ArrowUp")
    expect(first).to_be_focused()
    # One stop of the tab key for the grid, and one for each thing to do with the current picture.
    stops = page.locator("#results [tabindex='0']").evaluate_all("all => all.map((each) => each.className)")
    assert stops == ["open", "act", "act"]
    assert axe(page) == []


def test_the_viewer_is_walked_through_by_keys_and_gives_the_focus_back(
    page: Page, page_url: str, axe: Axe, screenshot: Screenshot
) -> None:
    visit(page, page_url, "?q=a+cat+looking+at+the+camera")
    order = names(page)
    open_picture(page, order[0])
    expect(page.locator("#previous")).to_be_disabled()
    expect(page.locator("#facts")).to_contain_text("451 × 300")
    expect(page.locator("#facts")).to_contain_text("What it shows is near (0.7")
    page.wait_for_load_state("networkidle")
    assert axe(page) == []
    screenshot("viewer")

    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer-name")).to_have_text(order[1])
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#viewer-name")).to_have_text(order[1])
    assert "view=" in query(page)

    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(tile(page, order[1]).locator(".open")).to_be_focused()
    page.wait_for_url(re.compile(r"camera$"))


def test_the_picture_itself_is_shown_and_an_address_leads_to_it(
    page: Page, page_url: str, size: Size
) -> None:
    visit(page, page_url, "?q=a+cat")
    open_picture(page, "cat.png")
    expect(page.locator("#viewer-picture")).to_have_attribute("src", re.compile("X-Amz-Signature"))
    box = page.locator("#frame").bounding_box()
    assert box is not None
    assert abs(box["width"] / box["height"] - 451 / 300) < 0.02
    assert box["width"] <= size.width

    page.reload()
    done(page)
    expect(page.locator("#viewer-name")).to_have_text("cat.png")
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_beyond_what_is_loaded_the_viewer_loads_on(page: Page, page_url: str) -> None:
    many(page, 60, picture=png())
    visit(page, page_url, "?q=anything&sort=name")
    open_picture(page, names(page)[49])
    page.keyboard.press("ArrowRight")
    expect(page.locator("#results .tile")).to_have_count(60)
    expect(page.locator("#viewer-name")).not_to_have_text(names(page)[49])


def test_a_picture_is_downloaded_whole(page: Page, page_url: str, album: Album) -> None:
    visit(page, page_url, "?q=a+cat")
    open_picture(page, "cat.png")
    with page.expect_download() as download:
        page.get_by_role("button", name=EN["download"]).click()
    assert download.value.suggested_filename == "cat.png"
    assert Path(download.value.path()).read_bytes() == (album.folder / "cat.png").read_bytes()


def test_more_like_this_is_searched_from_the_viewer(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+cat")
    open_picture(page, "tiger.webp")
    page.locator("#viewer-like").click()
    expect(page.locator("#viewer")).to_be_hidden()
    done(page)
    expect(page.locator("#chips")).to_contain_text("More like tiger.webp")
    assert page.evaluate("document.activeElement.id") == "heading"
    page.go_back()
    expect(page.locator("#viewer-name")).to_have_text("tiger.webp")


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_first_results_are_timed_from_the_answer_to_the_screen(page: Page, page_url: str) -> None:
    visit(page, page_url)
    look_for(page, "a cat")
    marks = (
        "['answer', 'drawn'].map((name) => performance.getEntriesByName(`imagesearch:${name}`)[0]?.startTime)"
    )
    answer, drawn = wait_for(lambda: (all(times := page.evaluate(marks)) and times) or None, "both marks")
    assert answer < drawn
