"""CLIP ViT-B/32 in PyTorch, as OpenAI published it: both towers, run eagerly in float32."""

import torch
from torch import Tensor, nn

WIDTH, PATCH, SIZE, PATCHES = 768, 32, 224, 49
TEXT_WIDTH, CONTEXT, VOCABULARY = 512, 77, 49408
LAYERS, HEAD, DIMENSION = 12, 64, 512


def quick_gelu(states: Tensor) -> Tensor:
    """OpenAI's approximation of the GELU."""
    return states * torch.sigmoid(1.702 * states)


def transformer(width: int) -> nn.TransformerEncoder:
    """Twelve layers, each normalised before its attention and before its MLP."""
    layer = nn.TransformerEncoderLayer(
        width,
        width // HEAD,
        4 * width,
        dropout=0.0,
        activation=quick_gelu,
        batch_first=True,
        norm_first=True,
    )
    return nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)


class ImageTower(nn.Module):
    """(n, 3, 224, 224) to (n, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.token = nn.Parameter(torch.empty(WIDTH))
        self.places = nn.Parameter(torch.empty(PATCHES + 1, WIDTH))
        self.before = nn.LayerNorm(WIDTH)
        self.layers = transformer(WIDTH)
        self.after = nn.LayerNorm(WIDTH)
        self.projection = nn.Linear(WIDTH, DIMENSION, bias=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode preprocessed pictures."""
        patches = self.patches(pictures).flatten(2).transpose(1, 2)
        token = self.token.expand(len(pictures), 1, WIDTH)
        states = self.before(torch.cat([token, patches], dim=1) + self.places)
        return self.projection(self.after(self.layers(states)[:, 0]))


class TextTower(nn.Module):
    """(n, 77) token ids to (n, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, TEXT_WIDTH)
        self.places = nn.Parameter(torch.empty(CONTEXT, TEXT_WIDTH))
        self.layers = transformer(TEXT_WIDTH)
        self.after = nn.LayerNorm(TEXT_WIDTH)
        self.projection = nn.Linear(TEXT_WIDTH, DIMENSION, bias=False)
        later = torch.full((CONTEXT, CONTEXT), float("-inf")).triu(1)
        self.register_buffer("later", later, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Encode padded texts; each is read where its end token, the largest id, stands."""
        states = self.words(ids) + self.places
        states = self.after(self.layers(states, mask=self.later, is_causal=True))
        return self.projection(states[torch.arange(len(ids)), ids.argmax(dim=1)])


class Clip(nn.Module):
    """Both towers."""

    def __init__(self) -> None:
        super().__init__()
        self.image = ImageTower()
        self.text = TextTower()
