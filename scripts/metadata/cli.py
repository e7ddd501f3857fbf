"""The command `metadata`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from scripts.metadata.describe import describe
from scripts.render import rows_progress, show_described
from scripts.target import client_of, find_target


def metadata_command(
    file: Annotated[
        Path, typer.Argument(help="JSON Lines or CSV: key, title, caption, tags, and the attributes.")
    ],
    prefix: Annotated[str, typer.Option(help="Put before every key, such as holidays/.")] = "",
    dry_run: Annotated[bool, typer.Option(help="Only check the FILE and count what would change.")] = False,
    bucket: Annotated[str | None, typer.Option(help="The picture bucket; else IMAGESEARCH_BUCKET.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Describe pictures: write what FILE says of each into its sidecar KEY.json, which the index follows.

    A row says all that there is to say of its picture; one with nothing but a key removes the sidecar. The
    whole FILE is checked before anything is written. In CSV, tags are separated by "|".
    """
    target = find_target(bucket=bucket)
    with client_of(target) as client:
        attributes = client.health().attributes
    with rows_progress("described") as on_progress:
        described = describe(
            file,
            attributes=attributes,
            s3=target.s3(),
            bucket=target.image_bucket(),
            prefix=prefix,
            dry_run=dry_run,
            on_progress=on_progress,
        )
    if as_json:
        typer.echo(json.dumps(asdict(described), indent=2))
    else:
        show_described(described, dry_run=dry_run)
