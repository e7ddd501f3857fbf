"""The image–text pairs that train the heads. Where each comes from and under which licence: PROVENANCE.md."""

import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.artifact.archive import unpack
from scripts.demo_model.split import held_half, training_half

BUILD = Path(__file__).resolve().parents[2] / "build" / "demo_model"


class DatasetError(RuntimeError):
    """A source of pairs is missing or is not what was expected."""


@dataclass(frozen=True)
class Pair:
    """A picture file and the texts that each describe it."""

    picture: Path
    texts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Package:
    """An npm package of an exact version, and the SHA-256 of its tarball."""

    name: str
    version: str
    sha256: str


NAMES = Package(
    name="emojibase-data",
    version="17.0.0",
    sha256="d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
)
FLUENT = Package(
    name="@lobehub/fluent-emoji-3d",
    version="1.1.0",
    sha256="c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
)
NOTO = Package(
    name="emoji-datasource-google",
    version="16.0.0",
    sha256="fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
)
PICTURES = {FLUENT: "assets/{}.webp", NOTO: "img/google/64/{}.png"}
GROUPS = frozenset({0, 1, 3, 4, 5, 6, 7, 8})  # emojibase's groups without components (2) and flags (9)


def photographs(folder: Path) -> list[Pair]:
    """The captioned photographs that `folder`/photos.json lists, in its order."""
    index = folder / "photos.json"
    if not index.is_file():
        raise DatasetError(f"{index} is missing: name the folder that holds photos.json and photos/")
    entries = json.loads(index.read_text("utf-8"))
    return [Pair(folder / entry["file"], tuple(entry["captions"])) for entry in entries]


def training_photographs(folder: Path) -> list[Pair]:
    """The photographs of the training half."""
    return _those_in(photographs(folder), training_half)


def held_photographs(folder: Path) -> list[Pair]:
    """The photographs of the held half: for measuring, never for training or choosing."""
    return _those_in(photographs(folder), held_half)


def _those_in(pairs: list[Pair], half: Any) -> list[Pair]:
    chosen = set(half(pair.picture.name for pair in pairs))
    return [pair for pair in pairs if pair.picture.name in chosen]


def emoji() -> dict[str, list[Pair]]:
    """Package name → pictures of one emoji set, each with its name and with its name and keywords."""
    entries = json.loads((fetch(NAMES) / "en" / "data.json").read_text("utf-8"))
    return {package.name: _emoji_set(entries, fetch(package) / form) for package, form in PICTURES.items()}


def _emoji_set(entries: list[dict[str, Any]], form: Path) -> list[Pair]:
    wanted = (entry for entry in entries if entry.get("group") in GROUPS)
    found = ((entry, _existing(form, entry["hexcode"].lower())) for entry in wanted)
    return [Pair(picture, _descriptions(entry)) for entry, picture in found if picture]


def _descriptions(entry: dict[str, Any]) -> tuple[str, ...]:
    return entry["label"], ", ".join([entry["label"], *entry.get("tags", [])])


def _existing(form: Path, code: str) -> Path | None:
    """The file of a code point sequence; packages differ in where they write the variation selector."""
    spellings = (code, code.replace("-fe0f", ""), f"{code}-fe0f")
    candidates = (Path(str(form).format(spelling)) for spelling in spellings)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def fetch(package: Package) -> Path:
    """The unpacked folder of an npm package, fetched by `npm pack` into build/ where it is not there yet."""
    folder = BUILD / "npm" / f"{package.name.replace('/', '-').lstrip('@')}-{package.version}"
    if not folder.exists():
        _unpack(_download(package), package, folder)
    return folder / "package"


def _download(package: Package) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise DatasetError("npm is not on the PATH: run make setup and use .venv/bin")
    target = BUILD / "npm"
    target.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", "--silent", f"{package.name}@{package.version}"]
    printed = subprocess.run(command, cwd=target, check=True, capture_output=True, text=True).stdout
    return target / printed.split()[-1]


def _unpack(archive: Path, package: Package, folder: Path) -> None:
    if hashlib.sha256(archive.read_bytes()).hexdigest() != package.sha256:
        raise DatasetError(f"{archive.name} is not the {package.name} {package.version} that was trained on")
    unfinished = folder.with_suffix(".unpacking")
    with tarfile.open(archive) as tar:
        unpack(tar, unfinished, _files(tar))
    unfinished.rename(folder)


def _files(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    return (member for member in tar if member.isfile())
