"""The model lock: what it reads, writes and refuses."""

import tomllib
from pathlib import Path

import pytest

from stacks.model_lock import LockedModel, ModelLock, ModelLockError, publish_command

MODEL = LockedModel(digest="a" * 64, fingerprint="b" * 64, dimension=384, python="3.12")
OTHER = LockedModel(
    digest="c" * 64, fingerprint="d" * 64, dimension=512, python="3.11", runtime="openvino", precision="bf16"
)


def test_a_missing_file_is_a_lock_without_models(tmp_path: Path) -> None:
    assert ModelLock.load(tmp_path / "absent.lock").get("demo") is None


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "model.lock"
    ModelLock().with_model("demo", MODEL).with_model("clip-vit-b-32", OTHER).save(path)
    lock = ModelLock.load(path)
    assert (lock.get("demo"), lock.get("clip-vit-b-32")) == (MODEL, OTHER)


def test_the_file_is_toml_that_others_can_read(tmp_path: Path) -> None:
    ModelLock().with_model("demo", MODEL).save(tmp_path / "model.lock")
    document = tomllib.loads((tmp_path / "model.lock").read_text())
    assert document["models"]["demo"] == {
        "digest": "a" * 64,
        "fingerprint": "b" * 64,
        "dimension": 384,
        "python": "3.12",
        "runtime": "onnxruntime",
        "precision": "fp32",
    }


def test_a_lock_of_the_time_before_there_were_forms_names_the_exact_one(tmp_path: Path) -> None:
    path = tmp_path / "model.lock"
    text = ModelLock().with_model("demo", OTHER).render()
    path.write_text("".join(line for line in text.splitlines(True) if line[:4] not in ("runt", "prec")))
    model = ModelLock.load(path).get("demo")
    assert model is not None
    assert (model.form, model.is_exact) == ("fp32 on onnxruntime", True)


def test_the_command_that_publishes_a_model_makes_it_in_its_form() -> None:
    plain = "imagesearch publish-model --model demo --env dev"
    assert publish_command("demo", "dev") == publish_command("demo", "dev", MODEL) == plain
    form = "--runtime openvino --precision bf16 --pictures FOLDER"
    assert publish_command("demo", "dev", OTHER) == f"{plain} {form}"


def test_equal_locks_are_equal_bytes_in_whatever_order_they_were_made() -> None:
    one = ModelLock().with_model("a", MODEL).with_model("b", OTHER)
    two = ModelLock().with_model("b", OTHER).with_model("a", MODEL)
    assert one.render() == two.render()


def test_publishing_again_replaces_one_entry_and_leaves_the_old_lock_as_it_was() -> None:
    before = ModelLock().with_model("demo", MODEL).with_model("clip-vit-b-32", MODEL)
    after = before.with_model("demo", OTHER)
    assert (before.get("demo"), after.get("demo")) == (MODEL, OTHER)
    assert after.get("clip-vit-b-32") == MODEL


def test_saving_leaves_nothing_else_in_the_folder(tmp_path: Path) -> None:
    for model in (MODEL, OTHER):
        ModelLock().with_model("demo", model).save(tmp_path / "model.lock")
    assert [path.name for path in tmp_path.iterdir()] == ["model.lock"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = [", "not valid TOML"),
        ("models = 3", "must be a table"),
        ("[other]", "unknown table other"),
        ("[models]\ndemo = 3", "models.demo must be a table"),
        ('[models.demo]\ndigest = "x"', "lacks dimension, fingerprint, python"),
        ("[models.Demo]", "no model name"),
    ],
)
def test_a_file_that_is_no_lock_is_refused_with_its_path(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "model.lock"
    path.write_text(text)
    with pytest.raises(ModelLockError, match=message) as caught:
        ModelLock.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        ("dimension = 384", 'dimension = "384"', "dimension must be a whole number"),
        ("dimension = 384", "dimension = true", "dimension must be a whole number"),
        ("dimension = 384", "dimension = 0", "dimension must be a whole number"),
        ("dimension = 384", "dimension = 1195", "from 1 to 1194, the longest vectors"),
        ('python = "3.12"', "python = 3.12", "python must be a version"),
        ("a" * 64, "A" * 64, "digest must be 64"),
        ("b" * 64, "b" * 63, "fingerprint must be 64"),
        ("dimension = 384", "dimension = 384\nsize = 1", "unknown field size"),
        ('precision = "fp32"', "precision = 32", "precision must be a word"),
    ],
)
def test_a_malformed_entry_is_refused_by_name(
    tmp_path: Path, line: str, replacement: str, message: str
) -> None:
    path = tmp_path / "model.lock"
    path.write_text(ModelLock().with_model("demo", MODEL).render().replace(line, replacement))
    with pytest.raises(ModelLockError, match=message) as caught:
        ModelLock.load(path)
    assert "models.demo" in str(caught.value)


def test_a_model_knows_its_key_in_the_artifact_bucket() -> None:
    assert MODEL.artifact_key == f"models/{'a' * 64}/model.tar.gz"
