"""What a first visit costs, whom the page speaks to, and what browsers are told of it, all deployed."""

import gzip
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from playwright.sync_api import Page, Response

from imagesearch_client import ImageSearchClient
from scripts.gallery import DEMO_PICTURE
from scripts.local.emulator.mends import KEPT_EVALUATORS
from scripts.local.emulator_process import PART as EMULATOR
from scripts.local.processes import MARKER, ProcessTable
from scripts.local.settings import LocalSettings
from tests.e2e.command import Command
from tests.page.acting import done
from tests.page.album import Album
from tests.page.watch import Watch
from tests.waiting import PATIENCE_SECONDS

pytestmark = [
    pytest.mark.page,
    pytest.mark.verified("The page and its API under one domain, with security headers", on="emulator"),
]

ALLOWED_BYTES = 100_000
desktop = pytest.mark.parametrize("size", ["desktop"], indirect=True)


def _kind(response: Response) -> str:
    path = urlsplit(response.url).path
    if not path.startswith("/api/"):
        return "page"
    return "picture" if response.headers.get("content-type", "").startswith("image/") else "data"


def _load(page: Page, url: str) -> Mapping[str, list[Response]]:
    """The answers that a visit gets until the page can be used, by their kind."""
    answers: dict[str, list[Response]] = defaultdict(list)
    page.on("response", lambda answer: answers[_kind(answer)].append(answer))
    page.goto(url)
    done(page)
    return answers


def _bytes(answers: Iterable[Response]) -> int:
    """The bytes of the bodies as they were transferred, which here is uncompressed."""
    return sum(answer.request.sizes()["responseBodySize"] for answer in answers)


@desktop
def test_the_files_of_a_first_visit_are_at_most_100_kb_uncompressed(page: Page, page_url: str) -> None:
    files = _load(page, page_url)["page"]
    sizes = {urlsplit(file.url).path: _bytes([file]) for file in files}
    assert sum(sizes.values()) <= ALLOWED_BYTES, sizes


@desktop
def test_all_that_a_first_visit_transfers_but_pictures_is_at_most_100_kb(page: Page, page_url: str) -> None:
    answers = _load(page, page_url)
    assert answers["data"], "the page has asked the API for nothing"
    # CloudFront compresses the files, and not what comes from the API.
    files = sum(len(gzip.compress(file.body())) for file in answers["page"])
    assert files + _bytes(answers["data"]) <= ALLOWED_BYTES


@desktop
def test_a_second_visit_transfers_no_file_again_that_has_not_changed(page: Page, page_url: str) -> None:
    first = {file.url for file in _load(page, page_url)["page"]}
    page.goto("about:blank")
    again = [file for file in _load(page, page_url)["page"] if file.url in first]
    assert len(again) > 1
    # The configuration is never taken from a copy.
    again = [file for file in again if not file.url.endswith("/config.json")]
    assert _bytes(again) == 0


@desktop
def test_the_key_leaves_the_address_bar_at_once(page: Page, page_url: str) -> None:
    page.goto(page_url)
    done(page)
    assert page.url == page_url.partition("#")[0]


@desktop
def test_a_script_that_others_bring_into_the_page_does_not_run(
    page: Page, page_url: str, watch: Watch
) -> None:
    watch.expect("Content Security Policy")
    watch.expect("requires 'Trusted")
    page.goto(page_url)
    ran = page.evaluate(
        """() => {
          const script = document.createElement("script");
          const tries = [
            () => { script.text = "window.ran = true"; document.body.append(script); },
            () => document.body.setAttribute("onclick", "window.ran = true"),
            () => { document.body.innerHTML = "<img src='x:' onerror='window.ran = true'>"; },
          ];
          for (const attempt of tries) { try { attempt(); } catch {} }
          document.body.click();
          return window.ran === true;
        }"""
    )
    assert ran is False
    assert watch.faults


@desktop
def test_the_page_can_send_nothing_to_others(page: Page, page_url: str, watch: Watch) -> None:
    watch.expect("Content Security Policy")
    page.goto(page_url)
    sent = page.evaluate("fetch('http://127.0.0.2:9/').then(() => 'sent', (error) => error.name)")
    assert sent == "TypeError"
    assert any("connect-src" in fault for fault in watch.faults)


def _get(page_url: str, path: str) -> httpx.Response:
    return httpx.get(page_url.partition("#")[0] + path, timeout=PATIENCE_SECONDS, trust_env=False)


@pytest.mark.parametrize("path", ["", "style.css", "config.json", "api/health", "api/openapi.json"])
def test_every_answer_tells_browsers_what_they_may_do(page_url: str, path: str) -> None:
    headers = _get(page_url, path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["strict-transport-security"].startswith("max-age=")


def test_the_page_is_told_where_the_api_is_and_how_to_be_admitted(page_url: str) -> None:
    assert _get(page_url, "config.json").json() == {
        "api": "/api",
        "authorisation": "key",
        "environment": "local",
        "languages": ["en", "zh"],
    }


def test_the_page_is_one_of_the_parts_whose_health_is_told(imagesearch: Command, page_url: str) -> None:
    assert " web " in imagesearch("local", "status", check=True).stdout
    assert page_url.startswith(f"http://127.0.0.1:{imagesearch.variables['IMAGESEARCH_WEB_PORT']}/")


def test_an_error_of_the_api_passes_the_distribution_as_it_is(page_url: str) -> None:
    answer = _get(page_url, "api/images/unknown")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "key_missing"


def test_a_picture_passes_the_distribution_byte_by_byte(page_url: str, album: Album) -> None:
    picture = album.folder / DEMO_PICTURE
    url, _, key = page_url.partition("#key=")
    with ImageSearchClient(f"{url}api", key) as through, ImageSearchClient(album.target.url, key) as direct:
        found = [client.search(picture=picture, k=3) for client in (through, direct)]
    assert [hit.key for hit in found[0].hits] == [hit.key for hit in found[1].hits]
    assert found[0].hits[0].score > 0.9


def test_who_asks_for_much_at_once_leaves_no_process_behind(page_url: str, imagesearch: Command) -> None:
    with ThreadPoolExecutor(2 * KEPT_EVALUATORS) as browsers:
        answers = list(browsers.map(lambda _: _get(page_url, "style.css"), range(8 * KEPT_EVALUATORS)))

    assert {answer.status_code for answer in answers} == {200}
    assert 0 < len(_evaluators(imagesearch)) <= KEPT_EVALUATORS + 1


def _evaluators(imagesearch: Command) -> list[psutil.Process]:
    """The processes in which the environment's CDN evaluates its functions."""
    directory = LocalSettings.from_environment(imagesearch.variables).directory
    marker = ProcessTable(directory).marker(EMULATOR)
    found = psutil.process_iter(["cmdline", "environ"])
    ours = [each for each in found if (each.info["environ"] or {}).get(MARKER) == marker]
    return [each for each in ours if "-e" in (each.info["cmdline"] or [])]
