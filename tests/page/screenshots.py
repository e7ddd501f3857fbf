"""``python -m tests.page.screenshots``: take the pictures that the README shows of the deployed page."""

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page

from scripts.repository import ROOT
from tests.browser import patient_browser, visitor
from tests.deployed import deployed, own_command
from tests.page.acting import done, look_for, open_picture
from tests.page.album import described_gallery
from tests.page.sizes import SIZES

SHOWN = ROOT / "docs" / "screenshots"
QUALITY = 80
"""Of WebP, whose pictures of text stay sharp."""
_PICTURES = """
() => Promise.all([...document.images]
  .filter((image) => image.getBoundingClientRect().top < innerHeight && image.checkVisibility())
  .map((image) => image.decode().catch(() => {})))
"""
"""Waits until every picture on the screen can be drawn."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture: what is done before it, on which screen, and in which colours."""

    name: str
    size: str
    colours: Literal["light", "dark"]
    prepare: Callable[[Page], None]


def _results(page: Page) -> None:
    look_for(page, "an animal in the wild")


def _viewer(page: Page) -> None:
    look_for(page, "a cat")
    open_picture(page, "cat.png")


SHOTS = (
    Shot(name="results", size="desktop", colours="light", prepare=_results),
    Shot(name="viewer", size="desktop", colours="dark", prepare=_viewer),
    Shot(name="start", size="phone", colours="light", prepare=done),
    Shot(name="results", size="phone", colours="dark", prepare=_results),
)


def take_all() -> list[Path]:
    """Deploy the local environment with the gallery, take every shot, and end it all again."""
    with tempfile.TemporaryDirectory(prefix="imagesearch-screenshots-") as folder:
        imagesearch = own_command(Path(folder) / "local")
        pictures = Path(folder) / "pictures"
        described_gallery(pictures)
        with deployed(imagesearch), patient_browser() as browser:
            imagesearch("ingest", str(pictures), check=True)
            described = json.loads((Path(folder) / "local" / "environment.json").read_text("utf-8"))
            url = f"{described['page_url']}#key={described['api_key']}"
            return [take(browser, url, shot) for shot in SHOTS]


def take(browser: Browser, url: str, shot: Shot, folder: Path = SHOWN) -> Path:
    """Take one picture into ``folder``; its path."""
    size = SIZES[shot.size]
    context = visitor(
        browser,
        viewport={"width": size.width, "height": size.height},
        device_scale_factor=2 if size.touch else 1,
        is_mobile=size.touch,
        has_touch=size.touch,
        color_scheme=shot.colours,
    )
    page = context.new_page()
    page.goto(url)
    done(page)
    shot.prepare(page)
    page.evaluate(_PICTURES)
    path = folder / f"{shot.name}-{shot.size}-{shot.colours}.webp"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(page.screenshot(animations="disabled"))).save(path, quality=QUALITY, method=6)
    context.close()
    return path


if __name__ == "__main__":
    for taken in take_all():
        print(taken.relative_to(ROOT))  # noqa: T201
