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


def test_hits_show_what_is_said_of_them_on_one_line(console: Console) -> None:
    described = HIT.model_copy(update={"title": "A [red] dog", "caption": "It runs.\n" + "And runs. " * 20})

    render.show_result(SearchResult(hits=(described, HIT), took_ms={}, index="i"), title="dog")

    shown = console.export_text().splitlines()
    (line,) = (line for line in shown if "640×480  A [red] dog · It runs." in line)
    assert line.rstrip().endswith("…")
    assert sum("dogs/[red] 1.jpg" in line for line in shown) == 2


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
