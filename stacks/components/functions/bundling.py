"""The functions' assets: sources with their pinned dependencies beside them, made without Docker."""

import compileall
import hashlib
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import cast

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

from stacks.settings.functions import Architecture, FunctionSettings

ROOT = Path(__file__).resolve().parents[3]
# AL2023, the base of the runtimes since Python 3.12, has glibc 2.34.
_PLATFORMS: dict[Architecture, str] = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}


@dataclass(frozen=True, kw_only=True)
class Asset:
    """What functions are made of: pinned requirements, and packages or modules, as paths in the repository.

    The first folder of a source is the root that its imports begin at.
    """

    requirements: str
    sources: tuple[str, ...]


FUNCTIONS = Asset(requirements="lambda/requirements.txt", sources=("lambda/imagesearch",))
THUMBNAIL = Asset(
    requirements="lambda/requirements-thumbnail.txt",
    sources=(
        *FUNCTIONS.sources,
        *(f"model_code/clip_inference/{name}.py" for name in ("__init__", "colour", "decode", "errors")),
    ),
)
"""The functions' package, with the modules by which the model's container decodes pictures."""


class BundlingError(RuntimeError):
    """The dependencies could not be installed; the message carries what uv said."""


@jsii.implements(cdk.ILocalBundling)
class LocalBundling:
    """Installs the requirements' wheels for the functions' target with uv, then copies the sources.

    All is compiled where this process runs the functions' Python: a starting function could not keep what it
    compiles, and would spend half of its start on that.
    """

    def __init__(self, functions: FunctionSettings, asset: Asset) -> None:
        self._arguments = install_arguments(functions, asset)
        self._sources = asset.sources
        self._compiles = _compiles(functions)

    def try_bundle(self, output_dir: str, _options: cdk.BundlingOptions) -> bool:
        """Fill `output_dir` and return True.

        Raises BundlingError where it cannot: falling back to Docker would hide the cause.
        """
        target = Path(output_dir)
        _install([*self._arguments, "--target", output_dir])
        _remove_leftovers(target)
        for source in self._sources:
            _copy(ROOT / source, target / _place(source))
        if self._compiles:
            _compile(target)
        return True


def function_code(functions: FunctionSettings, asset: Asset) -> lambda_.Code:
    """Return functions' code. It is bundled when its hash is new, and reused from `cdk.out` otherwise."""
    return lambda_.Code.from_asset(
        str(ROOT / asset.sources[0]),
        asset_hash=asset_hash(functions, asset),
        asset_hash_type=cdk.AssetHashType.CUSTOM,
        bundling=cdk.BundlingOptions(
            # Required by the type, used only where there is no local bundling.
            image=cdk.DockerImage.from_registry("scratch"),
            # Called with the options as one argument, against what its type says.
            local=cast(cdk.ILocalBundling, LocalBundling(functions, asset)),
        ),
    )


def asset_hash(functions: FunctionSettings, asset: Asset) -> str:
    """Return the digest of everything that decides the asset's content: sources, requirements and target."""
    digest = hashlib.sha256("\0".join(install_arguments(functions, asset)).encode())
    if _compiles(functions):
        digest.update(b"compiled")
    if functions.wheels_of_this_machine:
        digest.update(sysconfig.get_platform().encode())
    for path in _inputs(asset):
        digest.update(f"\0{path.relative_to(ROOT).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _inputs(asset: Asset) -> Iterator[Path]:
    yield ROOT / asset.requirements
    for source in asset.sources:
        path = ROOT / source
        files = (each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        yield from sorted(each for each in files if "__pycache__" not in each.parts)


def install_arguments(functions: FunctionSettings, asset: Asset) -> list[str]:
    """Return uv's arguments for the target: wheels only, each checked against its pinned hash."""
    platform = (
        [] if functions.wheels_of_this_machine else ["--python-platform", _PLATFORMS[functions.architecture]]
    )
    return [
        *("pip", "install", "--quiet", "--python-version", functions.python, *platform),
        *("--only-binary", ":all:", "--require-hashes", "--no-deps", "--link-mode", "copy"),
        *("-r", asset.requirements),
    ]


def _install(arguments: list[str]) -> None:
    # What the cache holds needs no network, and asks no index; only what is missing is fetched.
    if _run([*arguments, "--offline"]).returncode == 0:
        return
    online = _run(arguments)
    if online.returncode:
        raise BundlingError(f"uv {' '.join(arguments)} failed:\n{online.stderr}")


def _run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "uv", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _remove_leftovers(target: Path) -> None:
    # Scripts carry the path of this machine's interpreter, and nothing in a function calls them.
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)


def _compiles(functions: FunctionSettings) -> bool:
    return functions.python == f"{sys.version_info.major}.{sys.version_info.minor}"


def _compile(target: Path) -> None:
    # Nothing in a function changes, so what is compiled is never checked against its source.
    compileall.compile_dir(
        target, quiet=2, stripdir=str(target), invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )


def _place(source: str) -> Path:
    return Path(*Path(source).parts[1:])


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        return
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, target)
