"""The documents say what is so: the generated table is current, and the commands they name exist."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


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
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in documents():
        named = set(re.findall(r"(?:`|^)make ([a-z]+)", document.read_text(), re.MULTILINE))
        assert named <= targets, f"{document.name} names {named - targets}"


def test_every_command_that_a_document_names_exists() -> None:
    for document in documents():
        for command in set(re.findall(r"\bimagesearch ([a-z]+(?:-[a-z]+)*)", document.read_text())):
            shown = subprocess.run(
                [Path(sys.executable).with_name("imagesearch"), command, "--help"],
                capture_output=True,
                check=False,
            )
            assert shown.returncode == 0, f"{document.name} names: imagesearch {command}"


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in documents():
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"


def documents() -> list[Path]:
    return [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
