"""What goes wrong, each tried: a sentence on the page that says what to do, and the way on."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.page.acting import EN, PART, done, look_for, many, names, open_picture, record, refuse, visit
from tests.page.watch import Watch
from tests.pictures import png
from tests.waiting import wait_for

pytestmark = [pytest.mark.page, pytest.mark.verified(PART, on="emulator")]

Axe = Callable[[Page], list[str]]
Screenshot = Callable[[str], Path]
OVER = "ran-out"
"""A signature that no link has by chance: genuine ones are of hexadecimal digits."""


def notice(page: Page, code: str) -> None:
    """Wait for the sentence of an error."""
    expect(page.locator("#notice")).to_contain_text(EN[f"errors.{code}"])


def test_a_wrong_key_is_asked_for_again(page: Page, page_url: str, axe: Axe, screenshot: Screenshot) -> None:
    address, _, key = page_url.partition("#key=")
    page.goto(f"{address}?q=a+cat#key=wrong")
    expect(page.locator("#access-why")).to_have_text(EN["errors.key_missing"])
    expect(page.get_by_label(EN["access.key.label"])).to_be_focused()
    assert axe(page) == []
    screenshot("key")

    page.get_by_label(EN["access.key.label"]).fill(key)
    page.keyboard.press("Enter")
    done(page)

    assert names(page)[0] == "cat.png"
    expect(page.locator("#access")).to_be_hidden()


def test_a_key_that_expires_is_asked_for_where_it_is_missed(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+cat")
    refuse(page, "search", status=403, code="key_missing", times=1)
    look_for(page, "a bus")
    expect(page.locator("#access-why")).to_have_text(EN["errors.key_missing"])
    page.get_by_label(EN["access.key.label"]).fill(page_url.partition("#key=")[2])
    page.keyboard.press("Enter")
    done(page)
    assert page.locator("#text").input_value() == "a bus"
    expect(page.locator(".tile")).not_to_have_count(0)


def test_without_a_network_a_banner_says_so_and_the_search_goes_on_after(
    context: BrowserContext, page: Page, page_url: str, axe: Axe
) -> None:
    visit(page, page_url)
    context.set_offline(True)
    expect(page.locator("#offline")).to_have_text(EN["errors.offline"])
    page.locator("#text").fill("a cat")
    page.locator("#text").press("Enter")
    notice(page, "offline")
    assert axe(page) == []
    context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    expect(page.locator(".tile")).not_to_have_count(0)
    assert names(page)[0] == "cat.png"
    expect(page.locator("#notice")).to_be_hidden()


def test_a_slow_model_is_told_and_asked_again_when_it_says(page: Page, page_url: str) -> None:
    told = record(page, "#status")
    visit(page, page_url)
    refuse(page, "search", status=503, code="model_unavailable", times=1, retry_after="2")
    look_for(page, "a cat")
    assert names(page)[0] == "cat.png"
    assert any(re.search("not ready yet. Trying again in [23] seconds", text) for text in told())


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_too_many_requests_are_waited_for(page: Page, page_url: str) -> None:
    told = record(page, "#status")
    visit(page, page_url)
    refuse(page, "search", status=429, code="throttled", times=1, retry_after="1")
    look_for(page, "a cat")
    expect(page.locator(".tile")).not_to_have_count(0)
    assert any("Too many requests at the moment." in text for text in told())


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_after_three_seconds_the_page_says_what_it_waits_for(page: Page, page_url: str) -> None:
    visit(page, page_url)
    page.clock.install()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/search", hold, times=1)
    page.locator("#text").fill("a cat")
    page.locator("#text").press("Enter")
    expect(page.locator("#status")).to_have_text(EN["loading"])
    page.clock.run_for(3100)
    expect(page.locator("#status")).to_have_text(EN["slow"])
    held[0].continue_()
    expect(page.locator("#status")).to_have_text("51 pictures")


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_a_service_that_stays_away_is_given_up_after_a_minute(page: Page, page_url: str) -> None:
    visit(page, page_url)
    page.clock.install()
    refuse(page, "search", status=503, code="search_unavailable", retry_after="20")
    page.locator("#text").fill("a cat")
    page.locator("#text").press("Enter")
    for _ in range(2):
        expect(page.locator("#status")).to_contain_text("Trying again")
        page.clock.run_for(25_100)
    notice(page, "search_unavailable")
    expect(page.locator("#notice")).to_contain_text("request-1")


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_any_error_of_the_api_can_be_tried_again(page: Page, page_url: str, axe: Axe) -> None:
    visit(page, page_url)
    refuse(page, "search", status=409, code="model_mismatch", times=1)
    look_for(page, "a cat")
    notice(page, "model_mismatch")
    assert axe(page) == []
    page.locator("#notice").get_by_role("button", name=EN["retry"]).click()
    done(page)
    assert names(page)[0] == "cat.png"
    expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_an_error_without_a_sentence_of_ours_is_told_in_the_apis_words(page: Page, page_url: str) -> None:
    visit(page, page_url)
    refuse(page, "search", status=400, code="something_new", times=1)
    look_for(page, "a cat")
    expect(page.locator("#notice")).to_contain_text("The API's own words.")


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_an_answer_that_is_not_the_apis_is_told(page: Page, page_url: str) -> None:
    visit(page, page_url)
    page.route("**/api/search", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"), times=1)
    look_for(page, "a cat")
    notice(page, "internal")


def test_an_index_that_went_on_meanwhile_is_searched_anew(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+cat&sort=name")
    refuse(page, "search", status=410, code="cursor_expired", times=1)
    page.get_by_role("button", name=EN["more"]).click()
    notice(page, "cursor_expired")
    page.locator("#notice").get_by_role("button", name=EN["retry"]).click()
    done(page)
    assert len(names(page)) == 50


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_a_page_that_failed_to_load_is_loaded_on(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+cat&sort=name")
    refuse(page, "search", status=500, code="internal", times=1)
    page.get_by_role("button", name=EN["more"]).click()
    notice(page, "internal")
    assert len(names(page)) == 50
    page.locator("#notice").get_by_role("button", name=EN["retry.more"]).click()
    expect(page.locator(".tile")).to_have_count(51)


def test_a_broken_picture_is_named_in_its_place(page: Page, page_url: str, axe: Axe) -> None:
    many(page, 8, picture=b"no picture at all")
    visit(page, page_url, "?q=anything")
    expect(page.locator(".tile.missing")).to_have_count(8)
    expect(page.locator(".tile").first).to_contain_text(EN["picture.missing"].format(name="0.jpg"))
    assert axe(page) == []
    page.locator(".tile .open").first.press("Enter")
    expect(page.locator("#viewer-note")).to_have_text(EN["picture.smaller"])


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_links_that_ran_out_are_renewed(page: Page, page_url: str) -> None:
    def expired(route: Route) -> None:
        answer = route.fetch().json()
        for hit in answer["hits"]:
            for link in ("url", "thumbnail_url"):
                hit[link] = re.sub("(?i)signature=[^&]*", f"signature={OVER}", hit[link])
        route.fulfill(json=answer)

    page.route("**/api/search", expired)
    page.route(re.compile(f"signature={OVER}"), lambda route: route.fulfill(status=403, json={}))
    visit(page, page_url, "?q=a+cat&in.tags=animal")
    expect(page.locator(".tile .open").first).to_be_visible()
    shown = page.locator(".tile img").first
    wait_for(lambda: shown.evaluate("each => each.naturalWidth") or None, "the thumbnail by its new link")
    open_picture(page, "cat.png")
    expect(page.locator("#viewer-picture")).to_have_attribute("src", re.compile(r"/cat\.png\?"))


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_a_picture_that_no_browser_shows_is_shown_smaller(page: Page, page_url: str) -> None:
    visit(page, page_url, "?q=a+cat")
    page.route(
        re.compile(r"/cat\.png\?"), lambda route: route.fulfill(body=b"II*\0", content_type="image/tiff")
    )
    open_picture(page, "cat.png")
    expect(page.locator("#viewer-note")).to_have_text(EN["picture.smaller"])
    assert page.locator("#viewer-picture").evaluate("each => each.naturalWidth") > 0


@pytest.mark.parametrize("size", ["phone"], indirect=True)
def test_an_empty_library_begins_with_adding_pictures(
    page: Page, page_url: str, axe: Axe, screenshot: Screenshot
) -> None:
    def nothing(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "pictures": 0})

    page.route("**/api/health", nothing)
    visit(page, page_url)
    expect(page.locator("#start h2")).to_have_text(EN["start.first"])
    assert axe(page) == []
    screenshot("first-use")
    page.locator("#start").get_by_role("button", name=EN["adding.open"]).click()
    expect(page.locator("#adding")).to_be_visible()


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_an_upload_that_is_over_and_an_unknown_picture_are_told(page: Page, page_url: str) -> None:
    visit(page, page_url, f"?like=upload:{'0' * 32}")
    notice(page, "upload_unknown")
    visit(page, page_url, f"?like=id:{'0' * 32}")
    notice(page, "image_unknown")


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_a_store_that_does_not_answer_is_told(
    page: Page, page_url: str, tmp_path: Path, watch: Watch
) -> None:
    watch.expect("/gone")
    picture = tmp_path / "a.png"
    picture.write_bytes(png())
    visit(page, page_url)

    def elsewhere(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "url": "/gone"})

    page.route("**/api/uploads", elsewhere)
    page.route("**/gone", lambda route: route.abort())
    page.locator("#choose-file").set_input_files(picture)
    notice(page, "bucket_unreachable")


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_a_page_without_its_settings_says_so(page: Page, page_url: str, watch: Watch) -> None:
    watch.expect("config.json")
    page.route("**/config.json", lambda route: route.fulfill(status=404, body="{"))
    page.goto(page_url)
    notice(page, "configuration_missing")


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_whoever_has_to_sign_in_is_asked_to(page: Page, page_url: str, axe: Axe) -> None:
    settings = {
        "api": "/api",
        "environment": "prod",
        "authorisation": "cognito",
        "languages": ["en", "zh"],
        "sign_in": {"domain": "/sign-in", "client_id": "page", "scopes": ["imagesearch/search"]},
    }
    page.route("**/config.json", lambda route: route.fulfill(body=json.dumps(settings)))
    page.route("**/sign-in/**", lambda route: route.fulfill(body="the sign-in", content_type="text/plain"))
    page.goto(page_url.partition("#")[0])
    expect(page.locator("#access-why")).to_have_text(EN["access.cognito"])
    assert axe(page) == []
    page.get_by_role("button", name=EN["access.sign-in"]).click()
    page.wait_for_url(re.compile(r"/sign-in/oauth2/authorize\?.*code_challenge_method=S256"))
