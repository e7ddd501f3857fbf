"""The command line ``imagesearch``: what each command takes, and how its answer is shown."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from imagesearch_client import ClientError
from scripts.artifact.cli import LOCK, OUTPUT, package_model, publish_model
from scripts.backup.cli import app as backup
from scripts.bulk.cli import bulk_command, reconcile_command, runs
from scripts.costs.cli import costs_command
from scripts.demo import run_demo
from scripts.deploy import deploy, prepare
from scripts.destroy.cli import destroy_command
from scripts.doctor.cli import doctor_command
from scripts.errors import CommandError
from scripts.evaluation.cli import evaluate_command
from scripts.library import Report, ingest
from scripts.local.cli import app as local
from scripts.login.cli import login_command, logout_command
from scripts.metadata.cli import metadata_command
from scripts.migration.cli import migrate_command
from scripts.render import complaints, console, ingest_progress, show_report
from scripts.search.cli import search_command
from scripts.smoke.cli import smoke_command
from scripts.target import client_of, find_target
from scripts.verify_aws.cli import verify_aws_command

app = typer.Typer(
    help="Search pictures by text or by picture: deploy, ingest, search.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Url = Annotated[
    str | None, typer.Option(help="The API's URL; else IMAGESEARCH_URL, else this machine's environment.")
]
ApiKey = Annotated[str | None, typer.Option(help="The API's key; else IMAGESEARCH_API_KEY.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
app.add_typer(local, name="local")
app.command("package-model")(package_model)
app.command("publish-model")(publish_model)
app.command("login")(login_command)
app.command("logout")(logout_command)
app.command("metadata")(metadata_command)
app.command("migrate")(migrate_command)
app.command("evaluate")(evaluate_command)
app.command("search")(search_command)
app.command("smoke")(smoke_command)
app.command("bulk")(bulk_command)
app.command("reconcile")(reconcile_command)
app.add_typer(runs, name="runs")
app.add_typer(backup, name="backup")
app.command("costs")(costs_command)
app.command("doctor")(doctor_command)
app.command("destroy")(destroy_command)
app.command("verify-aws")(verify_aws_command)


@app.command("deploy", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def deploy_command(
    context: typer.Context,
    environment: Annotated[str, typer.Argument(help="dev, staging or prod.")],
    region: Annotated[str | None, typer.Option(help="Another region than that of the settings.")] = None,
    locked: Annotated[
        bool, typer.Option("--locked", help="Only with the artifacts that model.lock names, as CI deploys.")
    ] = False,
    only_prepare: Annotated[
        bool, typer.Option("--prepare", help="Only check and publish models; a pipeline deploys.")
    ] = False,
) -> None:
    """Deploy an ENVIRONMENT to AWS: data stack, models that are not published yet, the rest.

    Credentials are those of the AWS command line; further options go to `cdk deploy`.
    """
    if only_prepare:
        prepare(environment, region=region, lock=LOCK, output=OUTPUT, report=console.print)
        return
    deploy(
        environment,
        region=region,
        lock=LOCK,
        output=OUTPUT,
        options=context.args,
        report=console.print,
        locked=locked,
    )


@app.command("ingest")
def ingest_command(
    folder: Annotated[Path, typer.Argument(help="The folder of pictures, searched through its subfolders.")],
    prefix: Annotated[str, typer.Option(help="Put before every key, such as holidays/.")] = "",
    bucket: Annotated[str | None, typer.Option(help="The picture bucket; else IMAGESEARCH_BUCKET.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Upload a FOLDER of pictures and wait until each is findable, listing those that were rejected.

    What is said of them goes with them: from metadata.jsonl or metadata.csv in FOLDER (see `metadata`), and
    from sidecars, such as dog.jpg.json beside dog.jpg.
    """
    target = find_target(url=url, api_key=api_key, bucket=bucket)
    with client_of(target) as client, ingest_progress() as on_progress:
        report = ingest(
            folder,
            client=client,
            s3=target.s3(),
            bucket=target.image_bucket(),
            prefix=prefix,
            on_progress=on_progress,
        )
    if as_json:
        typer.echo(json.dumps(_report_document(report), indent=2))
    else:
        show_report(report)
    if report.rejected:
        raise typer.Exit(2)


@app.command("demo")
def demo_command(
    pictures: Annotated[Path | None, typer.Option(help="Your own folder of pictures.")] = None,
    model: Annotated[
        str | None, typer.Option(help="A model of the catalogue; else those that run, or demo.")
    ] = None,
) -> None:
    """Deploy to this machine, ingest a gallery, search it, and say how to go on."""
    run_demo(pictures=pictures, model=model)


def _report_document(report: Report) -> dict[str, object]:
    return {
        "indexed": report.indexed,
        "sent": report.sent,
        "unchanged": report.unchanged,
        "described": report.described,
        "rejected": {key: fault.model_dump() for key, fault in report.rejected.items()},
        "undescribed": report.undescribed,
        "missing": report.missing,
        "skipped": [str(path) for path in report.skipped],
    }


def main() -> None:
    """Run the command line; what goes wrong ends it with one sentence and exit status 1."""
    try:
        app()
    except (CommandError, ClientError) as error:
        complaints.print(f"[red]{error.code}[/red]: {escape(error.message)}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
