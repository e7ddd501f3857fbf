"""Packaging: same inputs, same bytes; nothing twice; nothing broken is kept."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from clip_inference.config import parse_config
from scripts.artifact import package
from scripts.artifact.archive import unpack
from scripts.artifact.digests import file_digest
from scripts.artifact.package import PackagedModel, package_model
from scripts.artifact.wheels import CONTAINER_PLATFORM, host_platform, host_python
from scripts.artifact.work import MODEL_CODE
from scripts.errors import CommandError
from tests.unit.artifact_models import image_tower, write_json, write_layout


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the wheels and for asking the model, which needs them; return the Pythons asked for."""
    asked = []

    def unpack(requirements: Path, target: Path, *, python: str, platform_tag: str) -> None:
        asked.append(python)
        (target / "wheel.py").write_text(f"{python} {platform_tag}")

    monkeypatch.setattr(package, "unpack_wheels", unpack)
    monkeypatch.setattr(package, "smoke_test", lambda archive: None)
    return asked


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return write_layout(tmp_path / "layout")


def pack(
    layout: Path,
    output: Path,
    *,
    python: str = "3.12",
    platform_tag: str = CONTAINER_PLATFORM,
    revision: str | None = None,
) -> PackagedModel:
    return package_model(
        "clip-vit-b-32",
        python=python,
        platform_tag=platform_tag,
        output_dir=output,
        source=layout,
        revision=revision,
    )


def test_same_inputs_give_the_same_bytes(tmp_path: Path, layout: Path, no_wheels: list[str]) -> None:
    first, second = pack(layout, tmp_path / "one"), pack(layout, tmp_path / "two")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.digest == file_digest(first.path) == second.digest
    assert len(no_wheels) == 2


def test_unchanged_inputs_are_not_packaged_again(tmp_path: Path, layout: Path, no_wheels: list[str]) -> None:
    first = pack(layout, tmp_path / "out")
    changed = first.path.stat().st_mtime_ns
    assert pack(layout, tmp_path / "out") == first
    assert first.path.stat().st_mtime_ns == changed
    assert no_wheels == ["3.12"]


def test_a_damaged_artifact_is_made_again(tmp_path: Path, layout: Path, no_wheels: list[str]) -> None:
    first = pack(layout, tmp_path / "out")
    first.path.write_bytes(b"cut short")
    assert pack(layout, tmp_path / "out") == first
    assert file_digest(first.path) == first.digest


def test_changed_inputs_replace_the_artifact(tmp_path: Path, layout: Path, no_wheels: list[str]) -> None:
    first = pack(layout, tmp_path / "out")
    write_layout(layout, image=image_tower(fixed_inside=False))
    second = pack(layout, tmp_path / "out")
    assert second.fingerprint != first.fingerprint
    assert not first.path.exists()
    assert second.path.exists()


def test_another_python_keeps_the_fingerprint_and_both_artifacts(
    tmp_path: Path, layout: Path, no_wheels: list[str]
) -> None:
    first, second = pack(layout, tmp_path), pack(layout, tmp_path, python="3.11")
    assert first.fingerprint == second.fingerprint
    assert first.digest != second.digest
    assert first.path.exists()
    assert second.path.exists()


@pytest.mark.parametrize("setting", [("mean", [0.1, 0.1, 0.1]), ("resize_mode", "squash")])
def test_other_preprocessing_is_another_fingerprint(
    tmp_path: Path, layout: Path, no_wheels: list[str], setting: tuple[str, object]
) -> None:
    first = pack(layout, tmp_path)
    path = layout / "visual/preprocess_cfg.json"
    write_json(path, json.loads(path.read_text()) | dict([setting]))
    assert pack(layout, tmp_path).fingerprint != first.fingerprint


def test_the_archive_is_anonymous_sorted_and_holds_the_agreed_files(
    tmp_path: Path, layout: Path, no_wheels: list[str]
) -> None:
    with tarfile.open(pack(layout, tmp_path).path) as archive:
        entries = archive.getmembers()
    names = [entry.name for entry in entries]
    assert names == sorted(names)
    assert {"model.json", "image.onnx", "text.onnx", "tokenizer.json"} <= set(names)
    assert {"code/inference.py", "code/clip_inference/config.py", "code/wheel.py"} <= set(names)
    assert not any(name.startswith(("/", "..")) or "__pycache__" in name for name in names)
    assert {(entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime) for entry in entries} == {
        (0, 0, "", "", 0)
    }
    assert {entry.mode for entry in entries if entry.isdir()} == {0o755}
    assert {entry.mode for entry in entries if not entry.isdir()} == {0o644}
    assert all(entry.isfile() or entry.isdir() for entry in entries)


def test_model_json_is_what_the_handler_reads(tmp_path: Path, layout: Path, no_wheels: list[str]) -> None:
    packaged = pack(layout, tmp_path, revision="abc")
    with tarfile.open(packaged.path) as archive:
        unpack(archive, tmp_path, [archive.getmember("model.json")])
    document = json.loads((tmp_path / "model.json").read_text("utf-8"))
    config = parse_config(document)
    assert (config.name, config.dimension) == ("clip-vit-b-32", 512)
    assert config.fingerprint == packaged.fingerprint
    assert document["source"] == "immich-app/ViT-B-32__openai"
    assert (document["revision"], document["licence"]) == ("abc", "MIT (OpenAI CLIP)")


def test_a_link_is_never_packed(
    tmp_path: Path, layout: Path, no_wheels: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        package,
        "unpack_wheels",
        lambda requirements, target, **_: (target / "link").symlink_to("elsewhere"),
    )
    with pytest.raises(CommandError) as raised:
        pack(layout, tmp_path / "out")
    assert raised.value.code == "artifact_unsafe"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_packed_model_answers_through_its_own_handler_and_wheels(tmp_path: Path, layout: Path) -> None:
    packaged = pack(layout, tmp_path / "out", python=host_python(), platform_tag=host_platform())
    with tarfile.open(packaged.path) as archive:
        names = archive.getnames()
    assert any(name.startswith("code/onnxruntime/") for name in names)
    assert not any(name.startswith(("code/numpy/", "code/boto3/", "code/bin")) for name in names)


def test_a_model_that_does_not_answer_is_not_kept(
    tmp_path: Path, layout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "model_code"
    shutil.copytree(MODEL_CODE, broken)
    (broken / "inference.py").write_text("raise RuntimeError('the handler is broken')")
    monkeypatch.setattr(package, "MODEL_CODE", broken)
    with pytest.raises(CommandError, match="the handler is broken") as raised:
        pack(layout, tmp_path / "out", python=host_python(), platform_tag=host_platform())
    assert raised.value.code == "artifact_broken"
    assert list((tmp_path / "out").iterdir()) == []


def test_requirements_without_wheels_are_an_error_with_uvs_own_words(
    tmp_path: Path, layout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("onnxruntime==1.0.0\n")  # no hash: refused before anything is fetched
    monkeypatch.setitem(package.REQUIREMENTS, "onnxruntime", requirements)
    with pytest.raises(CommandError, match="require-hashes") as raised:
        pack(layout, tmp_path / "out")
    assert raised.value.code == "wheels_unavailable"
