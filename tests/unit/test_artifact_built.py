"""Models whose towers are built here: kept beside each other, each in a folder of its own."""

from pathlib import Path

import pytest

from scripts.artifact import origin
from scripts.artifact.catalogue import DEMO, DEMO_256
from scripts.artifact.description import fingerprint_of
from scripts.artifact.origin import find_origin
from scripts.artifact.towers import prepare_towers
from scripts.errors import CommandError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(origin, "BUILT_TOWERS", tmp_path)
    return tmp_path


def test_models_of_one_family_live_beside_each_other_and_replace_only_their_own(folder: Path) -> None:
    earlier = [folder / f"{name}-{'0' * 16}" for name in ("demo", "demo-256")]
    for path in earlier:
        path.mkdir()

    built = find_origin(DEMO, source=None, revision=None).obtain(print)
    assert [path.exists() for path in earlier] == [False, True]
    shorter = find_origin(DEMO_256, source=None, revision=None).obtain(print)

    assert (built.dimension, shorter.dimension) == (384, 256)
    assert built.image_tower.exists()
    assert sorted(path.name.rsplit("-", 1)[0] for path in folder.iterdir()) == ["demo", "demo-256"]


def test_another_dimension_is_another_fingerprint(folder: Path, tmp_path: Path) -> None:
    fingerprints = set()
    for entry in (DEMO, DEMO_256):
        files = find_origin(entry, source=None, revision=None).obtain(print)
        content = tmp_path / "content" / entry.name
        content.mkdir(parents=True)
        prepare_towers(files, content)
        fingerprints.add(fingerprint_of(content, files))
    assert len(fingerprints) == 2


def test_another_dimension_is_another_origin() -> None:
    keys = {find_origin(entry, source=None, revision=None).key for entry in (DEMO, DEMO_256)}
    assert len(keys) == 2


def test_a_model_that_is_built_here_cannot_be_taken_from_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="demo-256 is built here") as raised:
        find_origin(DEMO_256, source=tmp_path, revision=None)
    assert raised.value.code == "origin_unfit"
