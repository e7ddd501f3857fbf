"""The perceptual hash is stable under what leaves a picture's look alone, and only then."""

import pytest
from PIL import Image

from clip_inference.decode import decode
from clip_inference.phash import perceptual_hash
from tests.pictures import encoded, exif_rotated, scene


def distance(one: Image.Image, other: Image.Image) -> int:
    """How many of the 64 bits differ."""
    return (int(perceptual_hash(one), 16) ^ int(perceptual_hash(other), 16)).bit_count()


def test_hash_is_16_hexadecimal_digits() -> None:
    digits = perceptual_hash(scene())
    assert len(digits) == 16
    assert int(digits, 16) >= 0


@pytest.mark.parametrize("level", ["black", "white", "grey"])
def test_picture_of_one_colour_has_no_accidental_bits(level: str) -> None:
    assert perceptual_hash(Image.new("RGB", (50, 30), level)) in {"0" * 16, "8" + "0" * 15}


def test_scaled_and_recompressed_copies_are_near() -> None:
    original = scene((640, 480), seed=4)
    assert distance(original, original.resize((200, 150))) <= 4
    assert distance(original, decode(encoded(original, "JPEG", quality=40)).image) <= 4


def test_copy_turned_by_exif_is_near() -> None:
    assert distance(scene((640, 480)), decode(exif_rotated(6, (640, 480))).image) <= 2


def test_other_pictures_are_far() -> None:
    scenes = [scene((320, 240), seed=seed) for seed in range(6)]
    pairs = [(one, other) for place, one in enumerate(scenes) for other in scenes[place + 1 :]]
    assert min(distance(*pair) for pair in pairs) > 12
