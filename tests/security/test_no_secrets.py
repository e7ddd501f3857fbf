"""No file of the repository holds a key, a token or a password."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATTERNS = {
    "AWS access key": r"\b(?:AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[0-9A-Z]{16}\b",
    "AWS secret key": r"(?i)secret_?access_?key[\"']?\s*[=:]\s*[\"'][A-Za-z0-9/+]{40}[\"']",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})",
    "GitLab token": r"\bglpat-[A-Za-z0-9_-]{20}",
    "Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "Google key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "PyPI token": r"\bpypi-AgEI[A-Za-z0-9_-]{20,}",
    "model hub token": r"\bhf_[A-Za-z]{34}\b",
    "JSON Web Token": r"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{15,}",
    "password in an address": r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'{}<>$]+:[^\s/@\"'{}<>$]{6,}@[a-z0-9]",
}
# In parts, so that this file holds none either.
EXAMPLES = {
    "AWS access key": "AKIA" + "Q" * 16,
    "AWS secret key": 'aws_secret_access_key = "' + "aB3/" * 10 + '"',
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "GitHub token": "ghp_" + "a1" * 18,
    "GitLab token": "glpat-" + "a1" * 10,
    "Slack token": "xoxb-" + "1234567890",
    "Google key": "AIza" + "a" * 35,
    "npm token": "npm_" + "a1" * 18,
    "PyPI token": "pypi-AgEI" + "a" * 20,
    "model hub token": "hf_" + "a" * 34,
    "JSON Web Token": ".".join(["eyJ" + "a" * 20, "eyJ" + "b" * 20, "c" * 20]),
    "password in an address": "https://me:" + "secret123@host",
}
ALLOWED = {
    "tests/unit/test_adapters_web_pictures.py: password in an address",
    "tests/unit/test_local_settings.py: password in an address",
}
"""What looks like one and is none: addresses with a password, which those tests see refused."""


def secrets_in(text: str) -> Iterator[str]:
    """What kinds of secrets a text holds."""
    yield from (kind for kind, pattern in PATTERNS.items() if re.search(pattern, text))


def test_no_file_holds_a_secret() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(command, cwd=ROOT, text=True).split("\0")
    files = [ROOT / name for name in names if name and (ROOT / name).is_file()]
    assert len(files) > 100

    found = {
        f"{path.relative_to(ROOT)}: {kind}"
        for path in files
        for kind in secrets_in(path.read_bytes().decode("utf-8", errors="replace"))
    }

    assert found == ALLOWED


@pytest.mark.parametrize("kind", PATTERNS)
def test_a_secret_of_each_kind_would_be_found(kind: str) -> None:
    assert kind in set(secrets_in(f"before {EXAMPLES[kind]} after"))
