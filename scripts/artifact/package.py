"""Make a model's artifact, `model.tar.gz`: towers, tokenizer, model.json, handler and dependencies."""

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clip_inference.config import Runtime
from clip_inference.runtimes import openvino_capabilities, openvino_precision
from scripts.artifact.archive import write_archive
from scripts.artifact.catalogue import CatalogueEntry, find_entry
from scripts.artifact.description import TOKENIZER, describe, fingerprint_of
from scripts.artifact.digests import file_digest, folder_digest
from scripts.artifact.forms import EXACT, Form
from scripts.artifact.gate import LEAST_RECALL, Agreement, measure_agreement
from scripts.artifact.model_files import ModelFiles
from scripts.artifact.origin import Origin, find_origin
from scripts.artifact.precision import write_towers
from scripts.artifact.smoke import smoke_test
from scripts.artifact.towers import prepare_towers
from scripts.artifact.wheels import CONTAINER_PLATFORM, host_platform, host_python, unpack_wheels
from scripts.artifact.work import MODEL_CODE, Report, content_key
from scripts.errors import CommandError

REQUIREMENTS: dict[Runtime, Path] = {
    "onnxruntime": MODEL_CODE / "requirements.txt",
    "openvino": MODEL_CODE / "requirements-openvino.txt",
}
RECORD = "package.json"
ARCHIVE = "model.tar.gz"


@dataclass(frozen=True, kw_only=True)
class PackagedModel:
    """A finished artifact: where it lies, its SHA-256, and what an index and an endpoint need to know."""

    path: Path
    digest: str
    fingerprint: str
    dimension: int
    name: str
    python: str
    form: Form = EXACT

    @property
    def size(self) -> int:
        """Bytes of model.tar.gz."""
        return self.path.stat().st_size


def package_model(
    name: str,
    *,
    python: str,
    output_dir: Path,
    source: Path | None = None,
    revision: str | None = None,
    platform_tag: str = CONTAINER_PLATFORM,
    form: Form = EXACT,
    pictures: Path | None = None,
    report: Report = lambda _: None,
) -> PackagedModel:
    """The artifact of the catalogue's model `name`, with wheels for `python` and `platform_tag`.

    `source` is a folder in the hub's layout to take the model from; `revision` is another commit or branch of
    its repository than the catalogue's. Another `form` than EXACT is packaged only if it finds what that one
    finds among the `pictures` of a folder. The artifact lies in a folder of its own under `output_dir`, named
    after all inputs: with unchanged inputs the finished one is returned, and a superseded one is removed.
    `report` is told each step. Raises CommandError; then nothing is left behind.
    """
    entry = find_entry(name)
    origin = find_origin(entry, source=source, revision=revision)
    judged = _Judged(form, _judges(form, pictures))
    key = content_key(origin.key + judged.key, python=python, platform_tag=platform_tag)
    folder = output_dir / f"{name}-cp{python.replace('.', '')}-{key[:16]}"
    finished = _finished(folder)
    if finished:
        return finished
    output_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output_dir, prefix=".packaging-") as scratch:
        build = _Build(entry, judged, python, platform_tag, report)
        _move(build.run(origin, Path(scratch)), folder)
    _remove_superseded(folder)
    return _read_record(folder)


@dataclass(frozen=True)
class _Judged:
    """A form and the folder of pictures that judge it; None for the exact one, which needs no judging."""

    form: Form
    pictures: Path | None

    @property
    def key(self) -> str:
        """What tells this form of a model from others, and nothing for the exact one."""
        return f" {self.form} {folder_digest(self.pictures)}" if self.pictures else ""


def _judges(form: Form, pictures: Path | None) -> Path | None:
    """The folder with the pictures that judge `form`. Raises CommandError where it cannot be judged here."""
    if form == EXACT:
        return None
    if pictures is None or not pictures.is_dir():
        raise CommandError(
            "gate_pictures_unfit",
            f"{form} is packaged only if it finds what {EXACT} finds. Name a folder with some of the "
            "pictures that you search, with --pictures.",
        )
    if form.precision == "bf16" and openvino_precision("bf16", openvino_capabilities()) != "bf16":
        raise CommandError(
            "form_unjudged",
            "This machine's processor does not compute in bf16, so what bf16 finds cannot be measured here. "
            "Package it on a machine that does (on x86, avx512_bf16 or amx_bf16), or another precision.",
        )
    return pictures


@dataclass(frozen=True)
class _Build:
    """One run of packaging; everything happens in a scratch folder."""

    entry: CatalogueEntry
    judged: _Judged
    python: str
    platform_tag: str
    report: Report

    def run(self, origin: Origin, scratch: Path) -> Path:
        """The folder with model.tar.gz and its record."""
        content, result = scratch / "content", scratch / "result"
        (content / "code").mkdir(parents=True)
        result.mkdir()
        files = origin.obtain(self.report)
        fingerprint = self._write_model(files, scratch, content)
        self._write_code(content / "code")
        self.report("packing model.tar.gz")
        record = {
            "digest": write_archive(content, result / ARCHIVE),
            "fingerprint": fingerprint,
            "dimension": files.dimension,
            "name": self.entry.name,
            "python": self.python,
            "form": asdict(self.judged.form),
        }
        (result / RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        self._try(result / ARCHIVE)
        return result

    def _write_model(self, files: ModelFiles, scratch: Path, content: Path) -> str:
        """Write towers, tokenizer and model.json to `content`; return the fingerprint."""
        exact = content if self.judged.pictures is None else scratch / "exact"
        exact.mkdir(exist_ok=True)
        self.report("checking the towers")
        files = prepare_towers(files, exact)
        fingerprint = self._describe(files, exact, EXACT)
        if self.judged.pictures is None:
            return fingerprint
        return self._write_faster(files, exact, content, self.judged.pictures)

    def _write_faster(self, files: ModelFiles, exact: Path, content: Path, pictures: Path) -> str:
        form = self.judged.form
        self.report(f"writing the towers as {form}")
        write_towers(exact, content, form)
        shutil.copy(exact / TOKENIZER, content)
        self._describe(files, content, form)
        self.report(f"comparing what {form} and {EXACT} find")
        agreement = measure_agreement(exact, content, pictures)
        _require_agreement(form, agreement)
        return self._describe(files, content, form, agreement=asdict(agreement))

    def _describe(self, files: ModelFiles, folder: Path, form: Form, **more: Any) -> str:
        """Write model.json, with `more` in it, beside the towers in `folder`; return the fingerprint."""
        fingerprint = fingerprint_of(folder, files, form)
        entry = self.entry
        document = describe(files, name=entry.name, licence=entry.licence, fingerprint=fingerprint, form=form)
        text = json.dumps(document | more, indent=2, sort_keys=True) + "\n"
        (folder / "model.json").write_text(text, "utf-8")
        return fingerprint

    def _write_code(self, code: Path) -> None:
        self.report(f"unpacking wheels for Python {self.python} on {self.platform_tag}")
        requirements = REQUIREMENTS[self.judged.form.runtime]
        unpack_wheels(requirements, code, python=self.python, platform_tag=self.platform_tag)
        shutil.copy(MODEL_CODE / "inference.py", code)
        package = MODEL_CODE / "clip_inference"
        shutil.copytree(package, code / package.name, ignore=shutil.ignore_patterns("__pycache__"))

    def _try(self, archive: Path) -> None:
        """Where this machine can run the wheels. SageMaker would show a broken artifact after an hour."""
        if (self.python, self.platform_tag) == (host_python(), host_platform()):
            self.report("asking the packed model for a text and a picture")
            smoke_test(archive)


def _require_agreement(form: Form, agreement: Agreement) -> None:
    if not agreement.is_enough:
        raise CommandError(
            "precision_refused",
            f"{form} does not find what {EXACT} finds: of its ten nearest among {agreement.pictures} "
            f"pictures {agreement.by_text:.1%} by text and {agreement.by_picture:.1%} by picture, where "
            f"{LEAST_RECALL:.0%} are asked of both. Nothing was kept. Package fp32 or another precision.",
        )


def _finished(folder: Path) -> PackagedModel | None:
    """The artifact in `folder`; None, and no folder, where there is none or its bytes have changed."""
    if not (folder / RECORD).is_file():
        return None
    packaged = _read_record(folder)
    if packaged.path.is_file() and file_digest(packaged.path) == packaged.digest:
        return packaged
    shutil.rmtree(folder)
    return None


def _read_record(folder: Path) -> PackagedModel:
    record = json.loads((folder / RECORD).read_text("utf-8"))
    return PackagedModel(path=folder / ARCHIVE, **record | {"form": Form(**record["form"])})


def _move(result: Path, folder: Path) -> None:
    """Put the result in place in one step, or keep the same one that another process finished meanwhile."""
    try:
        result.replace(folder)
    except OSError:
        if _finished(folder) is None:
            raise


def _remove_superseded(folder: Path) -> None:
    """Remove the same model's artifacts made from other inputs: each has a hundred megabytes or more."""
    stem = folder.name.rsplit("-", 1)[0]
    for other in folder.parent.glob(f"{stem}-" + "[0-9a-f]" * 16):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
