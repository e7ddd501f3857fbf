"""The files and settings that make one model, wherever they come from."""

from dataclasses import dataclass
from pathlib import Path

from clip_inference.config import ImageSettings, TextSettings


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """Both towers (ONNX), the tokenizer (tokenizers JSON), and how their inputs are made.

    `source` and `revision` say where they come from; they are written into model.json.
    """

    image_tower: Path
    text_tower: Path
    tokenizer: Path
    dimension: int
    image: ImageSettings
    text: TextSettings
    source: str
    revision: str
