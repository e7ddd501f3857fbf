"""The baseline's handler: a text or one picture a request, encoded eagerly, answered as a JSON list."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from clip import CONTEXT, SIZE, Clip
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


@dataclass(frozen=True)
class Model:
    """The loaded model."""

    clip: Clip
    tokenizer: Tokenizer


def model_fn(model_dir: str) -> Model:
    """Load weights and tokenizer."""
    clip = Clip()
    clip.load_state_dict(torch.load(Path(model_dir, "model.pt"), map_location="cpu"))
    tokenizer = Tokenizer.from_file(str(Path(model_dir, "tokenizer.json")))
    tokenizer.enable_truncation(CONTEXT)
    tokenizer.enable_padding(length=CONTEXT, pad_id=0)
    return Model(clip.eval(), tokenizer)


def input_fn(body: Any, content_type: str) -> str | Image.Image:
    """Read {"inputs": text}, or a picture's bytes."""
    if content_type == "application/json":
        return str(json.loads(body)["inputs"])
    return Image.open(io.BytesIO(bytes(body)))


def predict_fn(given: str | Image.Image, model: Model) -> Tensor:
    """Encode what was given, (512)."""
    with torch.no_grad():
        if isinstance(given, str):
            ids = torch.tensor([model.tokenizer.encode(given).ids])
            return model.clip.text(ids)[0]
        return model.clip.image(preprocess(given)[None])[0]


def preprocess(picture: Image.Image) -> Tensor:
    """CLIP's own: the shorter side to 224, the centre, normalised; (3, 224, 224)."""
    width, height = (int(SIZE * length / min(picture.size)) for length in picture.size)
    resized = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, upper = (resized.width - SIZE) // 2, (resized.height - SIZE) // 2
    cropped = resized.crop((left, upper, left + SIZE, upper + SIZE)).convert("RGB")
    levels = np.asarray(cropped, np.float32) / 255
    return torch.from_numpy((levels - MEAN) / STD).permute(2, 0, 1).contiguous()


def output_fn(prediction: Tensor, accept: str) -> str:
    """Write the vector as a JSON list."""
    del accept
    return json.dumps(prediction.tolist())
