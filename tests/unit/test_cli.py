"""The command line: a sentence and an exit status where something is wrong, else tables."""

import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from scripts import render
from scripts.client import Fault, Hit, SearchResult
from scripts.library import Report

IMAGESEARCH = Path(sys.executable).with_name("imagesearch")
HIT = Hit(
    id="0", key="dogs/[red] 1.jpg", score=0.91234, url="u", width=640, height=480, content_type="image/jpeg"
)


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


def test_hits_are_a_ranked_table_with_the_time_of_each_part(console: Console) -> None:
    render.show_result(
        SearchResult(hits=(HIT,), took_ms={"encode": 12.4, "search": 3.0, "total": 16.0}, index="i"),
        title='"dog"',
    )

    shown = console.export_text()
    assert "1  0.912  dogs/[red] 1.jpg  640×480" in " ".join(shown.split("\n"))
    assert "encode 12 ms · search 3 ms · total 16 ms" in shown


def test_rejected_pictures_are_listed_with_reason_and_code(console: Console) -> None:
    fault = Fault(code="picture_corrupt", message="The picture is damaged.")

    render.show_report(Report(sent=2, indexed=1, rejected={"[red] bad.jpg": fault}))

    shown = console.export_text()
    assert "1 findable (2 sent, 0 unchanged), 1 rejected" in shown
    assert "rejected [red] bad.jpg: The picture is damaged. (picture_corrupt)" in shown
