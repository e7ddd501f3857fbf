"""model.json and the fingerprint in it."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clip_inference.config import PREPROCESSING_VERSION, TextSettings
from scripts.artifact.digests import file_digest
from scripts.artifact.model_files import ModelFiles

TOWERS = ("image.onnx", "text.onnx", "tokenizer.json")


def fingerprint_of(folder: Path, files: ModelFiles) -> str:
    """64 hex digits that change exactly when a vector may: over towers, tokenizer and preprocessing.

    `folder` holds the towers as they are packaged. Wheels, name, licence and origin have no part in it.
    """
    parts = {name: file_digest(folder / name) for name in TOWERS} | _preprocessing(files)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def describe(files: ModelFiles, *, name: str, licence: str, fingerprint: str) -> dict[str, Any]:
    """The content of model.json, as `clip_inference.config.parse_config` reads it."""
    return {
        "name": name,
        "fingerprint": fingerprint,
        "dimension": files.dimension,
        "licence": licence,
        "source": files.source,
        "revision": files.revision,
    } | _preprocessing(files)


def _preprocessing(files: ModelFiles) -> dict[str, Any]:
    return {
        "image": asdict(files.image),
        "text": _text(files.text),
        "preprocessing_version": PREPROCESSING_VERSION,
    }


def _text(text: TextSettings) -> dict[str, Any]:
    settings = asdict(text)
    inputs = {"ids": settings.pop("ids_input"), "mask": settings.pop("mask_input")}
    return {**settings, "inputs": inputs}
