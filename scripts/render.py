"""How answers look on a terminal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from imagesearch.bulk.runs import Reject
from scripts.bulk.runs import Run
from scripts.client import SearchResult
from scripts.library import OnProgress, Report

console = Console()
complaints = Console(stderr=True)

RATE_SECONDS = 300.0
"""The time over which the rate of a bulk run is taken: shards finish in bursts."""

SHARDS_NAMED = 5


@contextmanager
def ingest_progress() -> Iterator[OnProgress]:
    """Bars for uploaded and findable pictures, on standard error; yields what moves them."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=complaints) as progress:
        uploading = progress.add_task("uploaded", total=None)
        finding = progress.add_task("findable", total=None)

        def move(total: int, uploaded: int, known: int) -> None:
            progress.update(uploading, total=total, completed=uploaded)
            progress.update(finding, total=total, completed=known)

        yield move


class _RateColumn(ProgressColumn):
    """Pictures a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s", style="progress.data.speed")


@contextmanager
def bulk_progress() -> Iterator[Callable[[Run], None]]:
    """Bars for planned, embedded and finished pictures, on standard error; yields what moves them."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=complaints, speed_estimate_period=RATE_SECONDS) as progress:
        bars = _BulkBars(progress)
        yield bars.move


class _BulkBars:
    """The bars of one run; what it had done before it was followed does not count into its rate."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def move(self, run: Run) -> None:
        """Show the run as it is now."""
        whole = None if run.planning else run.planned
        self._move("planned", "planned", done=run.planned, total=whole)
        self._move("embedded", "embedded", done=run.embedded, total=whole)
        finished = f"indexed, {run.rejected} rejected"
        self._move("finished", finished, done=run.indexed + run.rejected, total=whole)

    def _move(self, name: str, description: str, *, done: int, total: int | None) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(description, completed=done, total=total)
        self._progress.update(self._bars[name], description=description, completed=done, total=total)


def show_run(run: Run, *, rejects: Sequence[Reject]) -> None:
    """Print how far a bulk run is or how it ended, with the first ``rejects`` and what to do."""
    console.print(_run_line(run), highlight=False, soft_wrap=True)
    if run.status == "running":
        console.print(f"Follow it: imagesearch runs show {run.run} --watch", highlight=False, soft_wrap=True)
    if run.status == "failed":
        _show_failure(run)
    for reject in rejects:
        line = escape(f"  rejected {reject.key}: {reject.message} ({reject.code})")
        console.print(line, style="yellow", soft_wrap=True)
    if rejects and run.rejected > len(rejects):
        console.print(f"  and {run.rejected - len(rejects)} more: rejects/{run.run}/ in the artifact bucket")


def show_runs(runs: Sequence[Run]) -> None:
    """Print bulk runs as a table."""
    if not runs:
        console.print("No bulk run yet. Start one: imagesearch bulk", highlight=False)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("run", no_wrap=True)
    for column in ("prefix", "status"):
        table.add_column(column, overflow="fold")
    for column in ("planned", "indexed", "rejected", "seconds"):
        table.add_column(column, justify="right")
    for run in runs:
        counts = map(str, (run.planned, run.indexed, run.rejected))
        table.add_row(run.run, escape(run.prefix), run.status, *counts, _number(run.seconds))
    console.print(table)


def _run_line(run: Run) -> str:
    state = f"{run.status}, still planning" if run.planning and run.status == "running" else run.status
    counts = (
        f"{run.planned} planned ({run.skipped} unchanged), {run.indexed} indexed, {run.rejected} rejected"
    )
    if run.status != "complete":
        return f"Run {run.run}: {state} · {counts}, {run.embedded} embedded"
    return (
        f"Run {run.run}: {state} · {counts} · {_number(run.seconds)} s, {_number(run.pictures_per_second)}/s"
    )


def _show_failure(run: Run) -> None:
    console.print(f"[red]failed[/red]: {escape(run.reason or '')}", highlight=False, soft_wrap=True)
    if run.missing_shards:
        named = ", ".join(run.missing_shards[:SHARDS_NAMED])
        more = " …" if len(run.missing_shards) > SHARDS_NAMED else ""
        console.print(f"  {len(run.missing_shards)} shards are missing: {named}{more}", highlight=False)
    console.print(
        f"Go on where it stopped: imagesearch bulk --resume {run.run}", highlight=False, soft_wrap=True
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def show_result(result: SearchResult, *, title: str) -> None:
    """Print ranked hits as a table, and the time by part below it."""
    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    for column, justify in (("", "right"), ("score", "right"), ("picture", "left"), ("size", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for rank, hit in enumerate(result.hits, start=1):
        table.add_row(str(rank), f"{hit.score:.3f}", escape(hit.key), f"{hit.width}×{hit.height}")
    console.print(table)
    console.print(" · ".join(f"{part} {ms:.0f} ms" for part, ms in result.took_ms.items()), style="dim")


def show_report(report: Report) -> None:
    """Print what became of a folder, rejected pictures with their reasons."""
    console.print(
        f"{report.indexed} findable ({report.sent} sent, {report.unchanged} unchanged), "
        f"{len(report.rejected)} rejected, {len(report.skipped)} skipped (no pictures by their names)",
        soft_wrap=True,
    )
    for key, fault in report.rejected.items():
        line = f"  rejected {key}: {fault.message} ({fault.code})"
        console.print(escape(line), style="yellow", soft_wrap=True)
