"""How an estimate looks on a terminal, and as a document for programs."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from scripts.costs import rates
from scripts.costs.cheapest import Choice
from scripts.costs.estimate import Estimate
from scripts.costs.load import Need
from scripts.render import console
from stacks import prices
from stacks.settings.search import Quantisation

NOTE = (
    f"An estimate from list prices of {prices.REGION}, {prices.AS_OF}, and rates of {rates.AS_OF}, not from "
    "a bill. Left out: transfer to the internet (pictures that are looked at), people who sign in, tokens "
    "of your own programs, taxes and what an account has for free."
)


def show(found: Estimate, choices: Mapping[Quantisation, Choice], *, region: str) -> None:
    """Print parts, what the load needs, and the cheapest settings that hold it."""
    load = found.load
    console.print(
        f"{found.environment}: {load.pictures:,} pictures, {load.queries_per_day:,.0f} searches a day, "
        f"{load.new_per_day:,.0f} new pictures a day",
        highlight=False,
    )
    console.print(_parts(found))
    for need in found.needs:
        console.print(_need_line(need), highlight=False, soft_wrap=True)
    if found.once is not None:
        console.print(
            f"Embedding the library once: {_dollars(found.once.total)} USD, of which "
            f"{_dollars(found.once.transform)} for batch transform",
            highlight=False,
            soft_wrap=True,
        )
    _show_choices(found, choices)
    if region != prices.REGION:
        console.print(f"{region} has prices of its own, mostly higher.", style="yellow", highlight=False)
    console.print(NOTE, style="dim", highlight=False)


def document(found: Estimate, choices: Mapping[Quantisation, Choice], *, region: str) -> dict[str, Any]:
    """The estimate for programs; dollars a month."""
    load = found.load
    return {
        "environment": found.environment,
        "region": region,
        "prices": {"region": prices.REGION, "as_of": prices.AS_OF, "source": prices.SOURCE},
        "load": {
            "pictures": load.pictures,
            "captions": load.captions,
            "queries_per_day": load.queries_per_day,
            "new_per_day": load.new_per_day,
            "thumbnails": load.thumbnails,
            "picture_kb": load.picture_kb,
            "dimension": load.dimension,
        },
        "parts": [
            {"name": part.name, "idle": _cents(part.idle), "used": _cents(part.used), "how": part.how}
            for part in found.parts
        ],
        "idle": _cents(found.idle),
        "month": _cents(found.month),
        "embedding_once": _cents(found.once.total) if found.once else None,
        "holds": found.holds,
        "needs": [
            {
                "what": need.what,
                "needed": round(need.needed, 3),
                "given": round(need.given, 3),
                "unit": need.unit,
                "is_met": need.is_met,
            }
            for need in found.needs
        ],
        "cheapest": {
            quantisation: {"month": _cents(choice.month), "settings": list(choice.lines)}
            for quantisation, choice in choices.items()
        },
    }


def _parts(found: Estimate) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("part", no_wrap=True)
    for column in ("idle", "used", "USD a month"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", overflow="fold", style="dim")
    for part in found.parts:
        table.add_row(
            part.name, _dollars(part.idle), _dollars(part.used), _dollars(part.month), escape(part.how)
        )
    used = found.month - found.idle
    table.add_row(
        "[bold]together[/bold]",
        _dollars(found.idle),
        _dollars(used),
        f"[bold]{_dollars(found.month)}[/bold]",
        "",
    )
    return table


def _need_line(need: Need) -> str:
    unit = f" {need.unit}" if need.unit else ""
    line = f"{need.what}: {_number(need.needed)} of {_number(need.given)}{unit}"
    if need.is_met:
        return f"[green]✓[/green] {line}"
    return f"[red]✗[/red] {line}. Raise {need.remedy}."


def _show_choices(found: Estimate, choices: Mapping[Quantisation, Choice]) -> None:
    if not choices:
        console.print("No settings of this kind hold that load.", style="red")
        return
    for quantisation, choice in sorted(choices.items(), key=lambda each: each[1].month):
        quality = "vectors as they are" if quantisation == "none" else f"vectors as {quantisation}"
        console.print(f"Cheapest with {quality}: {_dollars(choice.month)} USD a month", highlight=False)
        for line in choice.lines:
            console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
    console.print(
        f"Zones, copies and managers as {found.environment} has them. What is kept smaller is searched less "
        "exactly: imagesearch evaluate tells how much.",
        style="dim",
        highlight=False,
    )


def _dollars(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def _cents(value: float) -> float:
    return round(value, 2)
