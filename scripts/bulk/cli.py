"""The commands `bulk` and `runs`."""

from typing import Annotated

import typer

from scripts.bulk import runs as bulk
from scripts.errors import CommandError
from scripts.render import bulk_progress, complaints, show_run, show_runs
from scripts.target import find_target

REJECTS_SHOWN = 10
INTERRUPTED = 130

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `runs list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the run as JSON.")]

runs = typer.Typer(help="Look at bulk runs.", no_args_is_help=True)


def bulk_command(
    prefix: Annotated[str | None, typer.Argument(help="Only pictures whose key begins so; else all.")] = None,
    watch: Annotated[bool, typer.Option(help="Follow the run; Ctrl-C leaves it going.")] = True,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a run that is not complete.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Index every picture of the bucket that is new or changed, a whole library at once.

    Exit status: 0 complete, 1 failed, 2 complete with rejected pictures.
    """
    if prefix is not None and resume is not None:
        raise CommandError("arguments_conflict", "A resumed run keeps its prefix: leave PREFIX out.")
    place = bulk.find_place(find_target())
    # An empty RUN, such as an unset variable, must not start a run over everything.
    attempt = bulk.start(place, prefix=prefix or "") if resume is None else bulk.resume(place, resume)
    if watch:
        _watch(place, attempt, as_json=as_json)
    else:
        _show(place, next(bulk.follow(place, attempt)), as_json=as_json)


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
    if attempt is not None:
        _watch(place, attempt, as_json=as_json)
    else:
        _show(place, bulk.show(place, run), as_json=as_json)


def _watch(place: bulk.Place, attempt: bulk.Attempt, *, as_json: bool) -> None:
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
    _show(place, run, as_json=as_json)


def _show(place: bulk.Place, run: bulk.Run, *, as_json: bool) -> None:
    """Print the run, and exit with the status that says how it ended."""
    if as_json:
        typer.echo(run.model_dump_json(indent=2))
    else:
        show_run(run, rejects=place.files(run.run).rejects(REJECTS_SHOWN) if run.rejected else [])
    if run.status == "failed":
        raise typer.Exit(1)
    if run.status == "complete" and run.rejected:
        raise typer.Exit(2)
