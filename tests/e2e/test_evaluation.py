"""The labelled gallery is judged through the deployed API, and its graph against all vectors."""

import json
from pathlib import Path

import pytest

from scripts.evaluation import labels
from scripts.gallery import gallery
from tests.e2e.command import Command
from tests.e2e.library import Library

pytestmark = pytest.mark.verified("Labelled queries: figures, the gate, the report", on="emulator")

GALLERY = Path(labels.__file__).with_name("gallery.jsonl")


@pytest.fixture
def labelled(library: Library, imagesearch: Command, tmp_path: Path) -> Path:
    """The gallery under a prefix of its own, and its labels."""
    gallery(tmp_path / "gallery")
    imagesearch("ingest", str(tmp_path / "gallery"), "--prefix", library.prefix, check=True)
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(f"{_under(library, line)}\n" for line in GALLERY.read_text("utf-8").splitlines()))
    return path


def _under(library: Library, line: str) -> str:
    label = json.loads(line)
    grades = label["relevant"]
    graded = grades if isinstance(grades, dict) else dict.fromkeys(grades, 1)
    picture = {"picture": library.key(label["picture"])} if "picture" in label else {}
    return json.dumps(
        label | picture | {"relevant": {library.key(key): grade for key, grade in graded.items()}}
    )


def test_the_gallery_is_judged_kept_compared_and_held_to_a_minimum(
    labelled: Path, library: Library, imagesearch: Command, tmp_path: Path
) -> None:
    kept, page = tmp_path / "run.json", tmp_path / "report.html"
    asked = ("evaluate", str(labelled), "--prefix", library.prefix, "--json")

    first = imagesearch(*asked, "--save", str(kept), "--exact", "--html", str(page), check=True)
    again = imagesearch(*asked, "--against", str(kept), "--min", "recall@10=0.5", check=True)
    gate = imagesearch(*asked, "--min", "recall@10=1")
    cut = imagesearch(*asked, "--cutoff", "auto", check=True)

    figures = json.loads(first.stdout)
    assert figures["queries"] == 52
    assert figures["measures"]["recall@10"]["mean"] > 0.5
    assert figures["exact"]["mean"] == 1.0
    assert "<h2>Failures</h2>" in page.read_text("utf-8")
    compared = json.loads(again.stdout)["comparison"]
    assert compared["worse"] == compared["better"] == []
    assert (
        0 < json.loads(cut.stdout)["measures"]["recall@10"]["mean"] < figures["measures"]["recall@10"]["mean"]
    )
    assert gate.returncode == 2
    assert "missed: recall@10" in gate.stderr
