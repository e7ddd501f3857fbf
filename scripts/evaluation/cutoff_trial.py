"""The trial that `cutoff: auto` was chosen by: ``python -m scripts.evaluation.cutoff_trial PHOTOS``.

PHOTOS is the folder of captioned photographs that IMAGESEARCH_PHOTOS names. The demo model embeds them, and
with them the gallery and an emoji set as other pictures. A query's relevant pictures are those whose captions
or names have one of its words; pictures of which that is doubtful are left out. Every query is asked a second
time without its relevant pictures, when the right answer is none. docs/evaluation.md holds what is printed.
"""

import json
import math
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from tokenizers import Tokenizer

from clip_inference.decode import decode
from clip_inference.encoder import normalize
from clip_inference.preprocess import preprocess
from clip_inference.tokenizer import TextTokenizer
from imagesearch.searching.cutoff import SAMPLE, least_cosine
from scripts.artifact.catalogue import DEMO, BuiltSource
from scripts.demo_model.dataset import NOTO, Pair, emoji, photographs
from scripts.demo_model.split import training_half
from scripts.demo_model.towers import build_towers
from scripts.gallery import gallery

CONCEPTS = json.loads(Path(__file__).with_name("concepts.json").read_text("utf-8"))
BATCH = 16
FEWEST = 12
"""In a collection of fewer pictures there is nothing to tell apart."""
RELATIVE_GAP = 0.3
HITS = 20
AUTO = "background, trimmed (`auto`)"

Vectors = NDArray[Any]
Flags = NDArray[np.bool_]
Threshold = Callable[[Vectors, Vectors], Any]
"""From a query's cosines and the pictures' vectors to the least cosine: one, or one for each picture."""


class Model:
    """The demo model's towers, in a folder that goes with it."""

    def __init__(self, folder: Path) -> None:
        source = DEMO.source
        assert isinstance(source, BuiltSource)
        build_towers(folder, dimension=DEMO.dimension)
        self._settings = source
        self._tokenizer = TextTokenizer(Tokenizer.from_file(str(folder / "tokenizer.json")), source.text)
        self._image = onnxruntime.InferenceSession(folder / "image.onnx")
        self._text = onnxruntime.InferenceSession(folder / "text.onnx")

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n, d) of texts."""
        return np.concatenate([self._text_batch(list(batch)) for batch in _batches(texts)])

    def pictures(self, files: Sequence[Path]) -> Vectors:
        """Vectors (n, d) of picture files."""
        return np.concatenate([self._picture_batch(batch) for batch in _batches(files)])

    def _text_batch(self, texts: list[str]) -> Vectors:
        tokens = self._tokenizer.encode(texts)
        feeds = {"input_ids": tokens.ids, "attention_mask": tokens.mask}
        return normalize(self._text.run(None, feeds)[0])

    def _picture_batch(self, files: Sequence[Path]) -> Vectors:
        image = self._settings.image
        tensors = [preprocess(decode(file.read_bytes()), image) for file in files]
        return normalize(self._image.run(None, {image.input: np.stack(tensors)})[0])


@dataclass(frozen=True, kw_only=True)
class Others:
    """Pictures beside the photographs: what they surely show, and what they may show, in words."""

    vectors: Vectors
    names: Sequence[str]
    words: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A query over a collection, and which of its pictures are relevant; none of them may be."""

    query: Vectors
    pictures: Vectors
    relevant: Flags


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """Photographs with their captions, other pictures, and the vectors of all texts."""

    photos: Sequence[Pair]
    vectors: Vectors
    captions: Vectors
    others: Others
    concepts: Mapping[str, Vectors]
    foreign: Vectors

    def cases(self) -> dict[str, list[Case]]:
        """The queries by their kind: text, picture, and both."""
        collection = np.concatenate([self.vectors, self.others.vectors])
        sure, perhaps = self._judged()
        text = [
            case
            for concept, vector in self.concepts.items()
            for case in _twice(vector, collection, sure[concept], ~(perhaps[concept] & ~sure[concept]))
        ]
        if not len(self.others.vectors):
            nothing = np.zeros(len(collection), bool)
            text += [Case(query=each, pictures=collection, relevant=nothing) for each in self.foreign]
        own = np.eye(len(collection), dtype=bool)[: len(self.photos)]
        everything = np.ones(len(collection), bool)
        for caption, relevant in zip(self.captions, own, strict=True):
            text += _twice(caption, collection, relevant, everything)
        return {"text": text, **self._by_picture(collection, sure, perhaps, own)}

    def _by_picture(
        self, collection: Vectors, sure: Mapping[str, Flags], perhaps: Mapping[str, Flags], own: Flags
    ) -> dict[str, list[Case]]:
        narrow = [concept for concept in self.concepts if concept not in CONCEPTS["vague"]]
        certain = np.array([sure[concept] for concept in narrow]).T
        possible = np.array([sure[concept] | perhaps[concept] for concept in narrow]).T
        cases: dict[str, list[Case]] = {"picture": [], "both": []}
        for place, (vector, caption) in enumerate(zip(self.vectors, self.captions, strict=True)):
            relevant = (certain & certain[place]).any(1)
            kept = ~((possible & possible[place]).any(1) & ~relevant) & ~own[place]
            cases["picture"] += _twice(vector, collection, relevant & kept, kept)
            both = vector + caption
            cases["both"] += _twice(both / np.linalg.norm(both), collection, relevant & kept, kept)
        return cases

    def _judged(self) -> tuple[dict[str, Flags], dict[str, Flags]]:
        """For every concept, which pictures show it surely, and which perhaps."""
        sure, perhaps = {}, {}
        for concept in self.concepts:
            word = re.compile(rf"\b({CONCEPTS['concepts'][concept]})\b")
            counts = [sum(bool(word.search(text.lower())) for text in photo.texts) for photo in self.photos]
            named = [bool(word.search(name.lower())) for name in self.others.names]
            keyed = [bool(word.search(words.lower())) for words in self.others.words]
            sure[concept] = np.array([count >= 2 for count in counts] + named, bool)
            perhaps[concept] = np.array([count == 1 for count in counts] + keyed, bool)
        return sure, perhaps


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """F1 and recall where something was relevant, and how often rightly nothing was kept.

    Precision is that of the queries for which something was relevant and something was kept.
    """

    f1: float
    precision: float
    recall: float
    none: float

    @property
    def score(self) -> float:
        """Both equally."""
        return (self.f1 + self.none) / 2


def judge(cases: Sequence[Case], threshold: Threshold) -> Verdict:
    """Try a cut-off on queries."""
    found, empty = [], []
    for case in cases:
        cosines = case.pictures @ case.query
        kept = cosines >= threshold(cosines, case.pictures)
        if case.relevant.any():
            right = float((kept & case.relevant).sum())
            found.append((right, float(kept.sum()), float(case.relevant.sum())))
        else:
            empty.append(not kept.any())
    return Verdict(
        f1=fmean(2 * right / (kept + relevant) for right, kept, relevant in found),
        precision=fmean(right / kept for right, kept, _ in found if kept),
        recall=fmean(right / relevant for right, _, relevant in found),
        none=fmean(empty),
    )


def flat(least: float) -> Threshold:
    """The same cosine for every query."""
    return lambda _cosines, _pictures: least


def expected_maximum(cosines: Vectors, _pictures: Vectors) -> float:
    """Mean and standard deviation of the background, and what the largest of so many normal numbers is."""
    deviations = max(2.0, math.sqrt(2 * math.log(len(cosines))))
    return float(cosines.mean() + deviations * cosines.std(ddof=1))


def largest_gap(cosines: Vectors, _pictures: Vectors) -> float:
    """The largest gap between neighbouring hits, where it is a large part of them all."""
    ranked = np.sort(cosines)[::-1][: HITS + 1]
    gaps = ranked[:-1] - ranked[1:]
    widest = int(gaps.argmax())
    return float(ranked[widest]) if gaps[widest] >= RELATIVE_GAP * (ranked[0] - ranked[-1]) else math.inf


def background(cosines: Vectors, _pictures: Vectors) -> float:
    """What searches do: the background of a sample."""
    drawn = np.random.default_rng(len(cosines)).permutation(len(cosines))[:SAMPLE]
    return least_cosine([float(cosine) for cosine in cosines[drawn]])


def judge_null(cases: Sequence[Case], null: Vectors, margin: float) -> Verdict:
    """Keep pictures that are nearer to the query than to any text that says nothing, by a margin."""
    return judge(cases, lambda _cosines, pictures: (pictures @ null.T).max(1) + margin)


def main(folder: Path) -> None:
    """Print one table for the half that was chosen on, and one for the other, which was asked last."""
    with tempfile.TemporaryDirectory() as towers:
        model = Model(Path(towers))
    photos = photographs(folder)
    chosen = set(training_half(photo.picture.name for photo in photos))
    others = _others(model)
    null = model.texts(CONCEPTS["null"])
    halves = [
        _sets(model, [photo for photo in photos if (photo.picture.name in chosen) is first], others)
        for first in (True, False)
    ]
    steps = [float(step) for step in np.arange(0.3, 0.7, 0.02)]
    least = max(steps, key=lambda step: _mean(judge(cases, flat(step)) for cases in halves[0].values()))
    margin = max(steps, key=lambda step: _mean(judge_null(each, null, step) for each in halves[0].values()))
    methods: dict[str, Callable[[Sequence[Case]], Verdict]] = {
        "flat, best of each in hindsight": lambda cases: max(
            (judge(cases, flat(step)) for step in steps), key=lambda verdict: verdict.score
        ),
        f"flat, {least:.2f}": partial(judge, threshold=flat(least)),
        f"null prompts, margin {margin:.2f}": lambda cases: judge_null(cases, null, margin),
        "largest gap": partial(judge, threshold=largest_gap),
        "background, expected maximum": partial(judge, threshold=expected_maximum),
        AUTO: partial(judge, threshold=background),
    }
    for heading, sets in zip(("half that was chosen on", "other half"), halves, strict=True):
        _print_table(heading, sets, methods)


def _others(model: Model) -> dict[str, Others]:
    nothing = Others(vectors=np.zeros((0, DEMO.dimension), np.float32), names=(), words=())
    with tempfile.TemporaryDirectory() as folder:
        files = gallery(Path(folder))
        names = [file.stem.replace("-", " ") for file in files]
        demo = Others(vectors=model.pictures(files), names=names, words=names)
    drawn = emoji()[NOTO.name]
    signs = Others(
        vectors=model.pictures([pair.picture for pair in drawn]),
        names=[pair.texts[0] for pair in drawn],
        words=[pair.texts[1] for pair in drawn],
    )
    return {"alone": nothing, "+ gallery": demo, "+ emoji": signs}


def _sets(model: Model, photos: Sequence[Pair], others: Mapping[str, Others]) -> dict[str, list[Case]]:
    vectors = model.pictures([photo.picture for photo in photos])
    captions = model.texts([photo.texts[0] for photo in photos])
    foreign = model.texts(CONCEPTS["foreign"])
    sets = dict[str, list[Case]]()
    for name, some in others.items():
        asked = [
            each for each in CONCEPTS["concepts"] if not len(some.names) or each not in CONCEPTS["broad"]
        ]
        embedded = Embedded(
            photos=photos,
            vectors=vectors,
            captions=captions,
            others=some,
            concepts=dict(zip(asked, model.texts(asked), strict=True)),
            foreign=foreign,
        )
        sets |= {f"{kind} {name}": cases for kind, cases in embedded.cases().items()}
    return sets


def _twice(query: Vectors, collection: Vectors, relevant: Flags, kept: Flags) -> Iterator[Case]:
    """The query over what is kept of a collection, and over the same without what is relevant."""
    if (relevant & kept).any():
        yield Case(query=query, pictures=collection[kept], relevant=relevant[kept])
    rest = kept & ~relevant
    if rest.sum() >= FEWEST:
        yield Case(query=query, pictures=collection[rest], relevant=np.zeros(rest.sum(), bool))


def _print_table(
    heading: str,
    sets: Mapping[str, Sequence[Case]],
    methods: Mapping[str, Callable[[Sequence[Case]], Verdict]],
) -> None:
    write = sys.stdout.write
    write(f"\n{heading}, score (F1 · rightly none)\n\n| | {' | '.join(sets)} | mean |\n")
    write(f"| --- |{' ---: |' * (len(sets) + 1)}\n")
    for name, method in methods.items():
        verdicts = [method(cases) for cases in sets.values()]
        cells = " | ".join(f"{each.score:.2f} ({each.f1:.2f} · {each.none:.2f})" for each in verdicts)
        write(f"| {name} | {cells} | {_mean(verdicts):.3f} |\n")
    last = [methods[AUTO](cases) for cases in sets.values()]
    cells = " | ".join(f"{each.precision:.2f} · {each.recall:.2f}" for each in last)
    write(f"| its precision · recall | {cells} | |\n")


def _mean(verdicts: Any) -> float:
    return fmean(verdict.score for verdict in verdicts)


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
