"""The description of a model, `model.json`, as frozen and validated values."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from clip_inference.errors import ModelError

# Part of the fingerprint: raise it whenever decoding, preprocessing or tokenization changes a vector.
PREPROCESSING_VERSION = 4

Resize = Literal["shortest", "squash"]
Interpolation = Literal["bicubic", "bilinear"]
Padding = Literal["fixed", "longest"]
IdType = Literal["int32", "int64"]

Runtime = Literal["onnxruntime", "openvino"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
"""A tower's numbers: fp16 is stored in half precision and computed in fp32, bf16 stored so, too."""


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """How a picture becomes the input of the image tower. `mean` and `std` are of pixels scaled to 0..1."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize: Resize
    interpolation: Interpolation
    input: str

    def __post_init__(self) -> None:
        _require(self.size > 0, "image.size must be positive")
        _require(len(self.mean) == len(self.std) == 3, "image.mean and image.std must have three values")
        _require(all(value > 0 for value in self.std), "image.std must be positive")
        _require(self.resize in get_args(Resize), "image.resize must be shortest or squash")
        _require(
            self.interpolation in get_args(Interpolation), "image.interpolation must be bicubic or bilinear"
        )


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """How a text becomes the inputs of the text tower."""

    context_length: int
    padding: Padding
    pad_id: int
    ids_input: str
    mask_input: str | None
    dtype: IdType
    canonicalize: bool

    def __post_init__(self) -> None:
        _require(self.context_length > 1, "text.context_length must be at least 2")
        _require(self.pad_id >= 0, "text.pad_id must not be negative")
        _require(self.padding in get_args(Padding), "text.padding must be fixed or longest")
        _require(self.dtype in get_args(IdType), "text.dtype must be int32 or int64")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One model: its identity, the length of its vectors, what computes them, and both towers' settings."""

    name: str
    fingerprint: str
    dimension: int
    runtime: Runtime
    precision: Precision
    image: ImageSettings
    text: TextSettings

    def __post_init__(self) -> None:
        _require(self.dimension > 0, "dimension must be positive")
        is_hex = len(self.fingerprint) == 64 and set(self.fingerprint) <= set("0123456789abcdef")
        _require(is_hex, "fingerprint must be 64 hexadecimal digits")
        _require(self.runtime in get_args(Runtime), f"runtime must be one of {get_args(Runtime)}")
        _require(self.precision in get_args(Precision), f"precision must be one of {get_args(Precision)}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ModelError(f"model.json: {message}")


def parse_config(document: dict[str, Any]) -> ModelConfig:
    """The configuration that `document` describes; what is not used here (licence, source) is ignored."""
    try:
        version = document["preprocessing_version"]
        image, text = dict(document["image"]), dict(document["text"])
        inputs = text.pop("inputs")
        config = ModelConfig(
            name=document["name"],
            fingerprint=document["fingerprint"],
            dimension=document["dimension"],
            runtime=document["runtime"],
            precision=document["precision"],
            image=ImageSettings(**{**image, "mean": tuple(image["mean"]), "std": tuple(image["std"])}),
            text=TextSettings(**text, ids_input=inputs["ids"], mask_input=inputs["mask"]),
        )
    except KeyError as error:
        raise ModelError(f"model.json: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise ModelError(f"model.json: {error}") from error
    _require(
        version == PREPROCESSING_VERSION,
        f"packaged for preprocessing version {version}, but this code is version {PREPROCESSING_VERSION}",
    )
    return config


def load_config(model_dir: Path) -> ModelConfig:
    """The configuration in `model_dir`/model.json; `ModelError` where it is missing or malformed."""
    try:
        document = json.loads((model_dir / "model.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"model.json: {error}") from error
    _require(isinstance(document, dict), "must hold one object")
    return parse_config(document)
