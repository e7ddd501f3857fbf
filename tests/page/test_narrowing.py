"""Narrowing a search: facets, ranges, folders, the cut-off, near duplicates, and another order."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from imagesearch_client import ImageSearchClient
from tests.e2e.album import FAVOURITES, FRUIT, KINDS, near_duplicates
from tests.e2e.library import Library
from tests.page.acting import EN, PART, done, look_for, names, open_panel, query, tile, visit
from tests.page.album import Album

pytestmark = [pytest.mark.page, pytest.mark.verified(PART, on="emulator")]

Axe = Callable[[Page], list[str]]
Screenshot = Callable[[str], Path]


def test_facets_are_chosen_and_taken_back(
    page: Page, page_url: str, axe: Axe, screenshot: Screenshot
) -> None:
    visit(page, page_url, "?q=something+sweet")
    panel = open_panel(page)
    tags = panel.get_by_role("group", name=EN["field.tags"])
    food = tags.get_by_role("button", name=re.compile("^food"))
    expect(food).to_have_text(f"food{len(KINDS['food'])}")
    screenshot("filters")

    food.click()
    done(page)

    expect(food).to_be_focused()
    expect(food).to_have_attribute("aria-pressed", "true")
    assert set(names(page)) == set(KINDS["food"])
    assert "in.tags=food" in query(page)
    expect(tags.get_by_role("button")).to_have_text([f"food{len(KINDS['food'])}", f"fruit{len(FRUIT)}"])
    assert axe(page) == []

    page.locator("#chips").get_by_role("button", name="Remove Tags: food").click()
    done(page)
    expect(page.locator("#status")).to_have_text("51 pictures")


def test_ranges_hold_and_stand_in_the_address(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=an+animal&in.attributes.category=animal")
    panel = open_panel(page)
    price = panel.get_by_role("group", name="price")
    price.get_by_label(EN["from"]).fill("2")
    price.get_by_label(EN["to"]).fill("4")
    price.get_by_label(EN["to"]).press("Enter")
    done(page)
    assert sorted(names(page)) == sorted(KINDS["animal"][2:5])

    # The day that is named last is within: they were taken on the first, the second, … of January.
    taken = panel.get_by_role("group", name="taken")
    taken.get_by_label(EN["to"]).fill("2026-01-04")
    done(page)
    assert sorted(names(page)) == sorted(KINDS["animal"][2:4])
    assert "to.attributes.taken=2026-01-04" in query(page)
    page.reload()
    done(page)
    assert sorted(names(page)) == sorted(KINDS["animal"][2:4])
    expect(page.locator("#chips li.chip")).to_have_count(4)
    page.get_by_role("button", name=EN["filters.clear"]).click()
    done(page)
    assert query(page) == "q=an+animal"


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_what_is_true_of_pictures_and_their_names_narrow_too(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=anything")
    panel = open_panel(page)
    panel.get_by_label("favourite").select_option(EN["yes"])
    done(page)
    assert set(names(page)) == set(FAVOURITES)
    panel.get_by_label("favourite").select_option(EN["no"])
    done(page)
    assert not set(names(page)) & set(FAVOURITES)
    panel.get_by_label("favourite").select_option(EN["any"])
    panel.get_by_label(EN["field.prefix"]).fill("red-")
    panel.get_by_label(EN["field.prefix"]).press("Enter")
    done(page)
    assert set(names(page)) == {"red-car.webp", "red-apple.webp"}


def test_what_does_not_fit_is_cut_off(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+cat+looking+at+the+camera")
    panel = open_panel(page)
    panel.get_by_label(EN["cut.auto"]).check()
    done(page)
    assert names(page)[0] == "cat.png"
    assert len(names(page)) < 10
    expect(page.locator("#status")).to_contain_text("from a score of")

    panel.get_by_label(EN["cut.least"]).check()
    done(page)
    slider = panel.get_by_label(EN["cut.slider"])
    slider.fill("0.7")
    done(page)
    assert names(page) == ["cat.png"]
    assert "cut=0.7" in query(page)

    slider.fill("0.99")
    expect(page.locator("#notice")).to_contain_text(EN["nothing"])
    page.locator("#notice").get_by_role("button", name=EN["cut.clear"]).click()
    done(page)
    expect(page.locator("#status")).to_have_text("51 pictures")


def test_another_order_is_that_of_what_is_loaded_and_says_so(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+cat&in.tags=animal")
    by_relevance = names(page)
    page.locator("#sort").select_option(EN["sort.name"])
    done(page)
    assert names(page) == sorted(by_relevance)
    page.go_back()
    done(page)
    assert names(page) == by_relevance

    visit(page, page_url, "?q=a+cat&sort=largest")
    expect(page.locator("#end")).to_have_text(EN["end.sorted.other"].format(count=50))
    assert len(names(page)) == 50
    page.get_by_role("button", name=EN["more"]).click()
    expect(page.locator("#results .tile")).to_have_count(51)
    expect(page.locator("#end")).to_have_text(EN["end.other"].format(count=51))


@pytest.fixture
def copies(album: Album, client: ImageSearchClient) -> Iterator[list[str]]:
    """Copies of the cat's picture in the library, for as long as a test runs."""
    bucket = album.target.image_bucket()
    library = Library(client=client, s3=album.s3(), bucket=bucket, prefix="copies/")
    pictures = near_duplicates((album.folder / "cat.png").read_bytes())
    for name, content in pictures.items():
        library.put(name, content)
    try:
        library.wait_until_indexed(*pictures)
        yield list(pictures)
    finally:
        for name in pictures:
            library.delete(name)
            library.wait_until_unknown(name)


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_of_near_duplicates_one_is_shown(page: Page, page_url: str, copies: list[str]) -> None:
    visit(page, page_url)
    look_for(page, "a cat looking at the camera")
    assert set(names(page)[:4]) == {"cat.png", *copies}
    open_panel(page).get_by_label(EN["collapse"]).check()
    done(page)
    assert len({"cat.png", *copies} & set(names(page))) == 1


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_words_and_captions_count_where_they_are_asked(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=plate+zx81-4711")
    panel = open_panel(page)
    panel.get_by_label(EN["hybrid"]).check()
    done(page)
    # It is called by its title, which holds these words.
    assert names(page)[0] == "Plate zx81-4711"
    look_for(page, "a friend of the family")
    panel.get_by_label(EN["hybrid"]).uncheck()
    panel.get_by_label(EN["part"]).select_option(EN["part.caption"])
    done(page)
    assert names(page) == ["dog.webp"]
    tile(page, "dog.webp").locator(".open").click()
    expect(page.locator("#facts")).to_contain_text("Its caption is near")
