"""What people do on the page, and what they then see."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Locator, Page, Request, Route, expect

from scripts.repository import ROOT

PART = "The search page: in Chromium, through distribution, API and bucket"
"""What tests of the page show to work, for the table of what was verified where."""
WEB = ROOT / "web"
_FILES = """
async ([kind, files]) => {
  const data = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    data.items.add(new File([bytes], name));
  }
  const target = document.activeElement ?? document.body;
  if (kind === "paste") {
    target.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
  } else {
    for (const name of ["dragover", "drop"]) {
      target.dispatchEvent(new DragEvent(name, {dataTransfer: data, bubbles: true, cancelable: true}));
    }
  }
}
"""
_RECORD = """
window.told = [];
new MutationObserver(() => {
  const text = document.querySelector(%s)?.textContent;
  if (text && window.told.at(-1) !== text) window.told.push(text);
}).observe(document, {subtree: true, childList: true, characterData: true});
"""


def words(language: str = "en") -> dict[str, str]:
    """The page's words in a language."""
    return dict(json.loads((WEB / "strings" / f"{language}.json").read_text("utf-8")))


EN = words()


def visit(page: Page, page_url: str, query: str = "") -> None:
    """Load the page with the key, and perhaps a query, and wait until it shows something."""
    address, _, key = page_url.partition("#")
    page.goto(f"{address}{query}#{key}")
    done(page)


def done(page: Page) -> None:
    """Wait until nothing is under way."""
    expect(page.locator("body.ready:not(.busy)")).to_have_count(1)


def record(page: Page, selector: str) -> Callable[[], list[str]]:
    """Record what an element says, however briefly, from the next visit on; what returns all of it so far."""
    page.add_init_script(_RECORD % json.dumps(selector))
    return lambda: list(page.evaluate("window.told"))


def look_for(page: Page, text: str) -> None:
    """Search by words."""
    page.locator("#text").fill(text)
    page.locator("#text").press("Enter")
    done(page)


def names(page: Page) -> list[str]:
    """The names of the pictures in the grid, in their order."""
    titles: list[str] = page.locator("#results .open").evaluate_all("all => all.map((each) => each.title)")
    return titles


def tile(page: Page, name: str) -> Locator:
    """The tile of a picture."""
    return page.locator(".tile", has=page.locator(f'.open[title="{name}"]'))


def open_picture(page: Page, name: str) -> None:
    """Open a picture of the grid by the keyboard."""
    tile(page, name).locator(".open").press("Enter")
    expect(page.locator("#viewer-name")).to_have_text(name)


def act_on(page: Page, name: str, what: str) -> None:
    """Ask for more ("like") or less ("unlike") like a picture of the grid."""
    there = tile(page, name)
    there.hover()
    there.get_by_role("button", name=EN[f"{what}.named"].format(name=name)).click()
    done(page)


def give(page: Page, kind: str, *files: Path) -> None:
    """Paste or drop files."""
    contents = [(file.name, base64.b64encode(file.read_bytes()).decode()) for file in files]
    page.evaluate(_FILES, [kind, contents])


def open_panel(page: Page) -> Locator:
    """The panel of filters, which is open already on large screens."""
    button = page.locator("#open-panel")
    if button.get_attribute("aria-expanded") != "true":
        button.click()
    return page.locator("#panel")


def query(page: Page) -> str:
    """What the address bar says behind the path."""
    return urlsplit(page.url).query


def focused(page: Page) -> str:
    """The id of what is in focus."""
    return str(page.evaluate("document.activeElement.id"))


def asked_for(request: Request) -> dict[str, Any]:
    """The JSON of a request's body."""
    return dict(json.loads(request.post_data or "{}"))


def refuse(
    context: BrowserContext | Page,
    path: str,
    *,
    status: int,
    code: str,
    times: int | None = None,
    **headers: str,
) -> None:
    """Let the API refuse requests for a path, as often as is said."""
    body = {"error": {"code": code, "message": "The API's own words."}, "request_id": "request-1"}

    def answer(route: Route) -> None:
        route.fulfill(status=status, json=body, headers={n.replace("_", "-"): v for n, v in headers.items()})

    context.route(re.compile(rf"/api/{path}"), answer, **({"times": times} if times else {}))


def made_up(place: int) -> dict[str, Any]:
    """A hit as the API shows it, of shapes that differ."""
    width, height = ((640, 480), (480, 640), (1200, 400), (512, 512))[place % 4]
    return {
        "id": f"{place:032x}",
        "key": f"made-up/{place}.jpg",
        "score": round(0.9 - place / 10_000, 4),
        "url": f"/made-up/{place}.jpg",
        "thumbnail_url": f"thumbnails/{place:032x}?key=made-up&size=256&signature=none",
        "width": width,
        "height": height,
        "content_type": "image/jpeg",
        "size": 10_000 + place,
        "last_modified": f"2026-01-{1 + place % 28:02}T00:00:00Z",
        "matched": ["picture"],
    }


def many(context: BrowserContext | Page, total: int, *, picture: bytes) -> None:
    """Let the API find so many pictures, page by page, all of which look the same."""

    def found(route: Route) -> None:
        asked = asked_for(route.request)
        begin = int(asked.get("cursor", 0))
        end = min(begin + asked["k"], total)
        answer = {
            "hits": [made_up(place) for place in range(begin, end)],
            "found": min(total, 1000),
            "took_ms": {"encode": 1, "search": 1, "rest": 1, "total": 3},
            "model": {"fingerprint": "f"},
            "index": "i",
        }
        route.fulfill(json=answer | ({"cursor": str(end)} if end < total else {}))

    context.route("**/api/search", found)
    context.route("**/api/thumbnails/**", lambda route: route.fulfill(body=picture, content_type="image/png"))
    context.route("**/made-up/**", lambda route: route.fulfill(body=picture, content_type="image/png"))
