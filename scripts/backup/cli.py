"""The commands ``imagesearch backup create | list | restore | rebuild | delete | discard``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.markup import escape
from rich.table import Table

from imagesearch.backups import Status
from imagesearch.snapshots import Snapshot
from scripts.backup.command import Command, backup_function
from scripts.migration.environments import find_environment
from scripts.render import complaints, console

INTERRUPTED = 130

app = typer.Typer(help="Copies of the index: take them, and bring them back.", no_args_is_help=True)

Env = Annotated[
    str | None, typer.Option("--env", help="dev, staging or prod; else this machine's environment.")
]
Region = Annotated[str | None, typer.Option(help="Another region than that of the settings.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]

_status = TypeAdapter(Status)
_snapshot = TypeAdapter(Snapshot)


@app.command("create")
def create_command(environment: Env = None, region: Region = None, as_json: AsJson = False) -> None:
    """Take a snapshot of the index that searches use."""
    with _patiently("The snapshot goes on by itself. See: imagesearch backup list"):
        taken = _command(environment, region, quiet=as_json).create()
    if as_json:
        typer.echo(_snapshot.dump_json(taken, indent=2))
    else:
        console.print(
            f"Snapshot {taken.name}: {taken.pictures} pictures of {taken.index.name}, {taken.seconds:.1f} s",
            highlight=False,
        )


@app.command("list")
def list_command(environment: Env = None, region: Region = None, as_json: AsJson = False) -> None:
    """Show the snapshots, the newest first, and the indices."""
    status = _command(environment, region).function.take("status")
    if as_json:
        typer.echo(_status.dump_json(status, indent=2))
        return
    _show_snapshots(status)
    for index in status.indices:
        console.print(
            f"{index.name}  model {index.fingerprint[:12]}, {_use(status, index.name)}", highlight=False
        )


@app.command("restore")
def restore_command(
    snapshot: Annotated[str, typer.Argument(help="Its name, as `backup list` shows it.")],
    force: Annotated[bool, typer.Option("--force", help="Switch though the indices differ.")] = False,
    environment: Env = None,
    region: Region = None,
) -> None:
    """Make an index of a SNAPSHOT, bring it in line with the bucket, and let searches use it.

    An index that is searched is never written over: the restored one stands beside it until both hold the
    same, and `migrate --rollback` goes back.
    """
    command = _command(environment, region)
    with _patiently():
        index = command.restore(snapshot, force=force)
    console.print(f"Restored: {index}", highlight=False)


@app.command("rebuild")
def rebuild_command(
    runs: Annotated[
        list[str] | None,
        typer.Option(
            "--from", metavar="RUN", help="A bulk run; again for each further one. Else all of them."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model of the new index, where there is none; else the runs'.")
    ] = None,
    environment: Env = None,
    region: Region = None,
) -> None:
    """Index again what bulk runs have embedded, without embedding it anew, then what is not in line yet.

    Where there is no index, a new one is made.
    """
    command = _command(environment, region)
    with _patiently():
        index = command.rebuild(runs or (), model=model)
    console.print(f"Rebuilt: {index}", highlight=False)


@app.command("delete")
def delete_command(
    snapshot: Annotated[str, typer.Argument(help="Its name, as `backup list` shows it.")],
    environment: Env = None,
    region: Region = None,
) -> None:
    """Delete a SNAPSHOT."""
    _command(environment, region).delete(snapshot)
    console.print(f"Deleted: {snapshot}", highlight=False)


@app.command("discard")
def discard_command(
    index: Annotated[str, typer.Argument(help="Its name, as `backup list` shows it.")],
    environment: Env = None,
    region: Region = None,
) -> None:
    """Remove an INDEX that nobody uses: neither searched nor kept equal to the bucket."""
    _command(environment, region).discard(index)
    console.print(f"Removed: {index}", highlight=False)


def _command(environment: str | None, region: str | None, *, quiet: bool = False) -> Command:
    shown = complaints if quiet else console

    def say(line: str) -> None:
        shown.print(escape(line), highlight=False, soft_wrap=True)

    found = find_environment(environment, region=region, say=say)
    return Command(environment=found, function=backup_function(found), say=say)


@contextmanager
def _patiently(interrupted: str = "Everything stays as it is; the same command goes on.") -> Iterator[None]:
    """Say what becomes of a command that is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        complaints.print(interrupted, highlight=False)
        raise typer.Exit(INTERRUPTED) from None


def _show_snapshots(status: Status) -> None:
    if not status.snapshots:
        console.print("No snapshot yet. Take one: imagesearch backup create", highlight=False)
        return
    table = Table(box=None, pad_edge=False)
    for column in ("snapshot", "state", "of the index"):
        table.add_column(column, overflow="fold")
    for column in ("pictures", "seconds"):
        table.add_column(column, justify="right")
    for each in status.snapshots:
        state = each.state if each.fault is None else f"{each.state}: {each.fault}"
        table.add_row(each.name, escape(state), each.index.name, str(each.pictures), f"{each.seconds:.1f}")
    console.print(table)


def _use(status: Status, name: str) -> str:
    if name in status.unready:
        return "lacks a part"
    if status.active is not None and status.active.name == name:
        return "searched"
    kept = name in {index.name for index in status.written}
    return "kept" if kept else f"not used; remove it: imagesearch backup discard {name}"
