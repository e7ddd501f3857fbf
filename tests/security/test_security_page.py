"""docs/security.md names tests that exist, for every threat."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_named_test_exists() -> None:
    named = set(REFERENCE.findall(PAGE))
    assert len(named) > 50
    missing = {f"{path}::{name}" for path, name in named if not _has(ROOT / path, name)}
    assert missing == set()


def _has(path: Path, name: str) -> bool:
    return path.exists() and re.search(rf"^def {name}\(", path.read_text("utf-8"), re.MULTILINE) is not None


def test_every_threat_has_a_control_and_a_test() -> None:
    threats = PAGE.split("## Threats")[1].split("## IAM enforced")[0]
    rows = [line for line in threats.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    rows = [row for row in rows if not row.startswith("| Threat |")]
    assert len(rows) > 25
    for row in rows:
        threat, control, tests = (cell.strip() for cell in row.strip("|").split(" | "))
        assert threat, row
        assert control, row
        assert REFERENCE.search(tests), f"no test for: {threat}"


def test_a_test_that_there_is_not_would_be_found() -> None:
    assert not _has(Path(__file__), "test_that_there_is_not")
    assert not _has(ROOT / "tests" / "nowhere.py", "test_every_named_test_exists")
    assert _has(Path(__file__), "test_every_named_test_exists")
