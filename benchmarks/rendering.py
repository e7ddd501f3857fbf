"""The results as a table on a terminal."""

from rich.table import Table

from benchmarks.results import Aim, Document
from scripts.render import console


def show(document: Document) -> None:
    """Print every named ratio with its figures and its aim, and where each part was measured."""
    table = Table(box=None, pad_edge=False)
    for column in ("part", "ratio"):
        table.add_column(column)
    for column in ("value", "aim"):
        table.add_column(column, justify="right")
    table.add_column("of", overflow="fold")
    for part, section in sorted(document.items()):
        for name, ratio in sorted(section["ratios"].items()):
            aim = Aim(value=ratio["aim"]["value"], is_most=ratio["aim"]["is_most"])
            style = None if ratio["aim"]["is_met"] else "yellow"
            table.add_row(part, name, f"{ratio['value']:.3f}", str(aim), _of(section, ratio), style=style)
    console.print(table)
    for part, section in sorted(document.items()):
        machine = section["machine"]
        console.print(
            f"{part}: {section['date']}, {machine['cores']} cores of {machine['processor']}, "
            f"load before {machine['load_before']}",
            style="dim",
            highlight=False,
        )


def _of(section: Document, ratio: Document) -> str:
    """Return the two figures of a ratio, in their units."""
    sides = (ratio["numerator"], ratio["denominator"])
    return " / ".join(
        f"{side['median']:.4g} {section['figures'][side['figure']]['unit']} ({side['figure']})"
        for side in sides
    )
