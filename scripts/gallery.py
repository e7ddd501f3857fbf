"""A gallery for a machine without pictures: what installed packages bring, with its licences."""

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from scripts.errors import CommandError

FLUENT_EMOJI = (
    Path(__file__).resolve().parents[1] / "node_modules" / "@lobehub" / "fluent-emoji-3d" / "assets"
)

PHOTOGRAPHS = {  # scikit-image; licences from the docstrings of skimage/data/_fetchers.py
    "astronaut-in-a-space-suit.png": ("astronaut.png", "NASA, public domain"),
    "brick-wall.png": ("brick.png", "CC0, cc0textures.com"),
    "cat.png": ("chelsea.png", "CC0, Stefan van der Walt"),
    "cup-of-coffee.png": ("coffee.png", "CC0, Rachel Michetti"),
    "galaxies.jpg": ("hubble_deep_field.jpg", "NASA, public domain"),
    "old-coins.png": ("coins.png", "Brooklyn Museum, no known copyright restrictions"),
    "photographer-with-a-camera.png": ("camera.png", "CC0, Lav Varshney"),
    "rocket-on-the-launch-pad.jpg": ("rocket.jpg", "SpaceX, public domain"),
    "wall-clock.png": ("clock_motion.png", "public domain, Stefan van der Walt"),
}
RENDERS = {  # Microsoft's Fluent Emoji by the code point that names the file in @lobehub/fluent-emoji-3d
    "airplane": "2708-fe0f",
    "banana": "1f34c",
    "basketball": "1f3c0",
    "bicycle": "1f6b2",
    "birthday-cake": "1f382",
    "broccoli": "1f966",
    "butterfly": "1f98b",
    "cactus": "1f335",
    "castle": "1f3f0",
    "dog": "1f415",
    "elephant": "1f418",
    "fire-engine": "1f692",
    "fish": "1f41f",
    "flamingo": "1f9a9",
    "guitar": "1f3b8",
    "hamburger": "1f354",
    "horse": "1f40e",
    "lion": "1f981",
    "locomotive": "1f682",
    "mountain-with-snow": "1f3d4-fe0f",
    "mushroom": "1f344",
    "palm-tree": "1f334",
    "panda": "1f43c",
    "penguin": "1f427",
    "pineapple": "1f34d",
    "pizza": "1f355",
    "rainbow": "1f308",
    "red-apple": "1f34e",
    "red-car": "1f697",
    "sailboat": "26f5",
    "school-bus": "1f68c",
    "sheep": "1f411",
    "shark": "1f988",
    "skis": "1f3bf",
    "soccer-ball": "26bd",
    "strawberry": "1f353",
    "sunflower": "1f33b",
    "tennis-racket-and-ball": "1f3be",
    "tiger": "1f405",
    "turtle": "1f422",
    "violin": "1f3bb",
    "wrist-watch": "231a",
}
LICENCES = "LICENCES.txt"
DEMO_TEXTS = ("a cat looking at the camera", "a hot drink", "a birthday party")
DEMO_PICTURE = "red-car.webp"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One picture of the gallery: its name there, the installed file, and the licence of that file."""

    name: str
    source: Path
    licence: str


def gallery(folder: Path) -> list[Path]:
    """Copy the gallery's pictures into `folder`, named by what they show, with their licences beside them.

    Files that are there already are overwritten, other files stay. CommandError `gallery_missing` where a
    package that brings pictures is not installed.
    """
    entries = [*_photographs(), *_renders()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LICENCES).write_text("".join(f"{entry.name}: {entry.licence}\n" for entry in entries), "utf-8")
    return [Path(shutil.copyfile(entry.source, folder / entry.name)) for entry in entries]


def _photographs() -> list[Entry]:
    spec = find_spec("skimage")  # found and not imported: the package lies there without its dependencies
    if spec is None or spec.origin is None:
        raise _missing("scikit-image")
    folder = Path(spec.origin).parent / "data"
    return [
        Entry(name=name, source=folder / file, licence=f"{licence} (from scikit-image)")
        for name, (file, licence) in PHOTOGRAPHS.items()
    ]


def _renders() -> list[Entry]:
    if not FLUENT_EMOJI.is_dir():
        raise _missing("@lobehub/fluent-emoji-3d")
    licence = "MIT, Fluent Emoji, Copyright (c) Microsoft Corporation (from @lobehub/fluent-emoji-3d)"
    return [
        Entry(name=f"{name}.webp", source=FLUENT_EMOJI / f"{code}.webp", licence=licence)
        for name, code in RENDERS.items()
    ]


def _missing(package: str) -> CommandError:
    return CommandError("gallery_missing", f"{package} (demo pictures) is not installed: run make setup.")
