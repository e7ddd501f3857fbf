"""Write model.pt for the baseline: the random weights that the towers of `tests/architectures` have.

Run in the repository's root by the baseline's interpreter: `-m benchmarks.baseline.write_weights FILE`.
"""

import sys

import numpy as np
import torch

from benchmarks.baseline import clip
from tests.architectures.weights import Array, weight


def image_state() -> dict[str, Array]:
    """Return the image tower's weights by their names in `clip.ImageTower`."""
    tower, root = "clip_image", "clip_image.vision_model"
    return {
        "patches.weight": weight(
            f"{root}.embeddings.patch_embedding.weight", (clip.WIDTH, 3, clip.PATCH, clip.PATCH)
        ),
        "token": weight(f"{root}.embeddings.class_embedding", (clip.WIDTH,)),
        "places": weight(f"{root}.embeddings.position_embedding.weight", (clip.PATCHES + 1, clip.WIDTH)),
        **_norm("before", f"{root}.pre_layrnorm", clip.WIDTH),
        **_layers(root, clip.WIDTH),
        **_norm("after", f"{root}.post_layernorm", clip.WIDTH),
        "projection.weight": weight(f"{tower}.visual_projection.weight", (clip.DIMENSION, clip.WIDTH)),
    }


def text_state() -> dict[str, Array]:
    """Return the text tower's weights by their names in `clip.TextTower`."""
    tower, root, width = "clip_text", "clip_text.text_model", clip.TEXT_WIDTH
    return {
        "words.weight": weight(f"{root}.embeddings.token_embedding.weight", (clip.VOCABULARY, width)),
        "places": weight(f"{root}.embeddings.position_embedding.weight", (clip.CONTEXT, width)),
        **_layers(root, width),
        **_norm("after", f"{root}.final_layer_norm", width),
        "projection.weight": weight(f"{tower}.text_projection.weight", (clip.DIMENSION, width)),
    }


def _layers(root: str, width: int) -> dict[str, Array]:
    state: dict[str, Array] = {}
    for place in range(clip.LAYERS):
        ours, theirs = f"layers.layers.{place}", f"{root}.encoder.layers.{place}"
        queries, biases = (
            [weight(f"{theirs}.self_attn.{part}_proj.{kind}", shape) for part in "qkv"]
            for kind, shape in (("weight", (width, width)), ("bias", (width,)))
        )
        state |= {
            f"{ours}.self_attn.in_proj_weight": np.concatenate(queries),
            f"{ours}.self_attn.in_proj_bias": np.concatenate(biases),
            **_linear(f"{ours}.self_attn.out_proj", f"{theirs}.self_attn.out_proj", width, width),
            **_linear(f"{ours}.linear1", f"{theirs}.mlp.fc1", width, 4 * width),
            **_linear(f"{ours}.linear2", f"{theirs}.mlp.fc2", 4 * width, width),
            **_norm(f"{ours}.norm1", f"{theirs}.layer_norm1", width),
            **_norm(f"{ours}.norm2", f"{theirs}.layer_norm2", width),
        }
    return state


def _linear(ours: str, theirs: str, inputs: int, outputs: int) -> dict[str, Array]:
    return {
        f"{ours}.weight": weight(f"{theirs}.weight", (outputs, inputs)),
        f"{ours}.bias": weight(f"{theirs}.bias", (outputs,)),
    }


def _norm(ours: str, theirs: str, width: int) -> dict[str, Array]:
    return {f"{ours}.{kind}": weight(f"{theirs}.{kind}", (width,)) for kind in ("weight", "bias")}


if __name__ == "__main__":
    towers = {"image": image_state(), "text": text_state()}
    torch.save(
        {
            f"{tower}.{name}": torch.from_numpy(array)
            for tower, state in towers.items()
            for name, array in state.items()
        },
        sys.argv[1],
    )
