"""The commands ``imagesearch local up | status | down | fetch``."""

import time
from typing import Annotated

import typer
from rich.table import Column, Table

from scripts.local.environment import down, status, up
from scripts.local.opensearch import find_home
from scripts.local.steps import download_progress, print_line
from scripts.render import console
from stacks.settings.api import Authorisation

app = typer.Typer(help="Run everything on this machine.", no_args_is_help=True)


@app.command("fetch")
def fetch_command() -> None:
    """Download what pip and npm do not bring: OpenSearch. After that, `up` needs no network."""
    home = find_home(download_progress(print_line))
    console.print(f"OpenSearch: {home}", highlight=False)


@app.command("up")
def up_command(
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A model of the catalogue; give it again for each further one. A new index is made for the "
            "first. Else those that the environment runs with, else demo."
        ),
    ] = None,
    authorisation: Annotated[
        Authorisation | None,
        typer.Option(help="What the API asks of callers: key, iam or cognito. Else as it runs, else key."),
    ] = None,
) -> None:
    """Start what is not running, and deploy the present sources and models onto it."""
    began = time.monotonic()
    environment = up(model or (), authorisation=authorisation)
    console.print(f"Ready after {time.monotonic() - began:.1f} s: {environment.api_url}", highlight=False)
    if environment.page_address is not None:
        console.print(f"Page: {environment.page_address}", highlight=False, soft_wrap=True)


@app.command("status")
def status_command() -> None:
    """Show each part: whether it runs, where, and its health. Exit status 1 unless all are well."""
    parts = status()
    table = Table("part", "running", "pid", Column("url", overflow="fold"), "health")
    for part in parts:
        pid = str(part.pid or "")
        table.add_row(part.name, "yes" if part.running else "no", pid, part.url, part.health or "no answer")
    console.print(table)
    if not all(part.running and part.health for part in parts):
        raise typer.Exit(1)


@app.command("down")
def down_command() -> None:
    """End every process of the local environment. What it held is forgotten."""
    stopped = down()
    console.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")
