"""Reading a model in the hub's layout, from a folder and from the hub."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download  # noqa: F401  # imported before HF_HUB_CACHE is replaced
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from scripts.artifact.catalogue import CATALOGUE, HubSource, find_entry
from scripts.artifact.digests import file_digest
from scripts.artifact.hub import FILES, download, read_folder
from scripts.artifact.origin import find_origin
from scripts.errors import CommandError
from tests.unit.artifact_models import write_json, write_layout

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "someone/model"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's own cache, empty, and a hub that is never asked."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return cache


def fill(cache: Path) -> Path:
    """One model in the hub's cache, as a download leaves it; `main` stands for its commit."""
    repository = cache / "models--someone--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text(COMMIT)
    return write_layout(repository / "snapshots" / COMMIT)


def test_settings_come_from_the_files_of_the_layout(tmp_path: Path) -> None:
    files = read_folder(write_layout(tmp_path), source="somewhere", revision="one")
    assert (files.image.size, files.image.mean, files.image.resize) == (8, (0.5, 0.4, 0.3), "shortest")
    assert (files.image.interpolation, files.image.input) == ("bicubic", "image")
    assert (files.text.context_length, files.text.padding, files.text.pad_id) == (6, "fixed", 0)
    assert (files.text.ids_input, files.text.mask_input, files.text.dtype) == ("text", None, "int32")
    assert (files.dimension, files.text.canonicalize) == (512, False)


def test_siglip_texts_are_canonicalized_and_its_pad_token_may_be_an_object(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    text = {"tokenizer_kwargs": {"clean": "canonicalize"}}
    write_json(folder / "config.json", {"embed_dim": 512, "text_cfg": text})
    write_json(folder / "textual/tokenizer_config.json", {"pad_token": {"content": "<unk>"}})
    files = read_folder(folder, source="somewhere", revision="one")
    assert (files.text.canonicalize, files.text.pad_id, files.text.context_length) == (True, 1, 77)


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("visual/preprocess_cfg.json", {"size": [8, 9]}, "not square"),
        ("visual/preprocess_cfg.json", {"resize_mode": "longest"}, "shortest or squash"),
        ("visual/preprocess_cfg.json", {"interpolation": "random"}, "bicubic or bilinear"),
        ("textual/tokenizer_config.json", {"pad_token": "<nothing>"}, "not in tokenizer.json"),
        ("config.json", {"text_cfg": None}, "cannot be used"),
    ],
)
def test_settings_that_the_handler_cannot_follow_are_refused(
    tmp_path: Path, name: str, change: dict[str, object], complaint: str
) -> None:
    path = write_layout(tmp_path) / name
    write_json(path, json.loads(path.read_text()) | change)
    with pytest.raises(CommandError, match=complaint) as raised:
        read_folder(tmp_path, source="somewhere", revision="one")
    assert raised.value.code == "layout_unfit"


def test_a_folder_without_a_file_of_the_layout_is_refused_by_name(tmp_path: Path) -> None:
    (write_layout(tmp_path) / "textual/tokenizer.json").unlink()
    with pytest.raises(CommandError, match=r"lacks textual/tokenizer\.json"):
        read_folder(tmp_path, source="somewhere", revision="one")


def test_a_branch_is_resolved_to_the_commit_it_stands_for(hub_cache: Path) -> None:
    snapshot = fill(hub_cache)
    assert download(REPOSITORY, revision="main", digests={}, report=lambda _: None) == snapshot
    origin = find_origin(CATALOGUE["clip-vit-b-32"], source=None, revision=COMMIT)
    assert origin.key.endswith(f"@{COMMIT}")


def test_an_unreachable_hub_says_what_was_asked_and_what_to_do(hub_cache: Path) -> None:
    with pytest.raises(CommandError) as raised:
        find_origin(find_entry("clip-vit-b-32"), source=None, revision=None).obtain(lambda _: None)
    assert raised.value.code == "hub_unreachable"
    for part in ("immich-app/ViT-B-32__openai", "Nothing was written", "--model demo", "--from DIR", "HF_"):
        assert part in raised.value.message
    assert not hub_cache.exists()


def test_a_file_that_is_not_the_pinned_one_is_refused(hub_cache: Path) -> None:
    snapshot = fill(hub_cache)
    digests = {name: file_digest(snapshot / name) for name in FILES}
    download(REPOSITORY, revision=COMMIT, digests=digests, report=lambda _: None)
    (snapshot / "textual/model.onnx").write_bytes(b"something else")
    with pytest.raises(CommandError, match=r"textual/model\.onnx.*not the file that was pinned") as raised:
        download(REPOSITORY, revision=COMMIT, digests=digests, report=lambda _: None)
    assert raised.value.code == "download_corrupt"


def test_a_branch_whose_files_are_pinned_is_held_to_them(hub_cache: Path) -> None:
    fill(hub_cache)
    pinned = HubSource(repository=REPOSITORY, revision="main", digests={"textual/model.onnx": "0" * 64})
    entry = replace(find_entry("clip-vit-b-32"), source=pinned)
    with pytest.raises(CommandError, match="the repository has moved on") as raised:
        find_origin(entry, source=None, revision=None).obtain(lambda _: None)
    assert raised.value.code == "download_corrupt"
    assert find_origin(entry, source=None, revision=COMMIT).obtain(lambda _: None).revision == COMMIT


def test_the_commit_of_a_branch_is_what_the_model_is_known_by(hub_cache: Path) -> None:
    fill(hub_cache)
    entry = replace(find_entry("clip-vit-b-32"), source=HubSource(repository=REPOSITORY, revision="main"))
    origin = find_origin(entry, source=None, revision=None)
    assert origin.key.endswith(f"@{COMMIT}")
    assert origin.obtain(lambda _: None).revision == COMMIT


def test_xlm_rs_texts_are_padded_with_its_own_pad_token(tmp_path: Path) -> None:
    """open_clip's configuration of it names no context length; the tower finds the padding by the pad id."""
    folder = write_layout(tmp_path)
    text = {"hf_tokenizer_name": "xlm-roberta-base", "hf_pooler_type": "mean_pooler"}
    write_json(folder / "config.json", {"embed_dim": 512, "text_cfg": text})
    tokenizer = Tokenizer(WordLevel({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}, unk_token="<unk>"))
    tokenizer.save(str(folder / "textual/tokenizer.json"))
    settings = read_folder(folder, source="somewhere", revision="one").text
    assert (settings.pad_id, settings.context_length, settings.padding) == (1, 77, "fixed")
    assert (settings.mask_input, settings.canonicalize) == (None, False)


def test_a_folder_with_another_models_vectors_is_refused(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    write_json(folder / "config.json", {"embed_dim": 640, "text_cfg": {"context_length": 6}})
    origin = find_origin(find_entry("clip-vit-b-32"), source=folder, revision=None)
    with pytest.raises(CommandError, match="512, but the files given make vectors of 640"):
        origin.obtain(lambda _: None)


def test_the_demo_model_takes_no_folder_and_no_revision(tmp_path: Path) -> None:
    for options in ({"source": tmp_path, "revision": None}, {"source": None, "revision": "main"}):
        with pytest.raises(CommandError, match="demo is built here"):
            find_origin(find_entry("demo"), **options)


def test_an_unknown_model_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(CommandError, match=r"clip-vit-b-32, clip-vit-l-14, .*demo, "):
        find_entry("clip")
