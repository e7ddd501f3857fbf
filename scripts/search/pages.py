"""Several pages of one search as one answer."""

from collections import Counter
from collections.abc import Iterable

from imagesearch_client import SearchResult


def joined(pages: Iterable[SearchResult]) -> SearchResult:
    """One result with the hits of all pages, of which there is at least one, and the last one's cursor."""
    first, *others = pages
    pages = (first, *others)
    took = Counter[str]()
    for page in pages:
        took.update(page.took_ms)
    changes = {
        "hits": tuple(hit for page in pages for hit in page.hits),
        "found": max(page.found for page in pages),
        "cursor": pages[-1].cursor,
        "took_ms": dict(took),
    }
    return first.model_copy(update=changes)
