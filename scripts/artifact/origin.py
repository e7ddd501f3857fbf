"""Where a model's files come from: the hub, a folder in the hub's layout, or towers built here."""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.artifact.catalogue import BuiltSource, CatalogueEntry, HubSource
from scripts.artifact.digests import folder_digest
from scripts.artifact.hub import COMMIT, download, read_folder, resolve
from scripts.artifact.model_files import ModelFiles
from scripts.artifact.work import BUILD, Report
from scripts.errors import CommandError
from scripts.repository import ROOT

DEMO_MODEL = ROOT / "scripts" / "demo_model"
BUILT_TOWERS = BUILD / "towers"


@dataclass(frozen=True)
class Origin:
    """`key` names the model's exact content without fetching it; `obtain` fetches or builds the files."""

    key: str
    obtain: Callable[[Report], ModelFiles]


def find_origin(entry: CatalogueEntry, *, source: Path | None, revision: str | None) -> Origin:
    """The origin of `entry`: the folder `source` if given, else what the catalogue says.

    Raises CommandError `origin_unfit` for a folder or revision that cannot apply.
    """
    if isinstance(entry.source, BuiltSource):
        if source or revision:
            raise CommandError(
                "origin_unfit", f"{entry.name} is built here; it takes no --from and no --revision."
            )
        return _built(entry, entry.source)
    if source:
        return _from_folder(entry, source, revision)
    return _from_hub(entry, entry.source, revision)


def _from_hub(entry: CatalogueEntry, hub: HubSource, revision: str | None) -> Origin:
    commit = _commit(hub.repository, revision or hub.revision)
    digests = hub.digests if revision in (None, hub.revision) else {}

    def obtain(report: Report) -> ModelFiles:
        folder = download(hub.repository, revision=commit, digests=digests, report=report)
        return _checked(entry, read_folder(folder, source=hub.repository, revision=commit))

    return Origin(f"hub:{hub.repository}@{commit}", obtain)


def _commit(repository: str, revision: str) -> str:
    """The commit that a branch or tag stands for now; a commit stands for itself and needs no hub."""
    return revision if COMMIT.fullmatch(revision) else resolve(repository, revision=revision).name


def _from_folder(entry: CatalogueEntry, folder: Path, revision: str | None) -> Origin:
    if not folder.is_dir():
        raise CommandError("origin_unfit", f"{folder} is not a folder.")
    assert isinstance(entry.source, HubSource)  # find_origin has sorted out the other kind
    repository = entry.source.repository

    def obtain(_: Report) -> ModelFiles:
        return _checked(entry, read_folder(folder, source=repository, revision=revision or "not recorded"))

    return Origin(f"folder:{folder_digest(folder)}:{revision}", obtain)


def _built(entry: CatalogueEntry, built: BuiltSource) -> Origin:
    key = hashlib.sha256(f"{folder_digest(DEMO_MODEL)} {entry.dimension}".encode()).hexdigest()

    def obtain(report: Report) -> ModelFiles:
        folder = _build_towers(BUILT_TOWERS / f"{entry.name}-{key[:16]}", entry, report)
        return ModelFiles(
            image_tower=folder / "image.onnx",
            text_tower=folder / "text.onnx",
            tokenizer=folder / "tokenizer.json",
            dimension=entry.dimension,
            image=built.image,
            text=built.text,
            source=built.description,
            revision=folder_digest(folder),
        )

    return Origin(f"built:{key}", obtain)


def _build_towers(folder: Path, entry: CatalogueEntry, report: Report) -> Path:
    if folder.is_dir():
        return folder
    report(f"building the towers of the model {entry.name}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as scratch:
        towers = Path(scratch, "towers")
        towers.mkdir()
        _call_builder(towers, entry.dimension)
        with contextlib.suppress(OSError):  # another process has built the same ones meanwhile
            towers.rename(folder)
    _remove_superseded(folder)
    return folder


def _call_builder(folder: Path, dimension: int) -> None:
    # Imported here: building needs packages that no other command does.
    from scripts.demo_model.towers import build_towers

    try:
        build_towers(folder, dimension=dimension)
    except ModuleNotFoundError as error:
        raise CommandError("demo_unbuildable", f"The demo model cannot be built: {error}.") from error


def _remove_superseded(folder: Path) -> None:
    """Remove the same model's towers built from earlier versions of scripts/demo_model."""
    stem = folder.name.rsplit("-", 1)[0]
    for other in folder.parent.glob(f"{stem}-" + "[0-9a-f]" * 16):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def _checked(entry: CatalogueEntry, files: ModelFiles) -> ModelFiles:
    if files.dimension != entry.dimension:
        raise CommandError(
            "origin_unfit",
            f"{entry.name} has vectors of {entry.dimension}, but the files given make vectors of "
            f"{files.dimension}: they are another model's.",
        )
    return files
