"""Write the table of costs into a document, between its two comments."""

import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.artifact.catalogue import find_entry
from scripts.costs.estimate import estimate, without_use
from scripts.costs.load import Load
from scripts.generated import replace_block
from stacks import prices
from stacks.settings import ENVIRONMENTS, Settings

BLOCK = "costs"
LOADS = ((100_000, 1_000), (1_000_000, 100_000))
"""Pictures, and searches a day."""


def render() -> str:
    """The table: a row for each environment that is deployed to AWS."""
    names = [f"{_short(pictures)} pictures, {_short(queries)} searches a day" for pictures, queries in LOADS]
    lines = [
        f"| USD a month | idle and empty | {' | '.join(names)} |",
        f"| --- |{' ---: |' * (1 + len(LOADS))}",
    ]
    lines += [f"| {' | '.join(_row(each))} |" for each in ENVIRONMENTS.values() if not each.domain.emulated]
    return "\n".join(
        [
            *lines,
            "",
            f"Estimates from list prices of {prices.REGION}, {prices.AS_OF}, not from a bill; each search "
            f"shows {Load().thumbnails} thumbnails. `imagesearch costs --env prod --pictures 1e6 "
            "--queries-per-day 1e5` shows the parts, what the load needs of memory, disk and model, and the "
            "cheapest settings that hold it.",
        ]
    )


def _row(settings: Settings) -> Iterator[str]:
    yield f"`{settings.name}`"
    yield f"{without_use(settings).idle:,.0f}"
    dimension = find_entry(settings.models[0]).dimension
    for pictures, queries in LOADS:
        load = Load(pictures=pictures, queries_per_day=queries, dimension=dimension)
        found = estimate(settings, load)
        yield f"{found.month:,.0f}" if found.holds else "too small for it"


def _short(count: int) -> str:
    return f"{count // 1_000_000} M" if count >= 1_000_000 else f"{count:,}"


if __name__ == "__main__":
    replace_block(Path(sys.argv[1]), BLOCK, render())
