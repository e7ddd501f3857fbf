"""The committed record of published models: which artifact and fingerprint each model's name stands for."""

import json
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from stacks.limits import max_dimension

_HEX64 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_PYTHON = re.compile(r"3\.\d+")
_WORD = re.compile(r"[a-z0-9]+")


class ModelLockError(ValueError):
    """A model lock that cannot be used; the message names the file or model, and the value at fault."""


@dataclass(frozen=True)
class LockedModel:
    """One published model.

    `digest` is the SHA-256 of model.tar.gz, `fingerprint` that of towers, tokenizer and preprocessing (both
    64 hexadecimal digits), `dimension` the length of its vectors, `python` the version that its wheels are
    for ("3.12"), `runtime` what computes its towers and `precision` their numbers: a lock that does not say
    is of the time before there was a choice. Raises ModelLockError for a value of another form.
    """

    digest: str
    fingerprint: str
    dimension: int
    python: str
    runtime: str = "onnxruntime"
    precision: str = "fp32"

    def __post_init__(self) -> None:
        """Check every field: a digest with a typing error would deploy an endpoint that never starts."""
        for name in ("digest", "fingerprint"):
            _require(
                _is_match(_HEX64, getattr(self, name)), f"{name} must be 64 lower-case hexadecimal digits"
            )
        whole = isinstance(self.dimension, int) and not isinstance(self.dimension, bool)
        longest = max_dimension()
        in_range = whole and 1 <= self.dimension <= longest
        _require(
            in_range,
            f"dimension must be a whole number from 1 to {longest}, the longest vectors with which a full "
            "shard's answers fit into one response",
        )
        _require(_is_match(_PYTHON, self.python), 'python must be a version such as "3.12"')
        for name in ("runtime", "precision"):
            _require(_is_match(_WORD, getattr(self, name)), f"{name} must be a word such as int8")

    @property
    def artifact_key(self) -> str:
        """Key of model.tar.gz in the artifact bucket."""
        return f"models/{self.digest}/model.tar.gz"

    @property
    def short_fingerprint(self) -> str:
        """First twelve digits of the fingerprint: what endpoints and indices are named by."""
        return self.fingerprint[:12]

    @property
    def form(self) -> str:
        """What its towers are, for people: "int8 on onnxruntime"."""
        return f"{self.precision} on {self.runtime}"

    @property
    def is_exact(self) -> bool:
        """Whether it has the form that all others are judged by, and that is packaged without pictures."""
        return (self.runtime, self.precision) == ("onnxruntime", "fp32")


_REQUIRED = frozenset(each.name for each in fields(LockedModel) if each.default is MISSING)
_OPTIONAL = frozenset(each.name for each in fields(LockedModel)) - _REQUIRED


@dataclass(frozen=True)
class ModelLock:
    """Published models by name. Immutable: `with_model` returns another lock."""

    models: Mapping[str, LockedModel] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the lock in the TOML file at `path`; a file that does not exist is a lock without models.

        Raises ModelLockError if the file is no TOML, or an entry has a missing, unknown or malformed field.
        """
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ModelLockError(f"{path}: not valid TOML: {error}") from error
        try:
            return cls(_parse(document))
        except ModelLockError as error:
            raise ModelLockError(f"{path}: {error}") from error

    def get(self, name: str) -> LockedModel | None:
        """Return the published model called `name`, or None if none is."""
        return self.models.get(name)

    def with_model(self, name: str, model: LockedModel) -> "ModelLock":
        """Return a lock in which `name` stands for `model`, all other entries unchanged."""
        return ModelLock(MappingProxyType({**self.models, _checked_name(name): model}))

    def save(self, path: Path) -> None:
        """Write the lock to `path`, sorted by name, so that equal locks are equal bytes.

        The file is replaced in one step: a reader, or a crash, never sees half of it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as temporary:
            temporary.write(self.render())
        # A temporary file is private to its owner; a committed one is readable like its neighbours.
        written = Path(temporary.name)
        written.chmod(0o644)
        written.replace(path)

    def render(self) -> str:
        """Return the lock as TOML."""
        return _HEADING + "".join(
            f"\n{_render_entry(name, self.models[name])}" for name in sorted(self.models)
        )


_HEADING = (
    "# Written by `imagesearch publish-model`: the artifacts that the endpoints serve. Commit this file.\n"
)


def publish_command(name: str, environment: str, model: LockedModel | None = None) -> str:
    """Return the command that publishes the model called `name` in the form of `model`, if there is one."""
    command = f"imagesearch publish-model --model {name} --env {environment}"
    if model is None or model.is_exact:
        return command
    return f"{command} --runtime {model.runtime} --precision {model.precision} --pictures FOLDER"


def _render_entry(name: str, model: LockedModel) -> str:
    # Whole numbers and words of letters and digits are in TOML what they are in JSON.
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in asdict(model).items())
    return f"[models.{name}]\n" + "".join(lines)


def _parse(document: Mapping[str, Any]) -> Mapping[str, LockedModel]:
    unknown = sorted(document.keys() - {"models"})
    _require(not unknown, f"unknown table {', '.join(unknown)}")
    entries = document.get("models", {})
    _require(isinstance(entries, dict), "`models` must be a table")
    return MappingProxyType(
        {_checked_name(name): _parse_entry(name, entry) for name, entry in entries.items()}
    )


def _parse_entry(name: str, entry: object) -> LockedModel:
    if not isinstance(entry, dict):
        raise ModelLockError(f"models.{name} must be a table")
    missing, unknown = sorted(_REQUIRED - entry.keys()), sorted(entry.keys() - _REQUIRED - _OPTIONAL)
    _require(not missing, f"models.{name} lacks {', '.join(missing)}")
    _require(not unknown, f"models.{name} has the unknown field {', '.join(unknown)}")
    try:
        return LockedModel(**entry)
    except ModelLockError as error:
        raise ModelLockError(f"models.{name}: {error}") from error


def _checked_name(name: str) -> str:
    _require(
        _is_match(_NAME, name), f"{name!r} is no model name: lower-case letters, digits and hyphens only"
    )
    return name


def _is_match(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ModelLockError(message)
