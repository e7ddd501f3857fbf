"""Ready ONNX exports of CLIP-family models, from the Hugging Face hub or from a folder of the same layout.

The layout is the one that the organisation `immich-app` publishes: config.json (open_clip's model
configuration), visual/{model.onnx, preprocess_cfg.json}, textual/{model.onnx, tokenizer.json,
tokenizer_config.json}.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from clip_inference.config import ImageSettings, TextSettings
from clip_inference.errors import ModelError
from scripts.artifact.digests import file_digest
from scripts.artifact.model_files import ModelFiles
from scripts.artifact.towers import TowerInput, read_inputs
from scripts.artifact.work import Report
from scripts.errors import CommandError

# The small ones first: an unreachable hub shows before anything large is asked for.
FILES = (
    "config.json",
    "visual/preprocess_cfg.json",
    "textual/tokenizer_config.json",
    "textual/tokenizer.json",
    "textual/model.onnx",
    "visual/model.onnx",
)
# open_clip, factory.py: the context length of a configuration that names none.
DEFAULT_CONTEXT_LENGTH = 77

COMMIT = re.compile(r"[0-9a-f]{40}")


def download(repository: str, *, revision: str, digests: Mapping[str, str], report: Report) -> Path:
    """Fetch the layout's files into the hub's own cache; return their folder, named after the commit.

    `revision` may be a branch or a commit. Raises CommandError `hub_unreachable`, `hub_refused` or
    `download_corrupt`.
    """
    for name in FILES:
        report(f"fetching {name} of {repository}")
        path = _fetch(repository, name, revision)
        if name in digests and file_digest(path) != digests[name]:
            raise CommandError(
                "download_corrupt",
                f"{name} of {repository} at {revision} is not the file that was pinned. Delete {path} and "
                "try again. If it differs again, the repository has moved on: name a commit that you trust "
                "with --revision; its files are then taken unchecked.",
            )
    return resolve(repository, revision=revision)


def resolve(repository: str, *, revision: str) -> Path:
    """The cached folder of `revision`; its name is the commit. Fetches config.json only."""
    return _fetch(repository, "config.json", revision).parent


def _fetch(repository: str, name: str, revision: str) -> Path:
    # Imported here: it takes half a second, and most commands never ask the hub.
    from httpx2 import HTTPError  # the hub's own HTTP client
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, XetDownloadError

    cache_only = _is_cached(repository, name, revision) or not _hub_answers()
    try:
        return Path(hf_hub_download(repository, name, revision=revision, local_files_only=cache_only))
    except HfHubHTTPError as error:
        reason = " ".join(str(error).split())
        raise CommandError(
            "hub_refused",
            f"The Hugging Face hub refused {name} of {repository} at revision {revision}: {reason} "
            "Nothing was written. Check --revision, and HF_TOKEN if the repository is private.",
        ) from error
    except (LocalEntryNotFoundError, HTTPError, XetDownloadError) as error:
        raise CommandError("hub_unreachable", _unreachable(repository, name, revision)) from error


def _is_cached(repository: str, name: str, revision: str) -> bool:
    """Whether the cache answers for good: a commit's file never changes, a branch's may."""
    from huggingface_hub import try_to_load_from_cache

    pinned = COMMIT.fullmatch(revision) is not None
    return pinned and isinstance(try_to_load_from_cache(repository, name, revision=revision), str)


def _hub_answers() -> bool:
    """Whether the hub, or its mirror, answers at all. The download itself would try for half a minute."""
    from httpx2 import HTTPError
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=constants.DEFAULT_ETAG_TIMEOUT)
    except (HTTPError, OSError):
        return False
    return True


def _unreachable(repository: str, name: str, revision: str) -> str:
    return (
        f"The Hugging Face hub cannot be reached, and its cache does not hold {name} of {repository} at "
        f"revision {revision}. Nothing was written. Either use --model demo, which needs no hub; or fetch "
        "the repository on another machine and pass its folder with --from DIR; or set HF_ENDPOINT to a "
        "mirror of the hub, HF_HUB_CACHE to a filled cache, and unset HF_HUB_OFFLINE if it is set."
    )


def read_folder(folder: Path, *, source: str, revision: str) -> ModelFiles:
    """The model that `folder` holds in the hub's layout; CommandError `layout_unfit` says what is wrong."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise CommandError("layout_unfit", f"{folder} lacks {', '.join(missing)}.")
    config = _read_json(folder / "config.json")
    try:
        return ModelFiles(
            image_tower=folder / "visual/model.onnx",
            text_tower=folder / "textual/model.onnx",
            tokenizer=folder / "textual/tokenizer.json",
            dimension=int(config["embed_dim"]),
            image=_image_settings(folder),
            text=_text_settings(folder, dict(config["text_cfg"])),
            source=source,
            revision=revision,
        )
    except (KeyError, TypeError, ValueError, ModelError) as error:
        raise CommandError(
            "layout_unfit",
            f"The settings in {folder} cannot be used: {error} ({type(error).__name__}).",
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise CommandError("layout_unfit", f"{path} is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise CommandError("layout_unfit", f"{path} must hold one JSON object.")
    return document


def _image_settings(folder: Path) -> ImageSettings:
    settings = _read_json(folder / "visual/preprocess_cfg.json")
    inputs = read_inputs(folder / "visual/model.onnx")
    return ImageSettings(
        size=_square(settings["size"]),
        mean=tuple(settings["mean"]),
        std=tuple(settings["std"]),
        resize=settings.get("resize_mode", "shortest"),
        interpolation=settings["interpolation"],
        input=inputs[0].name,
    )


def _square(size: int | list[int]) -> int:
    sides = {size} if isinstance(size, int) else set(size)
    if len(sides) != 1:
        raise ValueError(f"the picture size {size} is not square")
    return sides.pop()


def _text_settings(folder: Path, config: dict[str, Any]) -> TextSettings:
    ids, mask = _text_inputs(read_inputs(folder / "textual/model.onnx"))
    return TextSettings(
        context_length=config.get("context_length", DEFAULT_CONTEXT_LENGTH),
        padding="fixed",
        pad_id=_pad_id(folder),
        ids_input=ids.name,
        mask_input=mask,
        dtype=ids.dtype,  # type: ignore[arg-type]  # TextSettings refuses all but its two types
        canonicalize=(config.get("tokenizer_kwargs") or {}).get("clean") == "canonicalize",
    )


def _text_inputs(inputs: list[TowerInput]) -> tuple[TowerInput, str | None]:
    """The input of token ids, and the name of the input of the attention mask where there is one."""
    masks = [entry.name for entry in inputs if "mask" in entry.name]
    ids = [entry for entry in inputs if entry.name not in masks]
    if len(ids) != 1 or len(masks) > 1:
        raise ValueError(f"the text tower takes {[entry.name for entry in inputs]}, not token ids and a mask")
    return ids[0], masks[0] if masks else None


def _pad_id(folder: Path) -> int:
    """The id of the pad token; tokenizer_config.json names it as a string or as an object with `content`."""
    token = _read_json(folder / "textual/tokenizer_config.json")["pad_token"]
    name = token["content"] if isinstance(token, dict) else token
    pad_id = Tokenizer.from_file(str(folder / "textual/tokenizer.json")).token_to_id(name)
    if pad_id is None:
        raise ValueError(f"the pad token {name!r} is not in tokenizer.json")
    return int(pad_id)
