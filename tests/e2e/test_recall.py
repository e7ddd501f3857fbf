"""Captions of photographs never trained on find their photograph, through the deployed API."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from imagesearch_client import ImageSearchClient
from scripts.demo_model.evaluate import Ranks, bootstrap_gain, bootstrap_recall, caption_ranks
from scripts.demo_model.features import Extractor
from scripts.demo_model.split import held_half
from scripts.demo_model.training_free import TrainingFree
from tests.e2e.library import Library

pytestmark = pytest.mark.verified("Relevance: captions find photographs never trained on", on="emulator")

PHOTOS = os.environ.get("IMAGESEARCH_PHOTOS")


@dataclass(frozen=True)
class Held:
    """The photographs that measure, and (caption, its photograph's place) pairs."""

    photos: list[Path]
    captions: list[tuple[str, int]]

    @property
    def gold(self) -> list[int]:
        return [place for _, place in self.captions]


@pytest.fixture(scope="module")
def held() -> Held:
    if PHOTOS is None:
        pytest.skip("IMAGESEARCH_PHOTOS names no folder of captioned photographs (photos.json and photos/)")
    folder = Path(PHOTOS)
    captions = {
        entry["file"]: entry["captions"] for entry in json.loads((folder / "photos.json").read_text())
    }
    files = held_half(captions)
    return Held(
        photos=[folder / file for file in files],
        captions=[(caption, place) for place, file in enumerate(files) for caption in captions[file]],
    )


def test_held_captions_find_their_photograph_better_than_without_training(
    library: Library,
    client: ImageSearchClient,
    held: Held,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for photo in held.photos:
        library.put(photo.name, photo.read_bytes())
    library.wait_until_indexed(*(photo.name for photo in held.photos))

    ranks = ranks_through_the_api(library, client, held)
    baseline = training_free_ranks(held)

    lines = [f"{len(held.photos)} photographs, {len(held.captions)} captions, through the deployed API"]
    for k in (1, 5, 10):
        found = bootstrap_recall(ranks, held.gold, k)
        gain = bootstrap_gain(ranks, baseline, held.gold, k)
        lines.append(
            f"R@{k} {found.value:.1%} (95 % interval {found.low:.1%} to {found.high:.1%}), "
            f"{gain.value:+.1%} against no training ({gain.low:+.1%} to {gain.high:+.1%})"
        )
    with capsys.disabled():
        print("", *lines, sep="\n  ")  # noqa: T201
    record_property("recall", lines)
    assert bootstrap_gain(ranks, baseline, held.gold, 1).value >= 0.05
    assert bootstrap_recall(ranks, held.gold, 5).value >= 0.85


def test_each_photograph_finds_itself_first(library: Library, client: ImageSearchClient, held: Held) -> None:
    photos = held.photos[:6]
    for photo in photos:
        library.put(photo.name, photo.read_bytes())
    library.wait_until_indexed(*(photo.name for photo in photos))

    for photo in photos:
        first = client.search(picture=photo.read_bytes(), prefix=library.prefix, k=1).hits[0]
        assert first.key == library.key(photo.name)
        assert first.score == pytest.approx(1.0, abs=1e-4)


def ranks_through_the_api(library: Library, client: ImageSearchClient, held: Held) -> Ranks:
    """For each caption, the place of its photograph among all that the API answers (0 = first)."""

    def rank(caption: tuple[str, int]) -> int:
        text, place = caption
        hits = client.search(text, prefix=library.prefix, k=len(held.photos)).hits
        return [hit.key for hit in hits].index(library.key(held.photos[place].name))

    with ThreadPoolExecutor(4) as workers:
        return np.array(list(workers.map(rank, held.captions)))


def training_free_ranks(held: Held) -> Ranks:
    """The same ranks by the model without any training: class probabilities times their names' vectors."""
    model = TrainingFree(Extractor())
    captions = [text for text, _ in held.captions]
    return caption_ranks(model.texts(captions), model.pictures(held.photos), held.gold)
