"""The commands `bulk`, `reconcile` and `runs`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from imagesearch.bulk.runs import Reject
from scripts.bulk import runs as bulk
from scripts.bulk.from_files import start_from_files
from scripts.errors import CommandError
from scripts.render import bulk_progress, complaints, rows_progress, show_reconciled, show_run, show_runs
from scripts.target import Target, find_target

REJECTS_SHOWN = 10
INTERRUPTED = 130

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `runs list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the run as JSON.")]
Watch = Annotated[bool, typer.Option(help="Follow the run; Ctrl-C leaves it going.")]

ShowRun = Callable[[bulk.Run, Sequence[Reject]], None]


runs = typer.Typer(help="Look at bulk runs.", no_args_is_help=True)


def bulk_command(
    prefix: Annotated[str | None, typer.Argument(help="Only pictures whose key begins so; else all.")] = None,
    keys: Annotated[
        Path | None,
        typer.Option(help="Only the pictures that FILE names: a key a line, or the column key of CSV."),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="Embed the texts of FILE, JSON Lines or CSV: picture and text is the caption of that key, "
            "id and text one of its own."
        ),
    ] = None,
    index: Annotated[str | None, typer.Option(hidden=True, help="A written index to fill.")] = None,
    watch: Watch = True,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a run that is not complete.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Index every picture of the bucket that is new or changed, a whole library at once.

    Exit status: 0 complete, 1 failed, 2 complete with rejected pictures.
    """
    from_files = keys is not None or texts is not None
    if resume is not None and (prefix is not None or index is not None or from_files):
        raise CommandError("arguments_conflict", "A resumed run keeps what it is about: name RUN alone.")
    if prefix is not None and from_files:
        raise CommandError("arguments_conflict", "FILE says what the run is about: leave PREFIX out.")
    target = find_target()
    place = bulk.find_place(target)
    if from_files:
        attempt = _start_from_files(place, target, keys=keys, texts=texts, index=index)
    # An empty RUN, such as an unset variable, must not start a run over everything.
    elif resume is None:
        attempt = bulk.start(place, prefix=prefix or "", index=index)
    else:
        attempt = bulk.resume(place, resume)
    _show(place, _last_look(place, attempt, watch=watch), as_json=as_json)


def reconcile_command(
    prefix: Annotated[str | None, typer.Argument(help="Only pictures whose key begins so; else all.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only count; change nothing.")] = False,
    watch: Watch = True,
    as_json: AsJson = False,
) -> None:
    """Make the index equal to the bucket: add what is missing, renew what is stale, remove what is orphaned.

    Exit status: 0 in line, 1 failed, 2 with --check when there are differences.
    """
    place = bulk.find_place(find_target())
    attempt = bulk.start(place, prefix=prefix or "", check=check)
    _show_reconciled(place, _last_look(place, attempt, watch=watch), as_json=as_json)


@runs.command("list")
def list_command(
    count: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 10, as_json: AsJson = False
) -> None:
    """Show the latest bulk runs, the newest first."""
    found = bulk.newest(bulk.find_place(find_target()), count=count)
    if as_json:
        typer.echo(f"[{', '.join(run.model_dump_json() for run in found)}]")
    else:
        show_runs(found)


@runs.command("show")
def show_command(
    run: RunId,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the run while it goes on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one RUN: how far it is, or how it ended. Exit status as that of `bulk`; 0 while it goes on."""
    place = bulk.find_place(find_target())
    attempt = bulk.going(place, run) if watch else None
    seen = bulk.show(place, run) if attempt is None else _last_look(place, attempt, watch=True)
    _show(place, seen, as_json=as_json)


def _start_from_files(
    place: bulk.Place, target: Target, *, keys: Path | None, texts: Path | None, index: str | None
) -> bulk.Attempt:
    with rows_progress("captions") as on_progress:
        return start_from_files(
            place,
            keys=keys,
            texts=texts,
            image_bucket=target.image_bucket(),
            index=index,
            on_progress=on_progress,
        )


def _last_look(place: bulk.Place, attempt: bulk.Attempt, *, watch: bool) -> bulk.Run:
    """The run as it ended, or, when it is not watched, as it is now."""
    if not watch:
        return next(bulk.follow(place, attempt))
    try:
        with bulk_progress() as move:
            for run in bulk.follow(place, attempt):
                move(run)
    except KeyboardInterrupt:
        complaints.print(
            f"The run goes on. Look at it again: imagesearch runs show {attempt.run}",
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(INTERRUPTED) from None
    return run


def _show(place: bulk.Place, run: bulk.Run, *, as_json: bool) -> None:
    """Print the run, and exit with the status that says how it ended."""
    _print(place, run, show_run, as_json=as_json)
    if run.status == "complete" and (run.differences if run.check else run.rejected):
        raise typer.Exit(2)


def _show_reconciled(place: bulk.Place, run: bulk.Run, *, as_json: bool) -> None:
    """Print what a run found different, and exit with the status that says whether it still is."""
    _print(place, run, show_reconciled, as_json=as_json)
    if run.status == "complete" and run.check and run.differences:
        raise typer.Exit(2)


def _print(place: bulk.Place, run: bulk.Run, show: ShowRun, *, as_json: bool) -> None:
    if as_json:
        typer.echo(run.model_dump_json(indent=2))
    else:
        show(run, place.files(run.run).rejects(REJECTS_SHOWN) if run.rejected or run.undescribed else [])
    if run.status == "failed":
        raise typer.Exit(1)
