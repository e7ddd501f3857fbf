"""The browser that tests drive, as patient as every other wait of theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, expect

from scripts import chromium
from tests.waiting import PATIENCE_SECONDS

PATIENCE_MS = PATIENCE_SECONDS * 1000


@contextmanager
def patient_browser() -> Iterator[Browser]:
    """A Chromium that runs until the block ends; what is expected of its pages may take a while."""
    expect.set_options(timeout=PATIENCE_MS)
    with chromium.browser() as running:
        yield running


def visitor(browser: Browser, **options: Any) -> BrowserContext:
    """Somebody who has never been here, and reads English; ``options`` are those of Playwright's contexts."""
    context = browser.new_context(locale="en-US", **options)
    context.set_default_timeout(PATIENCE_MS)
    return context
