"""What each runtime and precision makes of one model: speed, distance from fp32, loading and memory."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.contestants import LAYERS, Contestant
from benchmarks.loops import TowerLoop, tower_loop
from benchmarks.measuring import Say, interleaved, progress
from benchmarks.requests import TEXT, TEXT_TOKENS
from benchmarks.results import Figure, Ratio, Section
from clip_inference.config import load_config
from clip_inference.encoder import Encoder
from clip_inference.runtimes import tower_files
from clip_inference.tokenizer import TextTokenizer
from scripts.artifact.description import describe, fingerprint_of
from scripts.artifact.forms import EXACT, PRECISIONS, Form
from scripts.artifact.hub import read_folder
from scripts.artifact.precision import write_towers
from scripts.artifact.towers import prepare_towers
from scripts.artifact.work import MODEL_CODE
from tests.architectures import layouts

PART = "runtimes"
REPEATS, LOADS = 7, 3
BATCHES = (1, 16)
PICTURES_A_REPEAT, TEXTS_A_REPEAT = 32, 20
FORMS = tuple(
    Form(runtime=runtime, precision=precision)
    for runtime, offered in PRECISIONS.items()
    for precision in offered
)
TEXTS = [TEXT, "dog", "two people on skis in front of a mountain", "an old red boat upside down on a beach"]

Vectors = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Of pictures and of texts."""


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """Seconds from nothing to the first vector of each tower, and what the process then takes, in MB."""

    seconds: float
    memory_mb: float


def measure() -> Section:
    """Return milliseconds a picture and a text by form, and seconds and megabytes that loading takes."""
    with tempfile.TemporaryDirectory(prefix="imagesearch-runtimes-") as scratch:
        exact = _write_exact(Path(scratch, "exact"), Path(scratch, "layout"))
        models = {_name(form): _write(exact, Path(scratch, _name(form)), form) for form in FORMS}
        steps = len(FORMS) * (LOADS + (len(BATCHES) + 1) * (REPEATS + 1))
        with progress(PART, steps=steps) as say:
            loaded = _load_all(models, say)
            speeds = _run_all(models, say)
        facts = {
            "megabytes_of_towers": {name: _megabytes(model.folder) for name, model in models.items()},
            "least_cosine_to_fp32": _cosines(models),
            "text_tokens": TEXT_TOKENS,
        }
    figures = {name: Figure(name=name, unit="ms", values=values) for name, values in speeds.items()}
    for name, loads in loaded.items():
        seconds, memory = f"{name}_load", f"{name}_memory"
        figures[seconds] = Figure(name=seconds, unit="s", values=tuple(load.seconds for load in loads))
        figures[memory] = Figure(name=memory, unit="MB", values=tuple(load.memory_mb for load in loads))
    return Section(
        method=(
            "CLIP ViT-B/32 with random weights in each form, in a process of its own. FORM_picture_B: the "
            "picture tower on batches of B, a picture. FORM_text: the text tower on a text of "
            f"{TEXT_TOKENS} tokens. FORM_load: until both towers have given a first vector, the files read "
            "before; FORM_memory: what the process then takes (PSS). No gate judges these forms: rankings of "
            "random weights mean nothing."
        ),
        figures=tuple(figures.values()),
        ratios=tuple(_ratios(figures)),
        facts=facts,
    )


def _name(form: Form) -> str:
    return f"{form.runtime}_{form.precision}"


def _write_exact(folder: Path, layout: Path) -> Path:
    """Write CLIP ViT-B/32 with random weights as packaging does; return its folder."""
    files = read_folder(layouts.write_clip(layout, LAYERS), source="random weights", revision="none")
    folder.mkdir()
    files = prepare_towers(files, folder)
    fingerprint = fingerprint_of(folder, files)
    description = describe(files, name="random", licence="none", fingerprint=fingerprint)
    (folder / "model.json").write_text(json.dumps(description), "utf-8")
    return folder


def _write(exact: Path, folder: Path, form: Form) -> Contestant:
    """Write the exact model in a form; the code is that of the sources and the packages are ours."""
    folder.mkdir()
    write_towers(exact, folder, form)
    shutil.copy(exact / "tokenizer.json", folder)
    description = json.loads((exact / "model.json").read_text("utf-8"))
    changes = {"runtime": form.runtime, "precision": form.precision}
    (folder / "model.json").write_text(json.dumps(description | changes), "utf-8")
    (folder / "code").symlink_to(MODEL_CODE)
    return Contestant(
        name=_name(form), python=Path(sys.executable), folder=folder, archive=folder, environment={}
    )


def _megabytes(folder: Path) -> float:
    runtime = load_config(folder).runtime
    files = [*tower_files("image", runtime), *tower_files("text", runtime)]
    return sum((folder / file).stat().st_size for file in files) / 1e6


def _load_all(models: Mapping[str, Contestant], say: Say) -> dict[str, tuple[_Loaded, ...]]:
    loaded: dict[str, list[_Loaded]] = {name: [] for name in models}
    for number in range(LOADS):
        for name, model in models.items():
            say(f"load {number + 1} of {LOADS}: {name}")
            with tower_loop(model) as tower:
                seconds = tower.seconds(run="image", rows=1, repeats=1)
                seconds += tower.seconds(run="text", text=TEXT, repeats=1)
                loaded[name].append(_Loaded(seconds=sum(seconds), memory_mb=tower.memory_mb))
    return {name: tuple(loads) for name, loads in loaded.items()}


def _run_all(models: Mapping[str, Contestant], say: Say) -> dict[str, tuple[float, ...]]:
    with ExitStack() as stack:
        variants: dict[str, Callable[[], float]] = {}
        for name, model in models.items():
            tower = stack.enter_context(tower_loop(model))
            for rows in BATCHES:
                variants[f"{name}_picture_{rows}"] = partial(_picture_ms, tower, rows)
            variants[f"{name}_text"] = partial(_text_ms, tower)
        return interleaved(variants, repeats=REPEATS, say=say)


def _picture_ms(tower: TowerLoop, rows: int) -> float:
    repeats = max(2, PICTURES_A_REPEAT // rows)
    return 1e3 * median(tower.seconds(run="image", rows=rows, repeats=repeats)) / rows


def _text_ms(tower: TowerLoop) -> float:
    return 1e3 * median(tower.seconds(run="text", text=TEXT, repeats=TEXTS_A_REPEAT))


def _cosines(models: Mapping[str, Contestant]) -> dict[str, dict[str, float]]:
    """Return the least cosine between each form's vectors, of noise and of texts, and the exact form's."""
    vectors = {name: _encoded(model.folder) for name, model in models.items()}
    exact = vectors[_name(EXACT)]
    return {
        name: {
            kind: float((left * right).sum(axis=1).min())
            for kind, left, right in zip(("picture", "text"), exact, found, strict=True)
        }
        for name, found in vectors.items()
    }


def _encoded(folder: Path) -> Vectors:
    config = load_config(folder)
    encoder = Encoder(folder, config)
    shape = (max(BATCHES), 3, config.image.size, config.image.size)
    pictures = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    tokens = TextTokenizer.load(folder / "tokenizer.json", config.text).encode(TEXTS)
    return encoder.encode_images(pictures), encoder.encode_texts(tokens)


def _ratios(figures: Mapping[str, Figure]) -> Iterator[Ratio]:
    """Yield how many times faster than the exact form each is in the picture tower on a full batch."""
    exact = figures[f"{_name(EXACT)}_picture_{max(BATCHES)}"]
    for form in FORMS:
        if form != EXACT:
            name = f"{_name(form)}_picture_{max(BATCHES)}"
            yield Ratio(name=f"{_name(form)}_speed", numerator=exact, denominator=figures[name])
