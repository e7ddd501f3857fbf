"""What is left while it is under way ends quietly: it is no error, and not in the way of what follows."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.acting import PART, done, look_for, open_picture, visit

pytestmark = [pytest.mark.page, pytest.mark.verified(PART, on="emulator")]


def held(page: Page, address: str, act: Callable[[], None]) -> list[Route]:
    """The request for an address that ``act`` makes, which waits until it is let go on."""
    routes: list[Route] = []

    def hold(route: Route) -> None:
        routes.append(route)

    page.route(re.compile(address), hold, times=1)
    with page.expect_request(re.compile(address)):
        act()
    return routes


def test_a_search_that_is_left_before_its_filters_are_there(page: Page, page_url: str) -> None:
    visit(page, page_url)
    filters = held(page, r"/filters\.js$", lambda: look_for(page, "a cat"))
    page.locator("#home").click()
    done(page)

    with page.expect_response(re.compile(r"/filters\.js$")):
        filters[0].continue_()

    expect(page.locator("#recent button")).to_have_text(["a cat"])
    look_for(page, "a bus")
    expect(page.locator("#chips")).to_be_hidden()
    expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_a_part_of_a_picture_whose_search_is_left(page: Page, page_url: str) -> None:
    visit(page, page_url)
    look_for(page, "a cat")
    open_picture(page, "cat.png")
    page.locator("#viewer-region").click()
    held(page, "/api/uploads$", lambda: page.keyboard.press("Enter"))
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/api/uploads")):
        page.go_back()
        page.go_back()
    done(page)
    expect(page.locator("#start")).to_be_visible()
    expect(page.locator("#notice")).to_be_hidden()
