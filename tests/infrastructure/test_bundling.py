"""The functions' asset: when it is made anew, and what is in it."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from stacks.component_settings import FunctionSettings
from stacks.components import bundling
from stacks.settings import ENVIRONMENTS, LOCAL

AWS = FunctionSettings()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source folder with one module and no requirements; uv may not ask the network."""
    folder = tmp_path / "lambda"
    (folder / "imagesearch" / "__pycache__").mkdir(parents=True)
    (folder / "imagesearch" / "search.py").write_text("ANSWER = 1\n")
    (folder / "imagesearch" / "__pycache__" / "search.pyc").write_bytes(b"compiled")
    (folder / "requirements.txt").write_text("")
    monkeypatch.setattr(bundling, "SOURCE", folder)
    monkeypatch.setenv("UV_OFFLINE", "1")
    return folder


def _bundle(target: Path) -> bool:
    return bundling.LocalBundling(LOCAL.functions).try_bundle(str(target), cast(Any, None))


def test_the_hash_changes_with_a_source_and_not_with_a_compiled_one(source: Path) -> None:
    before = bundling.asset_hash(AWS)
    (source / "imagesearch" / "__pycache__" / "search.pyc").write_bytes(b"compiled again")
    assert bundling.asset_hash(AWS) == before
    (source / "imagesearch" / "search.py").write_text("ANSWER = 2\n")
    assert bundling.asset_hash(AWS) != before


def test_the_hash_changes_with_a_renamed_module(source: Path) -> None:
    before = bundling.asset_hash(AWS)
    (source / "imagesearch" / "search.py").rename(source / "imagesearch" / "find.py")
    assert bundling.asset_hash(AWS) != before


def test_the_hash_changes_with_requirements_and_target(source: Path) -> None:
    targets = [
        AWS,
        dataclasses.replace(AWS, python="3.13"),
        dataclasses.replace(AWS, architecture="x86_64"),
        dataclasses.replace(AWS, wheels_of_this_machine=True),
    ]
    before = {bundling.asset_hash(target) for target in targets}
    assert len(before) == len(targets)
    (source / "requirements.txt").write_text("# changed\n")
    assert before.isdisjoint(bundling.asset_hash(target) for target in targets)


def test_the_bundle_holds_the_package_and_no_compiled_file(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    assert _bundle(target)
    files = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert files == {"imagesearch/search.py"}


def test_what_cannot_be_installed_fails_with_the_installers_words(source: Path, tmp_path: Path) -> None:
    (source / "requirements.txt").write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(bundling.BundlingError, match="no-such-package"):
        _bundle(tmp_path / "out")


def test_a_requirement_without_a_hash_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "requirements.txt").write_text("requests==2.0\n")
    with pytest.raises(bundling.BundlingError, match="hash"):
        _bundle(tmp_path / "out")


@pytest.mark.parametrize("name", [name for name in ENVIRONMENTS if name != "local"])
def test_functions_in_aws_get_wheels_of_the_services_platform(name: str) -> None:
    arguments = bundling.install_arguments(ENVIRONMENTS[name].functions)
    platform = arguments[arguments.index("--python-platform") + 1]
    assert platform == "aarch64-manylinux_2_28"


def test_the_stacks_import_nothing_of_the_functions_or_the_model() -> None:
    code = (
        "import app, sys; "
        "print([m for m in sys.modules if m.split('.')[0] in ('imagesearch', 'clip_inference', 'inference')])"
    )
    root = Path(bundling.__file__).resolve().parents[2]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
