"""What axe finds wrong in a page."""

from functools import cache
from typing import Any

from playwright.sync_api import Page

from scripts.repository import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page) -> list[str]:
    """Each violation that axe finds in the page as it is now: rule, what is wrong, and where."""
    if not page.evaluate("'axe' in window"):
        # Evaluated by the debugger, which the page's policy does not bind.
        page.evaluate(_source())
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {violation['help']} at {node['target'][0]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@cache
def _source() -> str:
    return AXE.read_text("utf-8")
