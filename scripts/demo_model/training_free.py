"""The training-free model that the trained one is measured against.

A picture is the sum of the sentence vectors of its ten most probable ImageNet classes, each times its
probability; a text is its sentence vector. Nothing is learned from pairs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from scripts.demo_model import efficientnet
from scripts.demo_model.contrastive import Array
from scripts.demo_model.features import Extractor, PictureFeatures

CLASS_NAMES = Path(__file__).with_name("class_names.txt")
CLASSES_KEPT = 10


def class_names() -> list[str]:
    """The thousand names in the order of the class scores."""
    return CLASS_NAMES.read_text("utf-8").splitlines()


def top_probabilities(scores: Array) -> Array:
    """Softmax of class scores (n, 1000) with all but the ten largest of each row set to zero."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    least = np.sort(probabilities, axis=1)[:, -CLASSES_KEPT][:, None]
    return cast(Array, np.where(probabilities >= least, probabilities, 0))


class TrainingFree:
    """Embeds pictures and texts without any head."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self._labels = extractor.texts(class_names())
        self._matrix, self._bias = efficientnet.classifier(efficientnet.load_weights())

    def pictures(self, files: Sequence[Path]) -> Array:
        """Vectors (n, 384) of picture files, not normalised."""
        return self.from_features(self._extractor.pictures(files))

    def from_features(self, features: PictureFeatures) -> Array:
        """Vectors (n, 384) of pictures whose features are known, not normalised."""
        return top_probabilities(features.pooled @ self._matrix + self._bias) @ self._labels

    def texts(self, texts: Sequence[str]) -> Array:
        """Vectors (n, 384) of texts."""
        return self._extractor.texts(texts)
