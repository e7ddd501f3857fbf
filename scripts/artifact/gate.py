"""The retrieval gate: a faster form of a model must find what the exact one finds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clip_inference.answers import Embedding
from clip_inference.payloads import InlinePicture, Record, Request, Text
from clip_inference.service import EmbeddingService
from scripts.errors import CommandError

NEIGHBOURS = 10
LEAST_RECALL = 0.99
# Among fewer pictures the ten nearest are soon most of all there are.
LEAST_PICTURES = 50
NAMES = Path(__file__).parents[1] / "demo_model" / "class_names.txt"

Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Recall at ten (0..1) of a faster form against the exact one's ranking, and over how many pictures."""

    by_text: float
    by_picture: float
    pictures: int

    @property
    def is_enough(self) -> bool:
        """Whether both kinds of query pass the gate."""
        return min(self.by_text, self.by_picture) >= LEAST_RECALL


def recall_at_ten(
    exact: tuple[Vectors, Vectors], faster: tuple[Vectors, Vectors], *, same: bool = False
) -> float:
    """The share of the exact form's ten nearest pictures that are also among the faster form's, 0..1.

    Each form is given as its queries (q, d) and its pictures (p, d), normalised. With `same` the queries are
    the pictures, and none is its own neighbour.
    """
    nearest = [_nearest(queries, pictures, same) for queries, pictures in (exact, faster)]
    shared = [len(set(left) & set(right)) for left, right in zip(*nearest, strict=True)]
    return sum(shared) / (NEIGHBOURS * len(shared))


def measure_agreement(exact: Path, faster: Path, pictures: Path) -> Agreement:
    """How far two unpacked models agree over the pictures in a folder, each embedding with its own towers.

    They are asked with each picture and with "a photo of a …". Files that are no pictures are left out.
    Raises CommandError `gate_pictures_unfit`.
    """
    names = NAMES.read_text("utf-8").splitlines()[::4]
    texts = Request(tuple(Record(None, Text(f"a photo of a {name}")) for name in names), lines=True)
    shown = _read(pictures)
    said, seen = [], []
    for folder in (exact, faster):
        service = EmbeddingService.load(folder, image_bucket=None)
        said.append(_vectors(service, texts))
        seen.append(_vectors(service, shown))
    if len(seen[0]) < LEAST_PICTURES or len(seen[1]) != len(seen[0]):
        raise CommandError(
            "gate_pictures_unfit",
            f"{pictures} holds {len(seen[0])} pictures; a faster form is judged by at least "
            f"{LEAST_PICTURES}. Name a folder with some of those that you search, with --pictures.",
        )
    return Agreement(
        by_text=recall_at_ten((said[0], seen[0]), (said[1], seen[1])),
        by_picture=recall_at_ten((seen[0], seen[0]), (seen[1], seen[1]), same=True),
        pictures=len(seen[0]),
    )


def _read(folder: Path) -> Request:
    paths = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    return Request(tuple(Record(path.name, InlinePicture(path.read_bytes())) for path in paths), lines=True)


def _vectors(service: EmbeddingService, request: Request) -> Vectors:
    """One vector for each record that can be embedded, (n, dimension)."""
    outcomes = [answer.outcome for answer in service.predict(request).answers]
    found = [outcome.vector for outcome in outcomes if isinstance(outcome, Embedding)]
    return np.stack(found) if found else np.empty((0, 0), np.float32)


def _nearest(queries: Vectors, pictures: Vectors, same: bool) -> NDArray[np.int64]:
    """For each query the places of its ten nearest pictures."""
    scores = queries @ pictures.T
    if same:
        np.fill_diagonal(scores, -np.inf)
    nearest: NDArray[np.int64] = np.argsort(-scores, axis=1, kind="stable")[:, :NEIGHBOURS]
    return nearest
