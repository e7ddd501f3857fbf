"""The page in a real browser, on the deployed local environment with real pictures."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from imagesearch_client import ImageSearchClient
from scripts.repository import ROOT
from scripts.target import Target, client_of
from tests.browser import patient_browser, visitor
from tests.deployed import deployed, own_command
from tests.e2e.command import Command
from tests.page.accessibility import violations
from tests.page.album import Album, described_gallery
from tests.page.sizes import SIZES, Size
from tests.page.watch import Watch

SCREENSHOTS = ROOT / "build" / "screenshots"
"""Where screenshots are kept after a run."""


@pytest.fixture(scope="package")
def imagesearch(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command line, with a state directory and ports of its own."""
    return own_command(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="package")
def deployment(imagesearch: Command) -> Iterator[Target]:
    """The ``local`` environment, deployed by ``cdk deploy``; stopped fully at the end."""
    with deployed(imagesearch) as target:
        yield target


@pytest.fixture(scope="package")
def client(deployment: Target) -> Iterator[ImageSearchClient]:
    with client_of(deployment) as client:
        yield client


@pytest.fixture(scope="package")
def album(imagesearch: Command, deployment: Target, tmp_path_factory: pytest.TempPathFactory) -> Album:
    """The gallery's pictures in the deployed library, described, each of which can be found."""
    folder = tmp_path_factory.mktemp("gallery")
    described_gallery(folder)
    imagesearch("ingest", str(folder), check=True)
    return Album(folder=folder, target=deployment)


@pytest.fixture(scope="package")
def page_url(album: Album, imagesearch: Command) -> str:
    """The page's address as `imagesearch local up` prints it: with the key behind `#`."""
    return album.page_url(imagesearch.variables)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with patient_browser() as running:
        yield running


@pytest.fixture(params=list(SIZES))
def size(request: pytest.FixtureRequest) -> Size:
    """A screen; `@pytest.mark.parametrize("size", ["phone"], indirect=True)` narrows a test to one."""
    return SIZES[request.param]


@pytest.fixture
def context(browser: Browser, size: Size) -> Iterator[BrowserContext]:
    """A visitor who has never been here, with a screen of this size."""
    context = visitor(
        browser,
        viewport={"width": size.width, "height": size.height},
        has_touch=size.touch,
        is_mobile=size.touch,
        accept_downloads=True,
    )
    try:
        yield context
    finally:
        context.close()


@pytest.fixture
def watch(context: BrowserContext, page_url: str, deployment: Target) -> Watch:
    """What went wrong in the browser; `watch.expect(...)` names what a test brings about itself."""
    watch = Watch(page_url=page_url, bucket_url=deployment.aws_endpoint_url or "")
    watch.listen(context)
    return watch


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Iterator[Page]:
    """An empty tab, for `page.goto(page_url)`. Errors of the console and foreign requests fail the test."""
    yield context.new_page()
    watch.require_clean()


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """What axe finds in the page as it is now, a line each: `assert axe(page) == []`."""
    return violations


@pytest.fixture
def screenshot(page: Page, size: Size) -> Callable[[str], Path]:
    """Keep what the page shows now as an artifact, under a name and the screen's."""

    def take(name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}-{size.name}.png"
        page.screenshot(path=path, animations="disabled")
        return path

    return take
