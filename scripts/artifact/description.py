"""model.json and the fingerprint in it."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clip_inference.config import PREPROCESSING_VERSION, TextSettings
from clip_inference.runtimes import tower_files
from scripts.artifact.digests import file_digest
from scripts.artifact.forms import EXACT, Form
from scripts.artifact.model_files import ModelFiles

TOKENIZER = "tokenizer.json"


def fingerprint_of(folder: Path, files: ModelFiles, form: Form = EXACT) -> str:
    """64 hex digits that change exactly when a vector may: over towers, tokenizer and preprocessing.

    `folder` holds the towers as they are packaged in this form. Wheels, name, licence and origin have no part
    in it.
    """
    names = (*tower_files("image", form.runtime), *tower_files("text", form.runtime), TOKENIZER)
    parts = {name: file_digest(folder / name) for name in names} | _preprocessing(files)
    if form.runtime == "openvino":  # which is told beside the towers what to compute them in
        parts |= asdict(form)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def describe(
    files: ModelFiles, *, name: str, licence: str, fingerprint: str, form: Form = EXACT
) -> dict[str, Any]:
    """The content of model.json, as `clip_inference.config.parse_config` reads it."""
    return {
        "name": name,
        "fingerprint": fingerprint,
        "dimension": files.dimension,
        "runtime": form.runtime,
        "precision": form.precision,
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
