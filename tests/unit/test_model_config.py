"""model.json is read strictly where a vector depends on it, and nowhere else."""

import json
from pathlib import Path
from typing import Any

import pytest

from clip_inference.config import PREPROCESSING_VERSION, load_config, parse_config
from clip_inference.errors import ModelError
from tests.tiny_model import FINGERPRINT, description


def document(**changes: Any) -> dict[str, Any]:
    return description(32, 224, "fixed") | changes


def nested(section: str, **changes: Any) -> dict[str, Any]:
    whole = document()
    whole[section] |= changes
    return whole


def test_description_is_read() -> None:
    config = parse_config(document())
    assert (config.name, config.fingerprint, config.dimension) == ("tiny", FINGERPRINT, 32)
    assert (config.image.size, config.image.resize, config.image.input) == (224, "shortest", "pixels")
    assert (config.text.ids_input, config.text.mask_input, config.text.context_length) == ("ids", "mask", 16)


def test_tower_without_mask_is_described_by_null() -> None:
    config = parse_config(nested("text", inputs={"ids": "text", "mask": None}))
    assert config.text.mask_input is None


@pytest.mark.parametrize(
    "field", ["name", "fingerprint", "dimension", "image", "text", "preprocessing_version"]
)
def test_missing_field_is_named(field: str) -> None:
    incomplete = document()
    del incomplete[field]
    with pytest.raises(ModelError, match=field):
        parse_config(incomplete)


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (document(fingerprint="short"), "fingerprint"),
        (document(dimension=0), "dimension"),
        (nested("image", size=0), "image.size"),
        (nested("image", mean=[0.5]), "image.mean"),
        (nested("image", std=[0.5, 0.5, 0.0]), "image.std"),
        (nested("image", resize="stretch"), "image.resize"),
        (nested("image", interpolation="nearest"), "image.interpolation"),
        (nested("image", colour="sepia"), "colour"),
        (nested("text", context_length=1), "text.context_length"),
        (nested("text", padding="left"), "text.padding"),
        (nested("text", pad_id=-1), "text.pad_id"),
        (nested("text", dtype="float32"), "text.dtype"),
    ],
)
def test_contradictory_description_is_refused_and_the_field_named(broken: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelError, match=named):
        parse_config(broken)


def test_artifact_of_another_preprocessing_version_is_refused() -> None:
    with pytest.raises(ModelError, match="preprocessing version"):
        parse_config(document(preprocessing_version=PREPROCESSING_VERSION + 1))


@pytest.mark.parametrize("content", [None, "{", json.dumps([1])])
def test_unreadable_description_is_a_model_error(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError, match=r"model\.json"):
        load_config(tmp_path)
