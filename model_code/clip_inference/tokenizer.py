"""From texts to the inputs of the text tower."""

import html
import re
import string
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from clip_inference.config import TextSettings
from clip_inference.errors import ModelError

WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)

Ids = NDArray[np.int32] | NDArray[np.int64]


@dataclass(frozen=True)
class Tokens:
    """A batch of texts: `ids` and `mask` (1 = token, 0 = padding), each (n, length)."""

    ids: Ids
    mask: Ids


def canonicalize(text: str) -> str:
    """`text` as SigLIP was trained to read it: no markup, no punctuation, lower case, single spaces.

    Source: `canonicalize_text` of google-research/big_vision and of open_clip.
    """
    plain = html.unescape(html.unescape(text)).replace("_", " ")
    return re.sub(r"\s+", " ", plain.translate(WITHOUT_PUNCTUATION).lower()).strip()


class TextTokenizer:
    """A model's own tokenizer, cutting texts to its context length and padding them as its tower expects."""

    def __init__(self, tokenizer: Tokenizer, settings: TextSettings) -> None:
        self._settings = settings
        self._tokenizer = tokenizer
        tokenizer.enable_truncation(settings.context_length)
        length = settings.context_length if settings.padding == "fixed" else None
        tokenizer.enable_padding(pad_id=settings.pad_id, length=length)

    @classmethod
    def load(cls, path: Path, settings: TextSettings) -> "TextTokenizer":
        """The tokenizer stored at `path`; `ModelError` where it cannot be read."""
        try:
            return cls(Tokenizer.from_file(str(path)), settings)
        except Exception as error:  # the Rust side raises bare `Exception`
            raise ModelError(f"{path.name}: {error}") from error

    def encode(self, texts: list[str]) -> Tokens:
        """The tokens of n texts: (n, context_length), or (n, longest text) where the padding is `longest`."""
        if self._settings.canonicalize:
            texts = [canonicalize(text) for text in texts]
        encodings = self._tokenizer.encode_batch(texts)
        dtype = np.dtype(self._settings.dtype)
        return Tokens(
            ids=np.array([encoding.ids for encoding in encodings], dtype),
            mask=np.array([encoding.attention_mask for encoding in encodings], dtype),
        )
