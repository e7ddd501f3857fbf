"""The retrieval gate: another form than fp32 on ONNX Runtime is packaged only where it finds the same."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from clip_inference.runtimes import openvino_capabilities
from scripts.artifact import package
from scripts.artifact.forms import EXACT, PRECISIONS, Form
from scripts.artifact.gate import LEAST_RECALL, recall_at_ten
from scripts.artifact.package import PackagedModel, package_model
from scripts.artifact.publish import locked
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


INTEGERS = Form(precision="int8")
BRAIN_FLOATS = Form(runtime="openvino", precision="bf16")


def pack(output: Path, form: Form, pictures: Path | None) -> PackagedModel:
    return package_model("demo", python="3.12", output_dir=output, form=form, pictures=pictures)


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


@pytest.mark.parametrize(
    "form",
    [Form(precision="fp16"), Form(runtime="openvino"), Form(runtime="openvino", precision="fp16")],
    ids=str,
)
def test_a_form_that_finds_what_the_exact_one_finds_is_kept_with_the_figure(
    tmp_path: Path, gallery: Path, form: Form
) -> None:
    exact = describe(pack(tmp_path, EXACT, None))
    faster = pack(tmp_path, form, gallery)

    document = describe(faster)
    agreement = document["agreement"]
    assert isinstance(agreement, dict)
    assert min(agreement["by_text"], agreement["by_picture"]) >= LEAST_RECALL
    assert agreement["pictures"] >= 50
    assert (document["runtime"], document["precision"]) == (form.runtime, form.precision)
    assert (locked(faster).runtime, locked(faster).precision) == (form.runtime, form.precision)
    assert (exact["runtime"], exact["precision"]) == ("onnxruntime", "fp32")
    assert faster.fingerprint == document["fingerprint"] != exact["fingerprint"]


@pytest.mark.parametrize("form", [INTEGERS, BRAIN_FLOATS], ids=str)
def test_one_that_does_not_is_refused_with_the_figure(tmp_path: Path, gallery: Path, form: Form) -> None:
    if form == BRAIN_FLOATS and "BF16" not in openvino_capabilities():
        pytest.skip("this processor does not compute in bf16")
    with pytest.raises(CommandError, match=rf"{form} .*pictures 9\d\.\d% by text and \d+") as raised:
        pack(tmp_path, form, gallery)
    assert raised.value.code == "precision_refused"
    assert list(tmp_path.iterdir()) == []


def test_bf16_is_not_judged_by_a_processor_that_computes_it_in_fp32(
    tmp_path: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "openvino_capabilities", lambda: ["FP32", "INT8"])
    with pytest.raises(CommandError, match="processor does not compute in bf16") as raised:
        pack(tmp_path, BRAIN_FLOATS, gallery)
    assert raised.value.code == "form_unjudged"


def test_a_runtime_refuses_what_it_computes_no_faster_and_names_the_other() -> None:
    with pytest.raises(
        CommandError, match=r"fp32, fp16, bf16 and not int8: .* --runtime onnxruntime"
    ) as raised:
        Form(runtime="openvino", precision="int8")
    assert raised.value.code == "form_unfit"
    with pytest.raises(CommandError, match="--runtime openvino"):
        Form(runtime="onnxruntime", precision="bf16")
    assert all(Form(runtime=runtime, precision=each) for runtime, of in PRECISIONS.items() for each in of)


@pytest.mark.parametrize("pictures", [None, Path("nowhere")])
def test_another_precision_needs_pictures_that_judge_it(tmp_path: Path, pictures: Path | None) -> None:
    with pytest.raises(CommandError, match="--pictures") as raised:
        pack(tmp_path, Form(precision="fp16"), pictures)
    assert raised.value.code == "gate_pictures_unfit"


def test_too_few_pictures_judge_nothing(tmp_path: Path) -> None:
    few = write_layout(tmp_path / "layout")
    with pytest.raises(CommandError, match=r"holds 0 pictures; .* at least 50") as raised:
        pack(tmp_path / "out", Form(precision="fp16"), few)
    assert raised.value.code == "gate_pictures_unfit"
    assert list((tmp_path / "out").iterdir()) == []
