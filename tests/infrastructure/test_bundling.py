"""The functions' asset: when it is made anew, and what is in it."""

import dataclasses
import importlib
import io
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from stacks.components.functions import bundling
from stacks.components.functions.bundling import FUNCTIONS, THUMBNAIL, Asset
from stacks.settings import ENVIRONMENTS, LOCAL
from stacks.settings.functions import FunctionSettings
from tests.pictures import jpeg

AWS = FunctionSettings()
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What functions find beside their asset: boto3 and what it needs."""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source folder with one module and no requirements, and another's; uv may not ask the network."""
    model = tmp_path / "model_code" / "clip_inference"
    model.mkdir(parents=True)
    for name in ("__init__", "colour", "decode", "encoder", "errors"):
        (model / f"{name}.py").write_text("")
    folder = tmp_path / "lambda"
    (folder / "imagesearch" / "__pycache__").mkdir(parents=True)
    (folder / "imagesearch" / "search.py").write_text("ANSWER = 1\n")
    (folder / "imagesearch" / "__pycache__" / "search.pyc").write_bytes(b"compiled")
    for name in ("requirements.txt", "requirements-thumbnail.txt"):
        (folder / name).write_text("")
    monkeypatch.setattr(bundling, "ROOT", tmp_path)
    monkeypatch.setenv("UV_OFFLINE", "1")
    return folder


def _bundle(target: Path, asset: Asset = FUNCTIONS) -> bool:
    return bundling.LocalBundling(LOCAL.functions, asset).try_bundle(str(target), cast(Any, None))


def asset_hash(functions: FunctionSettings, asset: Asset = FUNCTIONS) -> str:
    return bundling.asset_hash(functions, asset)


def test_the_hash_changes_with_a_source_and_not_with_a_compiled_one(source: Path) -> None:
    before = asset_hash(AWS)
    (source / "imagesearch" / "__pycache__" / "search.pyc").write_bytes(b"compiled again")
    assert asset_hash(AWS) == before
    (source / "imagesearch" / "search.py").write_text("ANSWER = 2\n")
    assert asset_hash(AWS) != before


def test_the_hash_changes_with_a_renamed_module(source: Path) -> None:
    before = asset_hash(AWS)
    (source / "imagesearch" / "search.py").rename(source / "imagesearch" / "find.py")
    assert asset_hash(AWS) != before


def test_the_hash_changes_with_requirements_and_target(source: Path) -> None:
    targets = [
        AWS,
        dataclasses.replace(AWS, python="3.13"),
        dataclasses.replace(AWS, architecture="x86_64"),
        dataclasses.replace(AWS, wheels_of_this_machine=True),
    ]
    before = {asset_hash(target) for target in targets}
    assert len(before) == len(targets)
    (source / "requirements.txt").write_text("# changed\n")
    assert before.isdisjoint(asset_hash(target) for target in targets)


def _files(target: Path) -> set[str]:
    return {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}


def test_the_bundle_holds_the_package_and_no_compiled_file_of_the_sources(
    source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    other = dataclasses.replace(LOCAL.functions, python="3.99")
    assert bundling.LocalBundling(other, FUNCTIONS).try_bundle(str(target), cast(Any, None))
    assert _files(target) == {"imagesearch/search.py"}


def test_the_bundle_is_compiled_where_this_is_the_functions_python(source: Path, tmp_path: Path) -> None:
    compiled = f"imagesearch/__pycache__/search.{sys.implementation.cache_tag}.pyc"
    contents = []
    for name in ("out", "another"):
        target = tmp_path / name
        target.mkdir()
        assert _bundle(target)
        assert _files(target) == {"imagesearch/search.py", compiled}
        contents.append((target / compiled).read_bytes())
    assert contents[0] == contents[1]
    (tmp_path / "out" / "imagesearch" / "search.py").write_text("raise RuntimeError\n")
    run = subprocess.run(
        [sys.executable, "-S", "-c", "from imagesearch.search import ANSWER; print(ANSWER)"],
        env={"PYTHONPATH": str(tmp_path / "out")},
        capture_output=True,
        check=True,
    )
    assert run.stdout == b"1\n"


def test_the_hash_tells_a_compiled_bundle_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling, "_compiles", lambda _: False)
    before = asset_hash(LOCAL.functions)
    monkeypatch.undo()
    assert asset_hash(LOCAL.functions) != before


def test_the_thumbnail_functions_bundle_holds_the_models_decoder_and_nothing_else_of_it(
    source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    assert _bundle(target, THUMBNAIL)
    modules = {path.name for path in (target / "clip_inference").glob("*.py")}
    assert modules == {"__init__.py", "colour.py", "decode.py", "errors.py"}
    assert (target / "imagesearch" / "search.py").exists()


def test_a_change_of_the_decoder_changes_the_thumbnail_functions_hash_only(source: Path) -> None:
    before = asset_hash(AWS), asset_hash(AWS, THUMBNAIL)
    (source.parent / "model_code" / "clip_inference" / "encoder.py").write_text("ANSWER = 1\n")
    assert (asset_hash(AWS), asset_hash(AWS, THUMBNAIL)) == before
    (source.parent / "model_code" / "clip_inference" / "decode.py").write_text("ANSWER = 1\n")
    assert asset_hash(AWS) == before[0]
    assert asset_hash(AWS, THUMBNAIL) != before[1]


def test_the_thumbnail_functions_bundle_decodes_with_nothing_but_itself_and_the_runtime(
    tmp_path: Path,
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    assert _bundle(target, THUMBNAIL)
    code = (
        "import importlib.util, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import imagesearch.entrypoints.thumbnail, imagesearch.entrypoints.rendering\n"
        "import imagesearch.adapters.s3_linked\n"
        "from imagesearch.adapters.thumbnail_maker import PillowThumbnailMaker\n"
        "webp = PillowThumbnailMaker().make(sys.stdin.buffer.read(), size=128)\n"
        "import numpy, PIL, clip_inference\n"
        "assert all(m.__file__.startswith(sys.argv[1]) for m in (numpy, PIL, clip_inference))\n"
        "sys.stdout.buffer.write(webp)\n"
    )
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    for name in RUNTIME:
        module = Path(str(importlib.import_module(name).__file__))
        place = module.parent if module.name == "__init__.py" else module
        (runtime / place.name).symlink_to(place)
    run = subprocess.run(
        [sys.executable, "-S", "-c", code, str(target)],
        input=jpeg((640, 480)),
        env={"PYTHONPATH": str(runtime), "POWERTOOLS_SERVICE_NAME": "thumbnail"},
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    assert Image.open(io.BytesIO(run.stdout)).size == (128, 96)


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
    arguments = bundling.install_arguments(ENVIRONMENTS[name].functions, FUNCTIONS)
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
