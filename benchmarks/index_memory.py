"""How much memory the index function needs, for shards as they are and for one that is far too large."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.documents import FINGERPRINT, answer_lines, state_of
from benchmarks.folders import FolderArtifacts
from benchmarks.measuring import progress
from benchmarks.results import Aim, Figure, Ratio, Section
from benchmarks.search import Search, opensearch
from benchmarks.vectors import unit_vectors
from imagesearch.bulk.entries import SHARD_RECORDS, PictureEntry, ShardRequest
from imagesearch.bulk.run_files import RunFiles
from imagesearch.bulk.runs import Run
from scripts.repository import ROOT

PART = "index_memory"
REPEATS = 3
SHARDS = {
    "shard_of_512_dimensions": (SHARD_RECORDS, 512),
    "shard_of_1024_dimensions": (SHARD_RECORDS, 1024),
    "monstrous_shard": (20_000, 512),
}
"""Records and dimensions."""
ALLOWED_MB = 512.0
_RUN, _SHARD = "memory", "00000-000"


def measure() -> Section:
    """Return the peak memory of a fresh process for each shard."""
    peaks: dict[str, list[float]] = {name: [] for name in SHARDS}
    before: list[float] = []
    with opensearch() as search, progress(PART, steps=len(SHARDS) * REPEATS) as say:
        for number in range(REPEATS):
            for name, (records, dimension) in SHARDS.items():
                say(f"round {number + 1} of {REPEATS}: {name}")
                told = _load(search, records, dimension)
                peaks[name].append(told["peak_mb"])
                before.append(told["before_mb"])
        facts = {"opensearch": search.version, "records": {name: of[0] for name, of in SHARDS.items()}}
    figures = {name: Figure(name=name, unit="MB", values=tuple(values)) for name, values in peaks.items()}
    worst = max(figures.values(), key=lambda figure: figure.median)
    allowed = Figure(name="allowed", unit="MB", values=(ALLOWED_MB,))
    return Section(
        method=(
            "Peak resident memory of a new process that has the index function's modules and runs its "
            "loader, with the run's files on the disk and a real OpenSearch. before_loading: the same, "
            "before it begins."
        ),
        figures=(
            *figures.values(),
            Figure(name="before_loading", unit="MB", values=tuple(before)),
            allowed,
        ),
        ratios=(
            Ratio(
                name="index_memory_fraction",
                numerator=worst,
                denominator=allowed,
                aim=Aim(value=1, is_most=True),
            ),
        ),
        facts=facts,
    )


def _load(search: Search, records: int, dimension: int) -> dict[str, Any]:
    """Return what the process told that indexed one shard."""
    index = search.fresh_index(dimension, is_active=True)
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder:
        _write_run(Path(folder), index, records, dimension)
        place = (search.url, search.alias, folder, _RUN, _SHARD, str(records))
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.load_shard", *place],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
        )
    told: dict[str, Any] = json.loads(done.stdout)
    if told["indexed"] != records:
        raise RuntimeError(f"{told['indexed']} records were indexed, not {records}")
    search.delete(index)
    return told


def _write_run(folder: Path, index: str, records: int, dimension: int) -> None:
    """Write a run's files up to and including the model's output for its only shard."""
    files = RunFiles(FolderArtifacts(folder), _RUN)
    files.begin(
        Run(
            run=_RUN,
            prefix="",
            source="prefix",
            check=False,
            index=index,
            fingerprint=FINGERPRINT,
            model="benchmark",
            started="2026-01-01T00:00:00+00:00",
        )
    )
    entries = [PictureEntry(state=state_of(number)) for number in range(records)]
    files.write_shard(_SHARD, ShardRequest(entries=list(entries), lines=[]))
    output = folder / files.keys.output(_SHARD)
    output.parent.mkdir(parents=True)
    with output.open("wb") as file:
        file.writelines(answer_lines(range(records), unit_vectors(records, dimension)))
