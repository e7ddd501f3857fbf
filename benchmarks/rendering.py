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
            style = None if is_met(ratio) else "yellow"
            table.add_row(
                part, name, f"{ratio['value']:.3f}", aim_text(ratio), of_text(section, ratio), style=style
            )
    console.print(table)
    for part, section in sorted(document.items()):
        machine = section["machine"]
        console.print(
            f"{part}: {section['date']}, {machine['cores']} cores of {machine['processor']}, "
            f"load before {machine['load_before']}",
            style="dim",
            highlight=False,
        )


def is_met(ratio: Document) -> bool:
    """Return whether the ratio is as it should be, or has no aim."""
    return ratio["aim"] is None or bool(ratio["aim"]["is_met"])


def aim_text(ratio: Document) -> str:
    """Return what the ratio should be, or nothing."""
    aim = ratio["aim"]
    return str(Aim(value=aim["value"], is_most=aim["is_most"])) if aim else ""


def of_text(section: Document, ratio: Document) -> str:
    """Return the two figures of a ratio, in their units."""
    sides = (ratio["numerator"], ratio["denominator"])
    return " / ".join(
        f"{side['median']:.4g} {section['figures'][side['figure']]['unit']} ({side['figure']})"
        for side in sides
    )
