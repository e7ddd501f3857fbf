"""Mermaid itself draws the diagrams of the documents, each node and each arrow of them."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from scripts.repository import ROOT
from tests.browser import patient_browser

MERMAID = ROOT / "node_modules" / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js"
DRAW = (
    "async text => { mermaid.initialize({startOnLoad: false}); return (await mermaid.render('d', text)).svg }"
)
DIAGRAMS = {
    f"{document.name} {number}": text
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, text in enumerate(
        re.findall(r"```mermaid\n(.*?)```", document.read_text("utf-8"), re.DOTALL), 1
    )
}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with patient_browser() as browser:
        page = browser.new_page()
        page.add_script_tag(path=MERMAID)
        yield page


@pytest.mark.parametrize("name", DIAGRAMS)
def test_a_diagram_is_drawn_with_all_its_arrows_and_words(page: Page, name: str) -> None:
    text = DIAGRAMS[name]
    page.set_content(page.evaluate(DRAW, text))
    assert page.locator("path.flowchart-link").count() == len(re.findall(r"-->|\.->", text))
    drawn = "".join(page.inner_text("body").split())
    assert [each for each in quoted(text) if "".join(each.split()) not in drawn] == []


def test_what_mermaid_cannot_read_is_not_drawn(page: Page) -> None:
    with pytest.raises(PlaywrightError, match="Parse error"):
        page.evaluate(DRAW, 'flowchart LR\n    a["x" --> b')


def quoted(text: str) -> list[str]:
    """The words of nodes and arrows, as they are to be read."""
    words = [each for quote in re.findall(r'"(.*?)"', text) for each in re.split(r"<[^>]+>", quote)]
    return [each.replace("#lt;", "<").replace("#gt;", ">").replace("#quot;", '"') for each in words]
