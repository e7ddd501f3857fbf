"""The command ``imagesearch costs``."""

import json
from typing import Annotated

import typer

from scripts.artifact.catalogue import find_entry
from scripts.costs.cheapest import cheapest
from scripts.costs.estimate import estimate
from scripts.costs.load import Load
from scripts.costs.render import document, show
from scripts.environments import deployed_settings
from scripts.errors import CommandError


def costs_command(
    environment: Annotated[str, typer.Option("--env", help="dev, staging or prod.")],
    pictures: Annotated[float, typer.Option(help="How many pictures, such as 1e6.")] = 0,
    queries_per_day: Annotated[float, typer.Option(help="How many searches a day, such as 1e5.")] = 0,
    new_per_day: Annotated[float, typer.Option(help="Pictures that arrive one by one, a day.")] = 0,
    captions: Annotated[float, typer.Option(help="How many of the pictures have captions.")] = 0,
    thumbnails: Annotated[float, typer.Option(help="Thumbnails that a search shows.")] = 10,
    picture_kb: Annotated[float, typer.Option(help="The mean size of a picture, in KB.")] = 500,
    region: Annotated[str | None, typer.Option(help="Another region than that of the settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the estimate as JSON.")] = False,
) -> None:
    """Estimate what an environment costs a month, and find the cheapest settings that hold the load.

    Exit status: 0 where the environment as it is set holds the load, 2 where it does not.
    """
    settings = deployed_settings(environment)
    given = {"--pictures": pictures, "--queries-per-day": queries_per_day, "--new-per-day": new_per_day}
    given |= {"--captions": captions, "--thumbnails": thumbnails, "--picture-kb": picture_kb}
    for name, value in given.items():
        if value < 0:
            raise CommandError("load_invalid", f"{name} must not be negative, but is {value:g}.")
    if captions > pictures:
        raise CommandError("load_invalid", "--captions must not be more than --pictures.")
    load = Load(
        pictures=round(pictures),
        captions=round(captions),
        queries_per_day=queries_per_day,
        new_per_day=new_per_day,
        thumbnails=thumbnails,
        picture_kb=picture_kb,
        dimension=find_entry(settings.models[0]).dimension,
    )
    found, choices = estimate(settings, load), cheapest(settings, load)
    place = region or settings.region
    if as_json:
        typer.echo(json.dumps(document(found, choices, region=place), indent=2))
    else:
        show(found, choices, region=place)
    if not found.holds:
        raise typer.Exit(2)
