"""A folder of known pictures to search: the gallery, described, with copies and near duplicates of some."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from scripts.gallery import gallery
from tests.pictures import encoded, jpeg

KINDS: Mapping[str, tuple[str, ...]] = {
    "animal": (
        *("butterfly.webp", "cat.png", "dog.webp", "elephant.webp", "fish.webp", "flamingo.webp"),
        *("horse.webp", "lion.webp", "panda.webp", "penguin.webp", "shark.webp", "sheep.webp"),
        *("tiger.webp", "turtle.webp"),
    ),
    "food": (
        *("banana.webp", "birthday-cake.webp", "broccoli.webp", "cup-of-coffee.png", "hamburger.webp"),
        *("mushroom.webp", "pineapple.webp", "pizza.webp", "red-apple.webp", "strawberry.webp"),
    ),
    "vehicle": (
        *("airplane.webp", "bicycle.webp", "fire-engine.webp", "locomotive.webp", "red-car.webp"),
        *("rocket-on-the-launch-pad.jpg", "sailboat.webp", "school-bus.webp"),
    ),
}
"""What most of the gallery's pictures show; of the others nothing is said but the galaxies' title."""
FRUIT = ("banana.webp", "pineapple.webp", "red-apple.webp", "strawberry.webp")
FAVOURITES = ("dog.webp", "cat.png", "pizza.webp")
SERIAL = "zx81-4711"
"""A word of the galaxies' title, which no picture shows."""
ORIGINAL = "cat.png"
NEAR_DUPLICATES = ("cat-recompressed.jpg", "cat-small.webp", "cat-cropped.jpg")
COPIES = 104
"""More than the 100 pictures that a page is cut from at first, so that these end within the copies."""
DOG = (270, 160, 640, 350)
"""Where the dog is in its photograph, in pixels."""
DOGS_AT = {"beach": (7281, 214753), "elsewhere": (30213, 361919)}
"""The photographs, by their numbers, that the dog is put into: beaches, a kitchen and a slope."""


def fill(folder: Path) -> None:
    """Put the pictures and what is said of them into a folder."""
    gallery(folder / "gallery")
    for name, content in near_duplicates((folder / "gallery" / ORIGINAL).read_bytes()).items():
        write(folder / "gallery" / name, content)
    for number in range(COPIES):
        write(folder / "copies" / f"{number:03}.jpg", jpeg(seed=71))
    for seed in (72, 73, 74):
        write(folder / "copies" / f"other-{seed}.jpg", jpeg(seed=seed))
    lines = [{"key": f"gallery/{name}", **said} for name, said in SAID.items()]
    (folder / "metadata.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def _said() -> dict[str, dict[str, Any]]:
    said: dict[str, dict[str, Any]] = {
        name: {
            "tags": [kind, *(["fruit"] if name in FRUIT else [])],
            "attributes": {
                "category": kind,
                "price": place,
                "taken": f"2026-01-{place + 1:02}",
                **({"favourite": True} if name in FAVOURITES else {}),
            },
        }
        for kind, names in KINDS.items()
        for place, name in enumerate(names)
    }
    said["dog.webp"]["caption"] = "a friend of the family"
    said["galaxies.jpg"] = {"title": f"Plate {SERIAL}"}
    return said


SAID = _said()
"""The metadata of the gallery's pictures by their names.

Within a kind the price counts from 0, and the day that a picture was taken from the first of 2026.
"""


def near_duplicates(original: bytes) -> dict[str, bytes]:
    """Return one picture as others keep it: compressed harder, made smaller, and cropped a little."""
    image = Image.open(io.BytesIO(original)).convert("RGB")
    width, height = image.size
    across, down = width // 50, height // 50
    cropped = image.crop((across, down, width - across, height - down))
    return {
        "cat-recompressed.jpg": encoded(image, "JPEG", quality=40),
        "cat-small.webp": encoded(image.resize((width // 2, height // 2)), "WEBP", quality=80),
        "cat-cropped.jpg": encoded(cropped, "JPEG", quality=90),
    }


def fill_with_photographs(folder: Path, photographs: Path) -> None:
    """Put captioned photographs into a folder, and the dog of one of them before beaches and elsewhere."""
    for path in sorted(photographs.glob("*.jpg")):
        write(folder / path.name, path.read_bytes())
    dog = _photograph(photographs, 427034).crop(DOG)
    dog = dog.resize((dog.width * 4 // 5, dog.height * 4 // 5))
    for place, numbers in DOGS_AT.items():
        for number in numbers:
            scene = _photograph(photographs, number)
            scene.paste(dog, (0, scene.height - dog.height))
            write(folder / "dogs" / f"{place}-{number}.jpg", encoded(scene, "JPEG", quality=90))


def photograph_name(number: int) -> str:
    """Return the name of the photograph of this number."""
    return f"{number:012}.jpg"


def _photograph(photographs: Path, number: int) -> Image.Image:
    return Image.open(photographs / photograph_name(number)).convert("RGB")


def write(path: Path, content: bytes) -> None:
    """Write a file, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
