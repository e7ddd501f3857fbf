"""What the application brings of others: allowed licences, and a search for known vulnerabilities."""

import json
import subprocess
from pathlib import Path

import pytest

from scripts.dependencies.audit import FOUND, UNREACHED, Asked, Finding, ask_npm, ask_python, rounds, verdict
from scripts.dependencies.licences import ALLOWED, REMARKS, is_allowed, licence_of
from scripts.dependencies.locked import EVERY_LOCK, SHIPPED, Locked, read_lock, shipped
from scripts.dependencies.page import render_markdown
from scripts.errors import CommandError

ROOT = Path(__file__).parents[2]
VULNERABLE = {
    "dependencies": [
        {"name": "good", "version": "1", "vulns": []},
        {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-2030-1", "fix_versions": ["3"]}]},
    ]
}
NODE = {
    "vulnerabilities": {
        "bad": {"range": "<2", "via": [{"url": "https://advisories.example/GHSA-1"}]},
        "parent": {"range": "*", "via": ["bad"]},
    },
    "metadata": {"dependencies": {"total": 7}},
}
LOCK = "lambda/requirements.txt"
CLEAN_BAD = {"name": "bad", "version": "2", "vulns": []}
CLEAN = Asked("a database", 1, ())
SILENT = Asked("a database", reason="no network")


def test_every_shipped_package_has_an_allowed_licence() -> None:
    refused = {
        package.name: licence_of(package.name)
        for package in shipped()
        if not is_allowed(licence_of(package.name))
    }
    assert refused == {}


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT AND Zlib) OR AGPL-3.0-only", True),
    ],
)
def test_one_alternative_must_be_allowed_as_a_whole(expression: str, allowed: bool) -> None:
    assert is_allowed(expression) is allowed


def test_a_package_without_a_known_licence_is_an_error_that_names_it() -> None:
    with pytest.raises(CommandError, match="no-such-package"):
        licence_of("no-such-package")


def test_the_page_of_dependencies_is_current() -> None:
    assert (ROOT / "docs" / "dependencies.md").read_text("utf-8") == render_markdown(), "run: make docs"


def test_the_page_tells_of_the_encoder_that_the_heif_wheels_hold() -> None:
    assert "GPL-2.0" in REMARKS["pillow-heif"]
    assert REMARKS["pillow-heif"] in render_markdown()
    assert "GPL-2.0" not in ALLOWED


def test_every_requirements_file_of_the_repository_is_audited() -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*requirements*.txt"]
    files = subprocess.check_output(command, cwd=ROOT, text=True).split()
    assert set(EVERY_LOCK) == {name for name in files if (ROOT / name).exists()}
    assert set(SHIPPED) <= set(EVERY_LOCK)


def test_a_lock_is_read_for_the_platforms_that_are_ours(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "# by uv\nOne_Two==1.0 \\\n    --hash=sha256:ab \\\n    --hash=sha256:cd\n    # via x\n"
        "three==3 ; sys_platform == 'win32' \\\n    --hash=sha256:ef\n"
        "four==4 ; python_full_version >= '3.12' \\\n    --hash=sha256:ab\n"
    )
    assert list(read_lock(lock)) == [Locked("one-two", "1.0"), Locked("four", "4")]


def answering(output: object) -> "subprocess.CompletedProcess[str]":
    text = output if isinstance(output, str) else json.dumps(output)
    return subprocess.CompletedProcess([], 1, stdout=text, stderr="" if text.startswith("{") else text)


def test_what_is_found_is_told_with_its_identifier() -> None:
    python = ask_python("pypi", LOCK, lambda _: answering(VULNERABLE))
    node = ask_npm(lambda _: answering(NODE))

    assert python.findings == (Finding("bad", "2", "PYSEC-2030-1", LOCK),)
    assert (node.packages, node.findings) == (7, (Finding("bad", "<2", "GHSA-1", "package-lock.json"),))
    assert verdict({"requirements.txt": [python]}, CLEAN) == FOUND
    assert verdict({"requirements.txt": [CLEAN]}, node) == FOUND


def test_further_versions_of_a_package_are_asked_for_by_themselves() -> None:
    packages = [Locked("a", "1"), Locked("b", "1"), Locked("a", "2")]
    assert rounds(packages) == [[Locked("a", "1"), Locked("b", "1")], [Locked("a", "2")]]


def test_an_index_that_tells_nothing_is_not_taken_for_one_that_knows_of_nothing() -> None:
    skipped = [{"name": name, "skip_reason": "not found"} for name in ("good", "bad")]
    silent = ask_python("pypi", LOCK, lambda _: answering({"dependencies": skipped}))
    partly = ask_python("pypi", LOCK, lambda _: answering({"dependencies": [skipped[0], CLEAN_BAD]}))
    other = Asked("another database", 1, (), frozenset({"bad"}))

    assert (silent.findings, silent.reason) == (None, "not found")
    assert (partly.findings, partly.unknown) == ((), frozenset({"good"}))
    assert verdict({"a": [partly]}, CLEAN) == UNREACHED
    assert verdict({"a": [partly, other]}, CLEAN) == 0


def test_a_database_that_cannot_be_reached_is_told_and_is_no_clean_bill() -> None:
    python = ask_python("osv", LOCK, lambda _: answering("no route to host"))
    node = ask_npm(lambda _: answering({"message": "405 Method Not Allowed - POST address"}))

    assert (python.findings, python.reason) == (None, "no route to host")
    assert (node.findings, node.reason) == (None, "405 Method Not Allowed")
    assert verdict({"a": [CLEAN, SILENT], "b": [CLEAN]}, CLEAN) == 0
    assert verdict({"a": [SILENT, SILENT], "b": [CLEAN]}, CLEAN) == UNREACHED
    assert verdict({"a": [CLEAN]}, node) == UNREACHED
