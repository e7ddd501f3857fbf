"""The documents say what is so: the generated table is current, and the commands they name exist."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documented import README, ROOT, Documented, commands, documents, is_known


def test_the_table_of_what_was_verified_where_is_the_one_that_the_tests_markers_make(tmp_path: Path) -> None:
    written = tmp_path / "README.md"
    shutil.copy(README, written)

    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "--verified-where",
        str(written),
        "tests",
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    assert README.read_text("utf-8") == written.read_text("utf-8"), "run: make docs"


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in documents():
        named = set(re.findall(r"(?:`|^|\$ )make ([a-z-]+)", document.read_text(), re.MULTILINE))
        assert named <= targets, f"{document.name} names {named - targets}"


@pytest.mark.parametrize("command", commands(), ids=lambda command: f"{command.document}: {command.line}")
def test_the_command_line_knows_every_command_of_a_document_and_its_options(command: Documented) -> None:
    assert is_known(command.words)


@pytest.mark.parametrize(
    "line", ["imagesearch find x", "imagesearch search --alike x", "imagesearch runs shows", "imagesearch -k"]
)
def test_a_command_that_there_is_not_would_be_found(line: str) -> None:
    assert not is_known(line.split())


def test_commands_of_all_kinds_of_documents_are_looked_at() -> None:
    assert {"README.md", "operations.md", "evaluation.md", "security.md"} <= {
        each.document for each in commands()
    }


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in documents():
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"
