"""The command ``imagesearch destroy``."""

import os
import subprocess
from dataclasses import replace
from typing import Annotated

import typer
from rich.markup import escape

from scripts.artifact.cli import LOCK
from scripts.aws_errors import aws_errors
from scripts.destroy.aws import Place
from scripts.destroy.command import Destruction, Result
from scripts.environments import app_context, deployed_settings
from scripts.errors import CommandError
from scripts.local.cdk import Cdk
from scripts.local.emulator_process import Emulator
from scripts.local.environment import down
from scripts.local.settings import LocalSettings
from scripts.render import console
from scripts.repository import ROOT, cdk_program, search_path
from scripts.stack_outputs import LOCAL, account_of
from stacks.settings import ENVIRONMENTS, Settings


def destroy_command(
    environment: Annotated[str, typer.Argument(help="dev, staging, prod or local.")],
    data: Annotated[bool, typer.Option("--data", help="Also the data that its settings retain.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    region: Annotated[str | None, typer.Option(help="Another region than that of the settings.")] = None,
    stacks: Annotated[
        bool, typer.Option("--stacks", help="Of local: first all that is done in AWS, on the emulator.")
    ] = False,
) -> None:
    """Remove ENVIRONMENT with everything in it, and verify that nothing of it is left that costs anything.

    Exit status: 0 nothing is left, 2 something is, which is listed with the command that removes it. The same
    command goes on after a failure.
    """
    if environment == LOCAL:
        if stacks:
            _take_down_here()
        stopped = down()
        console.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")
        return
    settings = deployed_settings(environment)
    settings = replace(settings, region=region or settings.region)
    place = Place(settings=settings, account=account_of(environment, region))
    destruction = Destruction(place=place, say=_say, cdk_destroy=lambda: _cdk_destroy(settings), data=data)
    destruction.require_consent()
    if not yes:
        _confirm(place)
    result = destruction.run()
    _show(result, environment)
    if not result.is_clean:
        raise typer.Exit(2)


def _take_down_here() -> None:
    """Destroy the stacks of this machine's environment, where it runs, as those in AWS are destroyed."""
    settings = LocalSettings.from_environment()
    # Another environment may answer at the same address: only what this directory has started is ours.
    if Emulator(settings).running() is None:
        return
    cdk = Cdk(settings)
    destruction = Destruction(
        place=Place(settings=ENVIRONMENTS[LOCAL], account=account_of(LOCAL)),
        say=_say,
        cdk_destroy=lambda: cdk.destroy(f"{LOCAL}/*", assembly=settings.directory / "assembly"),
    )
    result = destruction.run()
    _show(result, LOCAL)
    if not result.is_clean:
        raise typer.Exit(2)


def _confirm(place: Place) -> None:
    with aws_errors():
        account = place.client("sts").get_caller_identity()["Account"]
    console.print(
        f"This removes {place.name} from the account {account}, {place.region}, with all pictures.",
        highlight=False,
    )
    typed = typer.prompt(f"Type {place.name} to go on", default="", show_default=False)
    if typed != place.name:
        raise CommandError("not_confirmed", f"Not {place.name}: nothing was done.")


def _cdk_destroy(settings: Settings) -> None:
    """``cdk destroy`` of all stacks, the last one first, with the terminal's own output."""
    context = app_context(settings, region=settings.region, lock=LOCK)
    command = [str(cdk_program()), "destroy", f"{settings.name}/*", "--force", *context]
    finished = subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": search_path()}, check=False)
    if finished.returncode:
        raise CommandError(
            "cdk_failed",
            f"cdk destroy failed with status {finished.returncode}: see its message above. When it is "
            "mended, run the same command again.",
        )


def _say(line: str) -> None:
    console.print(escape(line), highlight=False, soft_wrap=True)


def _show(result: Result, environment: str) -> None:
    if result.is_clean:
        console.print(f"Nothing of {environment} is left that costs anything.", highlight=False)
    for each in result.leftovers:
        sign = "[yellow]![/yellow]" if each.certain else "?"
        console.print(f"{sign} {each.kind}: {escape(each.name)}", highlight=False, soft_wrap=True)
        console.print(f"    → {escape(each.command)}", highlight=False, soft_wrap=True)
    for unseen in result.unseen:
        _say(f"? {unseen.kind}: could not look: {unseen.why}")
