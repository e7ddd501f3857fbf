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
from imagesearch.errors import MetadataInvalidError
from scripts.bulk.runs import Run
from scripts.library import OnProgress, Report
from scripts.metadata.describe import Described

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


@contextmanager
def rows_progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for the rows of a file, on standard error; yields what moves it: (in all, done).

    It shows from the first move on: a file that is refused has none.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=complaints)
    bar = progress.add_task(description, total=None)

    def move(total: int, done: int) -> None:
        progress.start()
        progress.update(bar, total=total, completed=done)

    try:
        yield move
    finally:
        if progress.live.is_started:
            progress.stop()


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
        self._move("finished", finished, done=run.done, total=whole)

    def _move(self, name: str, description: str, *, done: int, total: int | None) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(description, completed=done, total=total)
        self._progress.update(self._bars[name], description=description, completed=done, total=total)


def show_run(run: Run, rejects: Sequence[Reject]) -> None:
    """Print how far a bulk run is or how it ended, with the first ``rejects`` and what to do."""
    console.print(_run_line(run), highlight=False, soft_wrap=True)
    _show_rest(run, rejects)


def show_reconciled(run: Run, rejects: Sequence[Reject]) -> None:
    """Print what a run found different between index and bucket, and whether it is mended."""
    if run.status != "complete":
        show_run(run, rejects)
        return
    if not run.differences:
        console.print(f"The index is what the bucket says: {run.listed} pictures.", highlight=False)
    else:
        verb = "found" if run.check else "mended"
        console.print(
            f"{run.differences} {verb}: {run.missing} missing, {run.stale} stale, {run.described} described "
            f"otherwise, {run.orphaned} orphaned · {run.skipped} in line",
            highlight=False,
            soft_wrap=True,
        )
    if run.check and run.differences:
        console.print(f"Mend it: imagesearch reconcile {escape(run.prefix)}".rstrip(), highlight=False)
    _show_rest(run, rejects)


def _show_rest(run: Run, rejects: Sequence[Reject]) -> None:
    if run.status == "running":
        console.print(f"Follow it: imagesearch runs show {run.run} --watch", highlight=False, soft_wrap=True)
    if run.status == "failed":
        _show_failure(run)
    for reject in rejects:
        what = "without its metadata" if reject.code == MetadataInvalidError.code else "rejected"
        _warn(f"{what} {reject.key}: {reject.message} ({reject.code})")
    more = run.rejected + run.undescribed - len(rejects)
    if rejects and more > 0:
        console.print(f"  and {more} more: rejects/{run.run}/ in the artifact bucket")


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
    besides = {
        "texts kept": run.kept,
        "described anew": run.described,
        "orphans": run.orphaned,
        "without their metadata": run.undescribed,
    }
    counts += "".join(f", {count} {what}" for what, count in besides.items() if count)
    if run.check:
        return f"Run {run.run}: {state} · only checked: {run.missing} missing, {run.stale} stale · {counts}"
    if run.status != "complete":
        return f"Run {run.run}: {state} · {counts}, {run.embedded} embedded"
    cost = "" if run.cost_usd is None else f", about {run.cost_usd:.2f} USD"
    pace = f"{_number(run.seconds)} s, {_number(run.pictures_per_second)}/s"
    return f"Run {run.run}: {state} · {counts} · {pace}{cost}"


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


def show_report(report: Report) -> None:
    """Print what became of a folder, rejected pictures with their reasons."""
    console.print(
        f"{report.indexed} findable ({report.sent} sent, {report.unchanged} unchanged), "
        f"{len(report.rejected)} rejected, {len(report.skipped)} skipped (no pictures by their names)",
        soft_wrap=True,
    )
    if report.described:
        console.print(f"Sidecars: {report.described} sent or removed", highlight=False)
    for key, fault in report.rejected.items():
        _warn(f"rejected {key}: {fault.message} ({fault.code})")
    for key, message in report.undescribed.items():
        _warn(f"findable without its metadata: {key}: {message} (metadata_invalid)")
    for key in report.missing:
        _warn(f"not in the folder, so its metadata was not sent: {key} (picture_missing)")


def _warn(line: str) -> None:
    console.print(escape(f"  {line}"), style="yellow", soft_wrap=True)


def show_described(described: Described, *, dry_run: bool) -> None:
    """Print what became of a file of metadata, and the pictures that it names and nobody has put yet."""
    what = "Sidecars, had this been no dry run" if dry_run else "Sidecars"
    console.print(
        f"{what}: {described.written} written, {described.removed} removed, {described.unchanged} unchanged",
        soft_wrap=True,
    )
    for key in described.named:
        line = f"  no picture {key} yet: its sidecar waits for it (picture_missing)"
        complaints.print(escape(line), style="yellow", soft_wrap=True)
    if described.missing > len(described.named):
        complaints.print(f"  and {described.missing - len(described.named)} more", style="yellow")
