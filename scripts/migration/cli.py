"""The command `migrate`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.markup import escape

from imagesearch.migration.steps import Status
from scripts.errors import CommandError
from scripts.migration.command import Command, figures
from scripts.migration.environments import find_environment
from scripts.render import complaints, console

INTERRUPTED = 130

_status = TypeAdapter(Status)


def migrate_command(
    model: Annotated[
        str | None, typer.Option(help="The model to change to; of AWS, one that its settings list.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option("--env", help="dev, staging or prod; else this machine's environment.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Labelled queries that the new model must answer no worse than the old one: JSON Lines with "
            "text, or the key of a picture, and the keys of the relevant pictures."
        ),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make a new index though its model is the same.")
    ] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Search the old index again.")] = False,
    finish: Annotated[
        bool, typer.Option("--finish", help="Remove the index that searches do not use.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Show how the migration stands.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Switch though the check fails; finish before the drain is over."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print how things stand as JSON.")] = False,
    region: Annotated[str | None, typer.Option(help="Another region than that of the settings.")] = None,
) -> None:
    """Change the model while searches go on: a new index beside the old one, a check, and one switch.

    Ctrl-C ends only the watching: the same command goes on where it stopped. --rollback goes back as long as
    the migration is not finished.
    """
    if [model is not None, rollback, finish, status].count(True) != 1:
        raise CommandError(
            "arguments_conflict", "Say one of: --model NAME, --status, --rollback or --finish."
        )
    shown = complaints if as_json else console

    def say(line: str) -> None:
        shown.print(escape(line), highlight=False, soft_wrap=True)

    command = Command(environment=find_environment(environment, region=region, say=say), say=say)
    try:
        if model is not None:
            seen = command.migrate(model, labels=labels, force=force, rebuild=rebuild)
        elif rollback:
            seen = command.rollback()
        elif finish:
            seen = command.finish(force=force)
        else:
            seen = command.environment.function().take("status")
            if not as_json:
                _show(seen)
    except KeyboardInterrupt:
        complaints.print("Everything stays as it is; the same command goes on.", highlight=False)
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(_status.dump_json(seen, indent=2))


def _show(status: Status) -> None:
    """Print the indices, and how far a migration is."""
    written = {index.name for index in status.written}
    for index in status.indices:
        use = "searched" if index == status.active else "kept" if index.name in written else "not used"
        console.print(f"{index.name}  model {index.fingerprint[:12]}, {index.dimension} numbers, {use}")
    record = status.migration
    if record is None:
        console.print("No migration is under way.")
        return
    console.print(f"Migrating from {record.old.name} to {record.new.name}, begun {record.begun_at:%F %T} UTC")
    for line in figures(record.check) if record.check else ["Not checked."]:
        console.print(f"  {line}", highlight=False)
    if record.switched_at:
        console.print(f"  Switched {record.switched_at:%F %T} UTC; drained {status.drain_until:%F %T} UTC")
    for forced in record.forced:
        console.print(escape(f"  Forced by {forced.by}: {forced.refusal}"), highlight=False)
