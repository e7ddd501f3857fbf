"""The retrieval gate: another precision than fp32 is packaged only where it finds the same pictures."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from scripts.artifact import package
from scripts.artifact.catalogue import Precision
from scripts.artifact.gate import LEAST_RECALL, recall_at_ten
from scripts.artifact.package import PackagedModel, package_model
from scripts.errors import CommandError
from scripts.gallery import gallery as write_gallery
from tests.unit.artifact_models import write_layout

VECTORS = np.eye(40, dtype=np.float32)


@pytest.fixture(autouse=True)
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "unpack_wheels", lambda requirements, target, **_: None)
    monkeypatch.setattr(package, "smoke_test", lambda archive: None)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs and renders that installed packages bring, and one file that is no picture."""
    folder = tmp_path_factory.mktemp("gallery")
    write_gallery(folder)
    return folder


def pack(output: Path, precision: Precision, pictures: Path | None) -> PackagedModel:
    return package_model("demo", python="3.12", output_dir=output, precision=precision, pictures=pictures)


def describe(packaged: PackagedModel) -> dict[str, object]:
    with tarfile.open(packaged.path) as archive:
        file = archive.extractfile("model.json")
        assert file is not None
        document: dict[str, object] = json.load(file)
    return document


def ranked(order: list[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """One query that finds the pictures of `VECTORS` in this order, and then the others."""
    query = np.zeros((1, len(VECTORS)), np.float32)
    query[0, order] = np.linspace(1, 0.1, len(order))
    return query


def test_recall_is_the_share_of_the_ten_nearest_that_are_found_again() -> None:
    exact = (ranked(list(range(10))), VECTORS)
    assert recall_at_ten(exact, exact) == 1
    assert recall_at_ten(exact, (ranked([*range(9, -1, -1)]), VECTORS)) == 1
    assert recall_at_ten(exact, (ranked([*range(7), 37, 38, 39]), VECTORS)) == pytest.approx(0.7)


def test_a_picture_is_not_its_own_neighbour() -> None:
    """Of eleven pictures the ten others are found, whatever the vectors."""
    left, right = (np.random.default_rng(seed).standard_normal((11, 4)).astype(np.float32) for seed in (1, 2))
    assert recall_at_ten((left, left), (right, right), same=True) == 1
    assert recall_at_ten((left, left), (right, right)) < 1


def test_half_precision_finds_what_fp32_finds_and_the_figure_is_kept(tmp_path: Path, gallery: Path) -> None:
    exact = describe(pack(tmp_path, "fp32", None))
    half = pack(tmp_path, "fp16", gallery)

    document = describe(half)
    agreement = document["agreement"]
    assert isinstance(agreement, dict)
    assert min(agreement["by_text"], agreement["by_picture"]) >= LEAST_RECALL
    assert agreement["pictures"] >= 50
    assert (document["precision"], exact["precision"]) == ("fp16", "fp32")
    assert half.fingerprint == document["fingerprint"] != exact["fingerprint"]


def test_integers_do_not_and_are_refused_with_the_figure(tmp_path: Path, gallery: Path) -> None:
    with pytest.raises(CommandError, match=r"int8 .*pictures 9\d\.\d% by text and \d+") as raised:
        pack(tmp_path, "int8", gallery)
    assert raised.value.code == "precision_refused"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pictures", [None, Path("nowhere")])
def test_another_precision_needs_pictures_that_judge_it(tmp_path: Path, pictures: Path | None) -> None:
    with pytest.raises(CommandError, match="--pictures") as raised:
        pack(tmp_path, "fp16", pictures)
    assert raised.value.code == "gate_pictures_unfit"


def test_too_few_pictures_judge_nothing(tmp_path: Path) -> None:
    few = write_layout(tmp_path / "layout")
    with pytest.raises(CommandError, match=r"holds 0 pictures; .* at least 50") as raised:
        pack(tmp_path / "out", "fp16", few)
    assert raised.value.code == "gate_pictures_unfit"
    assert list((tmp_path / "out").iterdir()) == []
