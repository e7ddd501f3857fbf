"""The search page in a browser: from the API's answer to drawn results, and a first visit."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.deployed import Deployed, deployed
from benchmarks.measuring import Say, progress
from benchmarks.results import Aim, Figure, Ratio, Section
from scripts import chromium
from scripts.gallery import gallery
from scripts.library import ingest
from scripts.target import client_of, find_target

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PART = "page"
ALLOWED_MS = 100.0
VISITS = 7
TEXTS = (
    *("a red car", "a dog", "something to eat", "a musical instrument", "a ball", "an animal in the sea"),
    *("a flower", "a building", "in space", "a train", "winter", "fruit", "a bird", "a clock", "a boat"),
)
_SIZE = {"width": 1280, "height": 800}
_WATCH = """
() => {
  const painted = (then) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => then(performance.now());
    channel.port2.postMessage(null);
  });
  window.drawn = { results: [], pictures: [] };
  const results = document.querySelector("#results");
  const note = (kind) => painted((time) => window.drawn[kind].push(time));
  new MutationObserver(() => results.querySelector(".tile") && note("results"))
    .observe(results, { childList: true });
  results.addEventListener("load", () => note("pictures"), true);
}
"""
"""Notes when changed results, and pictures in them, have been painted."""
_MEASURED = """
() => new Promise((resolve, reject) => {
  const look = () => {
    const asked = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/api/search"));
    const answered = asked.at(-1)?.responseEnd;
    const after = (times) => times.find((time) => time > answered);
    const [results, picture] = [after(window.drawn.results), after(window.drawn.pictures)];
    if (results && picture) resolve({ results: results - answered, picture: picture - answered });
    else setTimeout(look, 20);
  };
  setTimeout(() => reject(new Error("no results were drawn")), 60_000);
  look();
})
"""


def measure() -> Section:
    """Return milliseconds from answer to drawn results and to the first picture, and of a first visit."""
    with (
        progress(PART, steps=len(TEXTS) + VISITS + 2) as say,
        deployed() as environment,
        chromium.browser() as browser,
    ):
        _fill(environment, say)
        searches = _searches(browser, environment, say)
        visits = [_visit(browser, environment, say) for _ in range(VISITS + 1)][1:]
    figures = {
        "answer_to_results": [each["results"] for each in searches],
        "answer_to_picture": [each["picture"] for each in searches],
        "first_visit": visits,
        "drawing_allowed": [ALLOWED_MS],
    }
    measured = {name: Figure(name=name, unit="ms", values=tuple(each)) for name, each in figures.items()}
    return Section(
        method=(
            f"The deployed page in a headless Chromium without a graphics processor, {_SIZE['width']} by "
            f"{_SIZE['height']} pixels, on the machine that also runs everything behind it; one visitor. "
            "answer_to_results: from the last byte of the API's answer to the frame with the new results, "
            "laid out; answer_to_picture: to the frame with the first of their thumbnails, which the "
            f"thumbnail function gave out. {len(TEXTS)} searches by text, each after the one before. "
            "first_visit: of a new visitor, from nothing to a page that can be used, the examples of its "
            "start included, by plain HTTP/1.1 and uncompressed, which CloudFront would do otherwise."
        ),
        figures=tuple(measured.values()),
        ratios=(
            Ratio(
                name="page_drawing_fraction",
                numerator=measured["answer_to_results"],
                denominator=measured["drawing_allowed"],
                aim=Aim(value=1, is_most=True),
            ),
        ),
        facts={"browser": browser.version, "searches": len(TEXTS), "visits": VISITS},
    )


def _fill(environment: Deployed, say: Say) -> None:
    say("pictures")
    target = find_target(variables={"IMAGESEARCH_LOCAL_DIR": str(environment.settings.directory)})
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder, client_of(target) as client:
        gallery(Path(folder))
        ingest(
            Path(folder),
            client=client,
            s3=target.s3(),
            bucket=target.image_bucket(),
            on_progress=lambda *_: None,
        )


def _searches(browser: "Browser", environment: Deployed, say: Say) -> list[Mapping[str, float]]:
    page = _arrive(browser, environment)
    page.evaluate(_WATCH)
    measured = []
    # The first search starts what has not run yet; it is searched for again at the end.
    for number, text in enumerate((TEXTS[-1], *TEXTS)):
        say(f"search {number} of {len(TEXTS)}" if number else "warm-up")
        measured.append(_search(page, text))
    page.context.close()
    return measured[1:]


def _search(page: "Page", text: str) -> Mapping[str, float]:
    page.evaluate(
        "performance.clearResourceTimings(); window.drawn.results.length = window.drawn.pictures.length = 0"
    )
    page.locator("#text").fill(text)
    page.locator("#text").press("Enter")
    found: Any = page.evaluate(_MEASURED)
    return {name: float(value) for name, value in found.items()}


def _visit(browser: "Browser", environment: Deployed, say: Say) -> float:
    say("first visits")
    page = _arrive(browser, environment)
    took = float(page.evaluate("window.usable"))
    page.context.close()
    return took


def _arrive(browser: "Browser", environment: Deployed) -> "Page":
    """Load the page as a new visitor, and wait until it can be used; `window.usable` is when that was."""
    page = browser.new_context(viewport=_SIZE).new_page()  # type: ignore[arg-type]
    page.add_init_script(
        """new MutationObserver((_, seen) => {
             if (!document.body?.matches(".ready:not(.busy)")) return;
             window.usable = performance.now();
             seen.disconnect();
           }).observe(document, { subtree: true, childList: true, attributes: true });"""
    )
    page.goto(environment.environment.page_address or "")
    page.locator("body.ready:not(.busy)").wait_for()
    return page
