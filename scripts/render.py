"""How answers look on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from scripts.client import SearchResult
from scripts.library import OnProgress, Report

console = Console()
complaints = Console(stderr=True)


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


def show_result(result: SearchResult, *, title: str) -> None:
    """Print ranked hits as a table, and the time by part below it."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column, justify in (("", "right"), ("score", "right"), ("picture", "left"), ("size", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for rank, hit in enumerate(result.hits, start=1):
        table.add_row(str(rank), f"{hit.score:.3f}", hit.key, f"{hit.width}×{hit.height}")
    console.print(table)
    console.print(" · ".join(f"{part} {ms:.0f} ms" for part, ms in result.took_ms.items()), style="dim")


def show_report(report: Report) -> None:
    """Print what became of a folder, rejected pictures with their reasons."""
    console.print(
        f"{report.indexed} findable ({report.sent} sent, {report.unchanged} unchanged), "
        f"{len(report.rejected)} rejected, {len(report.skipped)} skipped (no pictures by their names)"
    )
    for key, fault in report.rejected.items():
        console.print(f"  rejected {key}: {fault.message} ({fault.code})", style="yellow")
