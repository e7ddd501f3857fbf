"""Models of real architectures in the hub's layout, with the settings files that open_clip writes."""

import json
import string
from pathlib import Path
from typing import Any

import onnx
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import Replace
from tokenizers.processors import TemplateProcessing

from tests.architectures import towers

CANONICAL = Path(__file__).parents[1] / "fixtures" / "canonical"
CLIP_TOKENIZER = CANONICAL / "clip_tokenizer.json"
OPENAI = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}
SIGLIP = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
PREPROCESSING = {"mode": "RGB", "fill_color": 0, "size": [towers.IMAGE_SIZE, towers.IMAGE_SIZE]}
SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>")


def write_clip(folder: Path, layers: int = towers.LAYERS) -> Path:
    """CLIP ViT-B/32: 77 tokens padded with the end token, the picture's centre; `folder` is returned."""
    vocabulary = towers.CLIP_VOCABULARY
    text = {"context_length": 77, "vocab_size": vocabulary, "width": 512, "heads": 8, "layers": layers}
    _write_json(folder / "config.json", {"embed_dim": towers.CLIP_DIMENSION, "text_cfg": text})
    _write_json(folder / "visual/preprocess_cfg.json", PREPROCESSING | OPENAI)
    _write_json(folder / "textual/tokenizer_config.json", {"pad_token": "<|endoftext|>"})
    (folder / "textual/tokenizer.json").write_bytes(CLIP_TOKENIZER.read_bytes())
    onnx.save(towers.clip_image(layers), folder / "visual/model.onnx")
    onnx.save(towers.clip_text(layers), folder / "textual/model.onnx")
    return folder


def write_siglip(folder: Path) -> Path:
    """A SigLIP of width 768: 64 tokens of canonicalised text, the whole picture; `folder` is returned."""
    tokenizer = siglip_tokenizer()
    text = {
        "context_length": towers.SIGLIP_TEXT.length,
        "vocab_size": tokenizer.get_vocab_size(),
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "no_causal_mask": True,
        "pool_type": "last",
    }
    _write_json(folder / "config.json", {"embed_dim": towers.SIGLIP_TEXT.width, "text_cfg": text})
    _write_json(folder / "visual/preprocess_cfg.json", PREPROCESSING | SIGLIP)
    _write_json(folder / "textual/tokenizer_config.json", {"pad_token": "<pad>"})
    tokenizer.save(str(folder / "textual/tokenizer.json"))
    onnx.save(towers.siglip_image(), folder / "visual/model.onnx")
    onnx.save(towers.siglip_text(tokenizer.get_vocab_size()), folder / "textual/model.onnx")
    return folder


def siglip_tokenizer() -> Tokenizer:
    """A tokenizer built as Gemma's is, its vocabulary letters and bytes: text, then the end token."""
    letters = [*string.ascii_lowercase, *string.digits, "▁"]
    names = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    model = BPE({name: place for place, name in enumerate(names)}, [], unk_token="<unk>", byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = Replace(" ", "▁")
    tokenizer.post_processor = TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), "utf-8")
