"""The command line: a sentence and an exit status where something is wrong, else tables."""

import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from imagesearch_client import Fault
from scripts import render
from scripts.library import Report

IMAGESEARCH = Path(sys.executable).with_name("imagesearch")


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console(width=100, record=True, quiet=False, file=None)
    monkeypatch.setattr(render, "console", console)
    return console


def test_without_a_deployment_a_command_says_what_to_do_and_shows_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [IMAGESEARCH, "search", "a dog"],
        env={"IMAGESEARCH_LOCAL_DIR": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("target_unknown: ")
    assert "Traceback" not in done.stderr


def test_rejected_pictures_are_listed_with_reason_and_code(console: Console) -> None:
    fault = Fault(code="picture_corrupt", message="The picture is damaged.")

    render.show_report(Report(sent=2, indexed=1, rejected={"[red] bad.jpg": fault}))

    shown = console.export_text()
    assert "1 findable (2 sent, 0 unchanged), 1 rejected" in shown
    assert "rejected [red] bad.jpg: The picture is damaged. (picture_corrupt)" in shown


def test_pictures_without_their_metadata_are_listed_with_the_reason(console: Console) -> None:
    report = Report(
        sent=1, indexed=1, described=1, undescribed={"a.jpg": "It is blank."}, missing=["[b].jpg"]
    )

    render.show_report(report)

    shown = console.export_text()
    assert "Sidecars: 1 sent or removed" in shown
    assert "findable without its metadata: a.jpg: It is blank. (metadata_invalid)" in shown
    assert "its metadata was not sent: [b].jpg (picture_missing)" in shown
