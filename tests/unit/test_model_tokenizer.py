"""Tokens equal those of the reference implementation, cut and padded as the model's description says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clip_inference.config import IdType, Padding, TextSettings
from clip_inference.errors import ModelError
from clip_inference.tokenizer import TextTokenizer, canonicalize

CANONICAL = Path(__file__).parents[1] / "fixtures" / "canonical"
TOKENS: dict[str, Any] = json.loads((CANONICAL / "tokens.json").read_text("utf-8"))
START, END = 49406, 49407


def tokenizer(
    *, padding: Padding = "fixed", dtype: IdType = "int64", canonical: bool = False
) -> TextTokenizer:
    settings = TextSettings(
        context_length=77,
        padding=padding,
        pad_id=0,
        ids_input="text",
        mask_input=None,
        dtype=dtype,
        canonicalize=canonical,
    )
    return TextTokenizer.load(CANONICAL / "clip_tokenizer.json", settings)


@pytest.mark.parametrize(("text", "ids"), list(zip(TOKENS["texts"], TOKENS["ids"], strict=True)))
def test_tokens_equal_those_of_open_clip(text: str, ids: list[int]) -> None:
    tokens = tokenizer().encode([text])
    assert tokens.ids[0, : len(ids)].tolist() == ids
    assert not tokens.ids[0, len(ids) :].any()
    assert tokens.mask.sum() == len(ids)


def test_long_text_is_cut_to_the_context_and_still_ends() -> None:
    tokens = tokenizer(padding="longest").encode(["a photo of a cat " * 2000])
    assert tokens.ids.shape == (1, 77)
    assert (tokens.ids[0, 0], tokens.ids[0, -1]) == (START, END)


def test_fixed_padding_fills_the_context() -> None:
    assert tokenizer(padding="fixed").encode(["a cat", "a photo of a cat"]).ids.shape == (2, 77)


def test_longest_padding_fills_up_to_the_longest_text() -> None:
    tokens = tokenizer(padding="longest").encode(["a cat", "a photo of a cat"])
    assert tokens.ids.shape == (2, 7)
    assert tokens.mask.sum(axis=1).tolist() == [4, 7]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_tokens_have_the_type_that_the_tower_takes(dtype: IdType) -> None:
    tokens = tokenizer(dtype=dtype).encode(["a cat"])
    assert tokens.ids.dtype == tokens.mask.dtype == np.dtype(dtype)


@pytest.mark.parametrize(("text", "canonical"), list(TOKENS["canonical"].items()))
def test_canonical_text_equals_that_of_open_clip(text: str, canonical: str) -> None:
    assert canonicalize(text) == canonical


def test_canonical_text_is_what_the_tower_reads() -> None:
    plain, marked = tokenizer(canonical=True).encode(["a photo of a cat", "A photo, of: a &lt;CAT&gt;!"]).ids
    assert plain.tolist() == marked.tolist()


def test_unreadable_tokenizer_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        TextTokenizer.load(tmp_path / "tokenizer.json", tokenizer()._settings)
