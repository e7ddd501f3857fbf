"""The command ``imagesearch doctor``."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.markup import escape

from scripts.artifact.cli import LOCK
from scripts.doctor.account import account_checks
from scripts.doctor.context import Context
from scripts.doctor.findings import Check, Finding, State, examine
from scripts.doctor.machine import local_checks, tool_checks
from scripts.doctor.models import model_checks
from scripts.doctor.quotas import quota_checks
from scripts.environments import deployed_settings
from scripts.local.settings import LocalSettings
from scripts.render import console
from scripts.stack_outputs import LOCAL, account_of

MARKS: dict[State, str] = {
    "passed": "[green]✓[/green]",
    "warned": "[yellow]![/yellow]",
    "failed": "[red]✗[/red]",
    "unknown": "[yellow]?[/yellow]",
}


def doctor_command(
    environment: Annotated[str, typer.Argument(help="dev, staging, prod; else this machine's.")] = LOCAL,
    region: Annotated[str | None, typer.Option(help="Another region than that of the settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look whether ENVIRONMENT can be deployed: each line passed, or with the command that mends it.

    Nothing is changed. Exit status: 0 all passed or warned, 1 something failed, 2 something could not be
    looked at.
    """
    found = []
    for finding in examine(checks_of(environment, region)):
        found.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    elif status_of(found) == 0:
        console.print("Nothing stands in the way.", highlight=False)
    if status := status_of(found):
        raise typer.Exit(status)


def checks_of(environment: str, region: str | None) -> list[Check]:
    """The checks of an environment. Raises CommandError (``environment_unknown``)."""
    if environment == LOCAL:
        return local_checks(LocalSettings.from_environment())
    settings = deployed_settings(environment)
    context = Context(
        settings=replace(settings, region=region or settings.region),
        account=account_of(environment, region),
        lock=LOCK,
    )
    return [*tool_checks(), *account_checks(context), *quota_checks(context), *model_checks(context)]


def status_of(found: Sequence[Finding]) -> int:
    """The exit status that the findings amount to."""
    states = {finding.state for finding in found}
    return 1 if "failed" in states else 2 if "unknown" in states else 0


def _show(finding: Finding) -> None:
    line = f"{MARKS[finding.state]} {finding.check}: {escape(finding.message)}"
    console.print(line, highlight=False, soft_wrap=True)
    if finding.mend is not None:
        console.print(f"    → {escape(finding.mend)}", highlight=False, soft_wrap=True)
