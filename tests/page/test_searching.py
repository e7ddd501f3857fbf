"""Looking for pictures: by words and by those of the library, shared, gone back to, in two languages."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.page.acting import (
    EN,
    PART,
    act_on,
    done,
    focused,
    look_for,
    many,
    names,
    query,
    tile,
    visit,
    words,
)
from tests.page.watch import Watch
from tests.pictures import png

pytestmark = [
    pytest.mark.page,
    pytest.mark.verified(PART, on="emulator"),
]

Axe = Callable[[Page], list[str]]
Screenshot = Callable[[str], Path]
CAT = "a cat looking at the camera"


def test_words_find_pictures(page: Page, page_url: str, axe: Axe, screenshot: Screenshot) -> None:
    visit(page, page_url)
    expect(page.locator("#start h2")).to_have_text(re.compile("Search among 51 pictures"))
    assert axe(page) == []
    page.wait_for_load_state("networkidle")
    screenshot("start")

    look_for(page, CAT)

    assert names(page)[0] == "cat.png"
    expect(page.locator("#status")).to_have_text("51 pictures")
    assert query(page) == "q=a+cat+looking+at+the+camera"
    assert axe(page) == []
    page.wait_for_load_state("networkidle")
    screenshot("results")


def test_the_key_is_taken_out_of_the_address(page: Page, page_url: str) -> None:
    visit(page, page_url)
    assert "key" not in page.url
    page.reload()
    done(page)
    expect(page.locator("#start")).to_be_visible()


def test_a_shared_address_shows_the_same_search(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+hot+drink&sort=name")
    shared = names(page)
    assert shared[:3] == ["airplane.webp", "astronaut-in-a-space-suit.png", "banana.webp"]
    assert page.locator("#text").input_value() == "a hot drink"
    page.reload()
    done(page)
    assert names(page) == shared


def test_back_shows_the_last_search_where_it_was_left(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+cat")
    before = names(page)
    page.locator("#text").fill("a bus")
    page.evaluate("scrollTo(0, 300)")
    page.evaluate("document.getElementById('search').requestSubmit()")
    done(page)
    assert names(page) != before
    assert page.evaluate("scrollY") == 0

    page.go_back()
    done(page)

    assert names(page) == before
    assert page.locator("#text").input_value() == "a cat"
    assert page.evaluate("scrollY") == 300
    page.go_back()
    expect(page.locator("#start")).to_be_hidden()


def test_more_and_less_like_this_are_weighed_and_taken_back(page: Page, page_url: str, axe: Axe) -> None:
    visit(page, page_url, "?q=a+vehicle")
    act_on(page, "red-car.webp", "like")
    assert names(page)[0] == "red-car.webp"
    assert focused(page) == "heading"
    act_on(page, "school-bus.webp", "unlike")
    assert names(page)[-1] != "red-car.webp"
    chips = page.locator("#chips li")
    expect(chips).to_have_text([re.compile("More like red-car"), re.compile("Less like school-bus")])
    assert axe(page) == []

    page.get_by_label(EN["weight"].format(name="school-bus.webp")).select_option("×4")
    done(page)
    assert re.search(r"unlike=id%3A[0-9a-f]{32}%7E4", query(page))
    assert "school-bus.webp" not in names(page)[:25]

    page.get_by_role("button", name="Remove red-car.webp").click()
    done(page)
    expect(chips).to_have_count(1)
    assert "q=a+vehicle" in query(page)


def test_only_what_hits_are_to_be_unlike_is_no_search(page: Page, page_url: str) -> None:
    visit(page, page_url, f"?unlike=id:{'0' * 32}")
    expect(page.locator("#notice")).to_contain_text(EN["errors.only_unlike"])


def test_examples_of_the_collection_begin_a_search(page: Page, page_url: str) -> None:
    visit(page, page_url)
    text = page.locator("#start .links button").first
    wanted = text.inner_text()
    text.click()
    done(page)
    assert page.locator("#text").input_value() == wanted

    page.locator("#home").click()
    done(page)
    page.locator("#start .sample").first.click()
    done(page)
    expect(page.locator("#chips li")).to_have_count(1)
    assert focused(page) == "heading"


def test_recent_searches_are_offered_and_forgotten(page: Page, page_url: str) -> None:
    visit(page, page_url)
    look_for(page, "a piano")
    act_on(page, "guitar.webp", "like")
    page.locator("#home").click()
    done(page)
    recent = page.locator("#recent button")
    expect(recent).to_have_text(["a piano, More like guitar.webp", "a piano"])

    recent.first.click()
    done(page)
    expect(page.locator("#chips li")).to_have_count(1)

    page.locator("#home").click()
    done(page)
    page.locator("#forget").click()
    expect(recent).to_have_count(0)
    page.reload()
    done(page)
    expect(recent).to_have_count(0)


def test_scores_and_times_are_shown_on_demand(page: Page, page_url: str, axe: Axe) -> None:
    visit(page, page_url, "?q=a+cat")
    first = tile(page, "cat.png").locator(".score")
    expect(first).to_be_hidden()

    page.locator("#details").click()

    expect(first).to_have_text(re.compile(r"^0\.\d{3}$"))
    expect(page.locator("#status")).to_have_text(re.compile(r"model \d+ ms, index \d+ ms"))
    assert axe(page) == []


def test_the_page_speaks_chinese_and_remembers_it(
    page: Page, page_url: str, axe: Axe, screenshot: Screenshot
) -> None:
    visit(page, page_url, "?q=a+cat")
    with page.expect_navigation():
        page.locator("#language").select_option("zh")
    done(page)
    chinese = words("zh")
    expect(page.locator("#status")).to_have_text(chinese["found.other"].format(count=51))
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    assert page.title() == chinese["title"]
    assert axe(page) == []
    screenshot("chinese")
    page.reload()
    done(page)
    expect(page.locator("h1")).to_have_text(chinese["title"])


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_a_browser_that_prefers_chinese_is_shown_it(
    context: BrowserContext, page: Page, page_url: str
) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'languages', {get: () => ['zh-CN', 'en']})")
    visit(page, page_url)
    expect(page.locator("h1")).to_have_text(words("zh")["title"])


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_dark_forced_and_still_pages_are_as_accessible(page: Page, page_url: str, axe: Axe) -> None:
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    visit(page, page_url, "?q=a+cat&in.content_type=image%2Fpng")
    assert axe(page) == []
    assert page.evaluate("document.getAnimations().length") == 0
    page.emulate_media(forced_colors="active")
    assert axe(page) == []


def test_an_outdated_search_ends(page: Page, page_url: str, watch: Watch) -> None:
    visit(page, page_url)
    ended: list[str] = []
    page.on("requestfailed", lambda request: ended.append(request.post_data or ""))
    page.route("**/api/search", lambda route: None, times=1)  # which is never answered
    page.locator("#text").fill("a cat")
    page.locator("#text").press("Enter")
    expect(page.locator("body.busy")).to_have_count(1)

    look_for(page, "a red car")

    assert names(page)[0] == "red-car.webp"
    assert any("a cat" in body for body in ended)


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_a_page_of_320_pixels_needs_no_sideways_scrolling(page: Page, page_url: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    many(page, 30, picture=png())
    visit(page, page_url, "?q=a+cat")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
