"""`python -m benchmarks [PART …]`: measure the parts named, or all, and write them into results.json."""

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from benchmarks import (
    bulk_run,
    cold_start,
    index_memory,
    indexing,
    linear_cost,
    load,
    machine,
    page_drawing,
    peak,
    queries,
    query_function,
    rendering,
    results,
    runtimes,
    serving,
)
from scripts.errors import CommandError
from scripts.render import complaints

PICTURES = 20_000


def parts(pictures: int) -> Mapping[str, Callable[[], results.Section]]:
    """Return what measures each part, in the order in which all are measured."""
    return {
        indexing.PART: indexing.measure,
        index_memory.PART: index_memory.measure,
        bulk_run.PART: lambda: bulk_run.measure(pictures),
        peak.PART: peak.measure,
        runtimes.PART: runtimes.measure,
        serving.PART: serving.measure,
        load.PART: load.measure,
        queries.PART: queries.measure,
        query_function.PART: query_function.measure,
        cold_start.PART: cold_start.measure,
        linear_cost.PART: linear_cost.measure,
        page_drawing.PART: page_drawing.measure,
    }


def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PART]…", help="Which parts; else all, and an unknown one lists them."),
    ] = None,
    pictures: Annotated[int, typer.Option(min=1, help="How many pictures the bulk run embeds.")] = PICTURES,
) -> None:
    """Measure, replace the parts' sections of results.json, and print the table."""
    known = parts(pictures)
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise CommandError("part_unknown", f"There is no part {unknown[0]}: name one of {', '.join(known)}.")
    document = results.read()
    for name in names or known:
        about = machine.about()
        section = results.section_document(known[name](), about=about)
        document = results.replace_section(name, section)
    rendering.show(document)


if __name__ == "__main__":
    try:
        typer.run(main)
    except CommandError as error:
        complaints.print(f"{error.code}: {error.message}", highlight=False, soft_wrap=True)
        raise SystemExit(1) from error
