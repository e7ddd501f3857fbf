"""Which browser the tests drive, and what is said where there is none."""

import os
from pathlib import Path

import pytest

from scripts.chromium import find
from scripts.errors import CommandError


def _program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def starts(tmp_path: Path) -> Path:
    return _program(tmp_path / "bin" / "chromium", "echo Chromium 1")


def test_the_browser_that_the_variable_names_comes_first(tmp_path: Path, starts: Path) -> None:
    named = _program(tmp_path / "mine", "echo Mine 1")
    variables = {"IMAGESEARCH_CHROMIUM": str(named), "PATH": str(starts.parent)}
    assert find(variables, folder=tmp_path / "none").program == named


def test_a_browser_of_the_machine_is_used_before_the_one_that_npm_brought(
    tmp_path: Path, starts: Path
) -> None:
    unpacked = _program(tmp_path / "npm" / "chromium", "echo Npm 1").parent
    assert find({"PATH": str(starts.parent)}, folder=unpacked).program == starts
    assert find({"PATH": os.devnull}, folder=unpacked).program == unpacked / "chromium"


def test_the_unpacked_browser_gets_the_libraries_that_the_system_lacks(tmp_path: Path) -> None:
    complaint = "echo 'error while loading shared libraries: libnss3.so' >&2; exit 127"
    unpacked = _program(tmp_path / "chromium", f'[ -n "$LD_LIBRARY_PATH" ] || {{ {complaint}; }}').parent
    found = find({"PATH": os.devnull}, folder=unpacked)
    assert found.variables["LD_LIBRARY_PATH"] == str(tmp_path / "al2023" / "lib")


def test_a_browser_that_does_not_start_is_said_with_its_complaint(tmp_path: Path) -> None:
    broken = _program(tmp_path / "broken", "echo 'no such library' >&2; exit 127")
    with pytest.raises(CommandError, match=r"no such library.*IMAGESEARCH_CHROMIUM"):
        find({"IMAGESEARCH_CHROMIUM": str(broken)})


def test_no_browser_at_all_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"make setup.*apt-get install chromium"):
        find({"PATH": os.devnull}, folder=tmp_path)
