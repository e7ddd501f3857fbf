"""The command ``imagesearch verify-aws``."""

import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from scripts.artifact.work import BUILD
from scripts.errors import CommandError
from scripts.render import console
from scripts.verify_aws.record import begin, find
from scripts.verify_aws.site import Site, in_aws, on_this_machine, require_nothing_stands
from scripts.verify_aws.spending import PLANNED_HOURS, Budget, Prices
from scripts.verify_aws.steps import destruction_of, steps_of
from scripts.verify_aws.trial import PAUSES_SECONDS, Trial

LIMIT_USD = 5.0
FOLDER = BUILD / "verify-aws"


def verify_aws_command(
    region: Annotated[str | None, typer.Option(help="Another region than that of dev's settings.")] = None,
    limit: Annotated[float, typer.Option(min=0, help="Dollars that the trial may cost at most.")] = LIMIT_USD,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Destroy nothing, unless the limit is reached; go on with the same command."
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="The same steps on this machine's emulator: no account is asked."),
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where record, logs and transcript are kept.")] = FOLDER,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
) -> None:
    """Try everything once in an account, within a limit of dollars, and write down what it showed.

    Deploys an environment of its own, verify, of the smallest kind: doctor, deploy, smoke, a bulk run,
    searches, a migration there, back and there again, a backup; then destroys it, whatever happened. Exit
    status: 0 all passed and nothing is left, 1 something failed, 2 something is left, 130 interrupted.
    """
    folder = folder.absolute()
    site = on_this_machine(folder=folder) if dry_run else in_aws(region, folder=folder)
    record = find(folder, site)
    trial = Trial(
        site=site,
        steps=steps_of(site, folder / "gallery"),
        destruction=destruction_of(site),
        budget=Budget(prices=Prices.of(site.settings), limit=limit),
        folder=folder,
        record=record or begin(site),
        keep=keep,
        say=_say,
        pauses=() if dry_run else PAUSES_SECONDS,
    )
    if record is None:
        require_nothing_stands(site)
        trial.budget.require_planned(trial.jobs)
    if not yes and not dry_run:
        _confirm(trial, site)
    # A job that is stopped, or whose terminal goes, ends like one that is interrupted, with the destruction;
    # also where a shell lets what it runs in the background ignore interrupts.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    if status := trial.run():
        raise typer.Exit(status)


def _confirm(trial: Trial, site: Site) -> None:
    budget = trial.budget
    _say(
        f"This deploys {site.environment} in the account {site.account}, {site.region}, uses it and destroys "
        f"it. Estimated for {PLANNED_HOURS:g} hours: {budget.planned(trial.jobs):.2f} USD "
        f"({budget.prices.hour:.2f} USD an hour, and transform jobs); limit {budget.limit:.2f} USD."
    )
    typed = typer.prompt(f"Type {site.environment} to go on", default="", show_default=False)
    if typed != site.environment:
        raise CommandError("not_confirmed", f"Not {site.environment}: nothing was done.")


def _say(line: str) -> None:
    # Whoever listened may be gone, which must not keep anything from being destroyed; Rich ends the program.
    with suppress(OSError, SystemExit):
        console.print(escape(line), highlight=False, soft_wrap=True)
