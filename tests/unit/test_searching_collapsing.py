"""Near duplicates: which pictures are shown behind another one, tried on real ones and on made-up vectors."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
from PIL import Image

from clip_inference.decode import decode
from clip_inference.phash import perceptual_hash
from clip_inference.preprocess import preprocess
from imagesearch.models import EmbeddedImage, Vector
from imagesearch.searching.collapsing import LEVELS, collapsed
from imagesearch.searching.fusing import Ranked
from scripts.artifact.catalogue import DEMO, BuiltSource
from scripts.demo_model.towers import build_towers
from scripts.gallery import PHOTOGRAPHS, gallery
from tests.builders import a_query, an_image, embedded
from tests.searching import filled, keys, pages, searcher_of, towards

Embed = Callable[[bytes], tuple[Vector, str]]


@pytest.fixture(scope="module")
def embed(tmp_path_factory: pytest.TempPathFactory) -> Embed:
    """What the demo model says of a picture: its vector and its perceptual hash."""
    folder = tmp_path_factory.mktemp("towers")
    build_towers(folder, dimension=384)
    tower, source = onnxruntime.InferenceSession(folder / "image.onnx"), DEMO.source
    assert isinstance(source, BuiltSource)
    settings = source.image

    def vector_and_hash(content: bytes) -> tuple[Vector, str]:
        picture = decode(content)
        (vectors,) = tower.run(None, {"image": preprocess(picture, settings)[None]})
        vector: Vector = (vectors[0] / np.linalg.norm(vectors[0])).tolist()
        return vector, perceptual_hash(picture.image)

    return vector_and_hash


def _groups(embed: Embed, pictures: Mapping[str, bytes]) -> list[list[str]]:
    """The names of the pictures that are shown as one, in the order that they are given in."""
    seen = {name: embed(content) for name, content in pictures.items()}
    vectors = {an_image(name).id: vector for name, (vector, _) in seen.items()}
    ranking = [
        Ranked(image=replace(an_image(name), perceptual_hash=digest), score=1 - place / 1000, scores={})
        for place, (name, (_, digest)) in enumerate(seen.items())
    ]
    groups = collapsed(ranking, vectors=lambda ids: {id_: vectors[id_] for id_ in ids})
    return [[group.best.image.key, *(other.image.key for other in group.others)] for group in groups]


def _variants(picture: Image.Image) -> dict[str, bytes]:
    width, height = picture.size
    cropped = picture.crop((width // 50, height // 50, width - width // 50, height - height // 50))
    made = {
        "recompressed": (picture, 30),
        "half": (picture.resize((width // 2, height // 2)), 90),
        "cropped": (cropped, 90),
        "all of it": (cropped.resize((width // 2, height // 2)), 60),
    }
    return {name: _jpeg(image, quality) for name, (image, quality) in made.items()}


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def test_a_photograph_cropped_resized_and_recompressed_stays_one(embed: Embed, tmp_path: Path) -> None:
    # Cropping moves all lines of a wall, so it is a case of its own.
    photographs = [file for file in gallery(tmp_path) if file.name in PHOTOGRAPHS and "wall" not in file.name]
    for file in photographs:
        pictures = {"original": file.read_bytes(), **_variants(Image.open(file).convert("RGB"))}
        assert _groups(embed, pictures) == [list(pictures)], file.name


def test_different_pictures_stay_different(embed: Embed, tmp_path: Path) -> None:
    pictures = {file.name: file.read_bytes() for file in gallery(tmp_path)}
    assert _groups(embed, pictures) == [[name] for name in pictures]


def _picture(key: str, degrees: float, *, bits: int = 0) -> EmbeddedImage:
    """A picture in this direction, whose hash has so many bits that others have not."""
    image = replace(an_image(key), perceptual_hash=f"{(1 << bits) - 1:016x}")
    return embedded(image, towards(degrees))


def _shown(pictures: Sequence[EmbeddedImage], **ranking: Any) -> list[str]:
    return keys(searcher_of(filled(pictures)).search(a_query("0", collapse=True, **ranking)))


@pytest.mark.parametrize(("bits", "cosine"), LEVELS)
def test_the_more_the_hashes_differ_the_nearer_the_vectors_must_be(bits: int, cosine: float) -> None:
    within, beyond = (math.degrees(math.acos(cosine)) + each for each in (-0.1, 0.1))
    first = _picture("first", 0)
    assert _shown([first, _picture("other", within, bits=bits)]) == ["first"]
    assert _shown([first, _picture("other", beyond, bits=bits)]) == ["first", "other"]


def test_hashes_that_differ_much_are_not_compared_by_vectors() -> None:
    most = LEVELS[-1][0]
    assert _shown([_picture("first", 0), _picture("other", 1, bits=most + 1)]) == ["first", "other"]


def test_the_best_of_near_duplicates_is_shown_and_the_others_are_told() -> None:
    pictures = [_picture("c", 3), _picture("a", 1), _picture("other", 2, bits=40), _picture("b", 2)]
    result = searcher_of(filled(pictures)).search(a_query("0", collapse=True))
    assert keys(result) == ["a", "other"]
    assert [each.key for each in result.hits[0].duplicates] == ["b", "c"]
    assert result.hits[0].score > result.hits[0].duplicates[0].score > result.hits[0].duplicates[1].score
    assert result.found == 2


def test_without_collapsing_every_picture_is_shown() -> None:
    result = searcher_of(filled([_picture("a", 1), _picture("b", 2)])).search(a_query("0"))
    assert keys(result) == ["a", "b"]


def test_no_page_shows_a_duplicate_of_a_hit_of_an_earlier_page() -> None:
    pictures = [
        _picture(f"{number:03}", number / 10, bits=0 if number % 2 else 60) for number in range(0, 300, 3)
    ]
    shown = pages(searcher_of(filled(pictures)), a_query("0", collapse=True, k=1))
    assert [keys(page) for page in shown] == [["000"], ["003"]]


def test_a_page_is_filled_though_the_first_hundred_are_of_one_kind() -> None:
    same = [_picture(f"same {number}", number / 100) for number in range(150)]
    others = [_picture(f"other {number}", 10 + number * 30, bits=13 * (number + 1)) for number in range(3)]
    assert _shown([*same, *others], k=4) == ["same 0", "other 0", "other 1", "other 2"]
