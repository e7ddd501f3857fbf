"""Answers of the API that several tests of the command line share."""

from typing import Any

from imagesearch.metadata import Attributes


def a_health(attributes: Attributes) -> dict[str, Any]:
    """What GET /health answers of an empty index."""
    return {
        "status": "ok",
        "index": "i",
        "fingerprint": "f",
        "space": "cosinesimil",
        "pictures": 0,
        "attributes": dict(attributes),
        "parts": {"index": "ok", "model": "ok"},
    }
