"""Who is measured side by side: the baseline and our forms of one model, all with the same random weights."""

import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.results import Aim, Figure, Ratio
from scripts.artifact import forms
from scripts.artifact.archive import unpack, write_archive
from scripts.artifact.catalogue import CLIP_VIT_B_32
from scripts.artifact.digests import folder_digest
from scripts.artifact.package import REQUIREMENTS, package_model
from scripts.artifact.precision import write_towers
from scripts.artifact.wheels import host_platform, unpack_wheels
from scripts.artifact.work import BUILD, MODEL_CODE
from scripts.local.model_package import python_version
from scripts.local.settings import tool_python
from scripts.render import complaints
from scripts.repository import ROOT
from tests.architectures import layouts

LAYERS = 12
BASELINE = "baseline"
_BASELINE_CODE = Path(__file__).with_name("baseline")
_PROGRAM = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of our model, and the part that it has in the names of ratios."""

    name: str
    form: forms.Form
    mark: str

    def ratio(
        self,
        figures: Mapping[str, Figure],
        name: str,
        numerator: str,
        denominator: str,
        aim: Aim | None = None,
    ) -> Ratio:
        """Return a ratio of two of the figures; `{}` in its name stands for the form's mark."""
        return Ratio(
            name=name.format(self.mark),
            numerator=figures[numerator],
            denominator=figures[denominator],
            aim=aim,
        )


EXACT = Form(name="fp32", form=forms.EXACT, mark="_fp32")
FAST = Form(name="int8", form=forms.Form(precision="int8"), mark="")
BF16 = Form(name="bf16", form=forms.Form(runtime="openvino", precision="bf16"), mark="_bf16")
FORMS: Sequence[Form] = (EXACT, BF16, FAST)
"""What is measured of ours. No gate judges it: rankings of random weights mean nothing."""


def ratios_by_form(
    ratios_of: Callable[[Form, Mapping[str, Figure]], Iterable[Ratio]], figures: Mapping[str, Figure]
) -> tuple[Ratio, ...]:
    """Return the ratios of every form, one form after the other."""
    return tuple(ratio for form in FORMS for ratio in ratios_of(form, figures))


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A handler with its model: unpacked in `folder`, packed as `archive`, and what its process needs."""

    name: str
    python: Path
    folder: Path
    archive: Path
    environment: Mapping[str, str] = field(default_factory=lambda: _PROGRAM)

    @property
    def code(self) -> Path:
        """The folder of its `inference.py`."""
        return self.folder / "code"


def contestants() -> Mapping[str, Contestant]:
    """Return all by name, the baseline first; made once, in `build/benchmarks/`."""
    folder = BUILD / "benchmarks" / _key()
    if not folder.exists():
        shutil.rmtree(folder.parent, ignore_errors=True)
        unfinished = folder.with_suffix(".unfinished")
        _make(unfinished)
        unfinished.rename(folder)
    return {BASELINE: _baseline(folder), **{form.name: _ours(folder, form) for form in FORMS}}


def _key() -> str:
    """Return what tells the contestants of one state of the sources from those of another."""
    made_from = (_BASELINE_CODE, MODEL_CODE, ROOT / "scripts" / "artifact", ROOT / "tests" / "architectures")
    parts = [*map(folder_digest, made_from), *map(repr, FORMS)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _baseline(folder: Path) -> Contestant:
    python = tool_python("baseline")
    (packages,) = python.parents[1].glob("lib/python*/site-packages")
    return Contestant(
        name=BASELINE,
        python=python,
        folder=folder / BASELINE,
        archive=_archive(folder, BASELINE),
        environment={**_PROGRAM, "PYTHONPATH": str(packages)},
    )


def _ours(folder: Path, form: Form) -> Contestant:
    return Contestant(
        name=form.name,
        python=tool_python("model_server"),
        folder=folder / form.name,
        archive=_archive(folder, form.name),
    )


def _archive(folder: Path, name: str) -> Path:
    return folder / f"{name}.tar.gz"


def _make(folder: Path) -> None:
    """Write every contestant's folder and archive below `folder`."""
    folder.mkdir(parents=True)
    layout = layouts.write_clip(folder / "layout", LAYERS)
    _say("packaging CLIP ViT-B/32 with random weights")
    packaged = package_model(
        CLIP_VIT_B_32.name,
        python=_server_python(),
        platform_tag=host_platform(),
        output_dir=folder / "packaged",
        source=layout,
    )
    with tarfile.open(packaged.path) as archive:
        unpack(archive, folder / EXACT.name)
    packaged.path.rename(_archive(folder, EXACT.name))
    for form in FORMS:
        if form is not EXACT:
            _say(f"writing {form.name}")
            _write_form(form, folder / EXACT.name, folder / form.name)
            write_archive(folder / form.name, _archive(folder, form.name))
    _say("writing the baseline")
    _write_baseline(layout, folder / BASELINE)
    write_archive(folder / BASELINE, _archive(folder, BASELINE))


def _write_form(form: Form, exact: Path, target: Path) -> None:
    """Write the exact model in another form, with that form's wheels and a fingerprint of its own."""
    code = target / "code"
    code.mkdir(parents=True)
    write_towers(exact, target, form.form)
    shutil.copy(exact / "tokenizer.json", target)
    unpack_wheels(
        REQUIREMENTS[form.form.runtime], code, python=_server_python(), platform_tag=host_platform()
    )
    shutil.copy(exact / "code" / "inference.py", code)
    shutil.copytree(exact / "code" / "clip_inference", code / "clip_inference")
    description = json.loads((exact / "model.json").read_text("utf-8"))
    fingerprint = hashlib.sha256(f"{description['fingerprint']} {form}".encode()).hexdigest()
    changed = description | asdict(form.form) | {"fingerprint": fingerprint}
    (target / "model.json").write_text(json.dumps(changed, indent=2), "utf-8")


def _write_baseline(layout: Path, target: Path) -> None:
    shutil.copytree(_BASELINE_CODE, target / "code", ignore=shutil.ignore_patterns("__pycache__", "*.txt"))
    shutil.copy(layout / "textual" / "tokenizer.json", target)
    subprocess.run(
        [tool_python("baseline"), "-m", "benchmarks.baseline.write_weights", target / "model.pt"],
        cwd=ROOT,
        check=True,
    )


def _server_python() -> str:
    return python_version(tool_python("model_server"))


def _say(step: str) -> None:
    complaints.print(step, style="dim")
