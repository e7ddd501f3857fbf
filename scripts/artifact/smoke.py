"""Ask a packed artifact for the vectors of a text and a picture, as the container would run it."""

import importlib.util
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from scripts.artifact.archive import unpack
from scripts.errors import CommandError

PROBE = Path(__file__).with_name("probe.py")
# What SageMaker's container brings beside the artifact: numpy, and boto3 with all it needs.
CONTAINER_PACKAGES = ("numpy", "boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
# Loading and two vectors take seconds; a large model on a slow disk may take minutes.
TIMEOUT_SECONDS = 300


def smoke_test(archive: Path) -> None:
    """Unpack `archive` and let its handler answer in an interpreter that sees no other installed package.

    Raises CommandError `artifact_broken` with what the handler said.
    """
    with tempfile.TemporaryDirectory(prefix="imagesearch-smoke-") as scratch:
        model, container = Path(scratch, "model"), Path(scratch, "container")
        with tarfile.open(archive) as content:
            unpack(content, model)
        _link_container_packages(container)
        result = _ask(model, container)
    if result.returncode != 0:
        last = (result.stderr or result.stdout).strip()[-2000:]
        raise CommandError(
            "artifact_broken", f"The packed model does not answer, so it was not kept:\n{last}"
        )


def _ask(model: Path, container: Path) -> subprocess.CompletedProcess[str]:
    # -I and -S: neither this folder, nor the environment, nor installed packages.
    command = [sys.executable, "-I", "-S", "-B", str(PROBE), str(model), str(container)]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise CommandError(
            "artifact_broken", f"The packed model gave no answer within {TIMEOUT_SECONDS} seconds."
        ) from error


def _link_container_packages(folder: Path) -> None:
    folder.mkdir()
    for name in CONTAINER_PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        package = Path(spec.origin)
        place = package.parent if package.name == "__init__.py" else package
        # numpy.libs and the like are found relative to the real file, through the link.
        (folder / place.name).symlink_to(place)
