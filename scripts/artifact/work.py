"""What an artifact is made from, as one key: unchanged inputs need no new artifact."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from scripts.artifact.digests import folder_digest
from scripts.repository import ROOT

MODEL_CODE = ROOT / "model_code"
# Where things that can be made again are kept; git ignores it.
BUILD = ROOT / "build"

Report = Callable[[str], None]
"""Told each step of a long piece of work, as a few words."""


def content_key(origin: str, *, python: str, platform_tag: str) -> str:
    """The SHA-256 over all that an artifact depends on: origin, handler, target and this package."""
    inputs = {
        "origin": origin,
        "model_code": folder_digest(MODEL_CODE),
        "packaging": folder_digest(Path(__file__).parent),
        "python": python,
        "platform": platform_tag,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
