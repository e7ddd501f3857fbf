"""The one asset of all functions: `lambda/` with its pinned dependencies beside it, made without Docker."""

import hashlib
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

from stacks.component_settings import Architecture, FunctionSettings

SOURCE = Path(__file__).resolve().parents[2] / "lambda"
_PACKAGE = "imagesearch"
_REQUIREMENTS = "requirements.txt"
# AL2023, the base of the runtimes since Python 3.12, has glibc 2.34.
_PLATFORMS: dict[Architecture, str] = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}


class BundlingError(RuntimeError):
    """The dependencies could not be installed; the message carries what uv said."""


@jsii.implements(cdk.ILocalBundling)
class LocalBundling:
    """Installs the requirements' wheels for the functions' target with uv, then copies the package."""

    def __init__(self, functions: FunctionSettings) -> None:
        self._arguments = install_arguments(functions)

    def try_bundle(self, output_dir: str, _options: cdk.BundlingOptions) -> bool:
        """Fill `output_dir` and return True.

        Raises BundlingError where it cannot: falling back to Docker would hide the cause.
        """
        target = Path(output_dir)
        _install([*self._arguments, "--target", output_dir])
        _remove_leftovers(target)
        shutil.copytree(SOURCE / _PACKAGE, target / _PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
        return True


def function_code(functions: FunctionSettings) -> lambda_.Code:
    """Return the functions' code. It is bundled when its hash is new, and reused from `cdk.out` otherwise."""
    return lambda_.Code.from_asset(
        str(SOURCE),
        asset_hash=asset_hash(functions),
        asset_hash_type=cdk.AssetHashType.CUSTOM,
        bundling=cdk.BundlingOptions(
            # Required by the type, used only where there is no local bundling.
            image=cdk.DockerImage.from_registry("scratch"),
            # Called with the options as one argument, against what its type says.
            local=cast(cdk.ILocalBundling, LocalBundling(functions)),
        ),
    )


def asset_hash(functions: FunctionSettings) -> str:
    """Return the digest of everything that decides the asset's content: sources, requirements and target."""
    digest = hashlib.sha256("\0".join(install_arguments(functions)).encode())
    if functions.wheels_of_this_machine:
        digest.update(sysconfig.get_platform().encode())
    for path in _inputs():
        digest.update(f"\0{path.relative_to(SOURCE).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _inputs() -> Iterator[Path]:
    yield SOURCE / _REQUIREMENTS
    files = (path for path in (SOURCE / _PACKAGE).rglob("*") if path.is_file())
    yield from sorted(path for path in files if "__pycache__" not in path.parts)


def install_arguments(functions: FunctionSettings) -> list[str]:
    """Return uv's arguments for the target: wheels only, each checked against its pinned hash."""
    platform = (
        [] if functions.wheels_of_this_machine else ["--python-platform", _PLATFORMS[functions.architecture]]
    )
    return [
        *("pip", "install", "--quiet", "--python-version", functions.python, *platform),
        *("--only-binary", ":all:", "--require-hashes", "--no-deps", "--link-mode", "copy"),
        *("-r", _REQUIREMENTS),
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
    return subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)


def _remove_leftovers(target: Path) -> None:
    # Scripts carry the path of this machine's interpreter, and nothing in a function calls them.
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)
