"""The command `smoke`."""

import json
import signal
from typing import Annotated

import typer
from rich.markup import escape

from scripts.render import console
from scripts.smoke.place import target_of
from scripts.smoke.run import Smoke, Step
from scripts.smoke.traces import Traces
from scripts.stack_outputs import LOCAL, account_of
from scripts.target import client_of

WITHIN_SECONDS = 300.0
"""Enough for a serverless model that must start first, twice."""


def smoke_command(
    environment: Annotated[
        str | None,
        typer.Argument(help="local, dev, staging or prod; else the deployment that IMAGESEARCH_URL names."),
    ] = None,
    region: Annotated[str | None, typer.Option(help="Another region than that of the settings.")] = None,
    within: Annotated[float, typer.Option(min=0.1, help="Seconds that all of it may take.")] = WITHIN_SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Check that a deployed ENVIRONMENT does what it is for, and leave nothing behind.

    Health, a search by text, and a small picture of its own under .smoke/: put in, waited for, found by
    itself, shown as a thumbnail, deleted. Takes the rights to remove objects from both buckets.
    """
    # A build that is stopped ends like one that is interrupted: with the picture removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    target = target_of(environment, region=region)
    named = environment not in (None, LOCAL)
    s3 = account_of(str(environment), region).client("s3") if named else target.s3()
    traces = Traces(s3=s3, images=target.image_bucket(), artifacts=target.artifact_bucket())
    with client_of(target) as client:
        smoke = Smoke(
            client=client, traces=traces, seconds=within, on_step=(lambda _: None) if as_json else _show
        )
        report = smoke.run(target.url)
    if as_json:
        typer.echo(json.dumps(report.document(), indent=2))
    if not report.passed:
        raise typer.Exit(1)


def _show(step: Step) -> None:
    mark = "[green]passed[/green]" if step.passed else f"[red]failed[/red] {step.code}:"
    line = f"{step.name:<18} {step.seconds:5.1f} s  {mark} {escape(step.said)}"
    console.print(line, highlight=False, soft_wrap=True)
