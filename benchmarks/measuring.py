"""Measuring side by side: every variant in every round, so that a busy minute hits them all."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scripts.render import complaints

Say = Callable[[str], None]
"""Told that a step begins."""


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many of a hundred values are not above."""
    return sorted(values)[math.ceil(percent / 100 * len(values)) - 1]


def interleaved(
    variants: Mapping[str, Callable[[], float]], *, repeats: int, say: Say, warmups: int = 1
) -> dict[str, tuple[float, ...]]:
    """Return what each variant measured, `repeats` values of each; the rounds before them are forgotten."""
    values: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(warmups + repeats):
        title = "warm-up" if number < warmups else f"round {number - warmups + 1} of {repeats}"
        for name, measure in variants.items():
            say(f"{title}: {name}")
            values[name].append(measure())
    return {name: tuple(measured[warmups:]) for name, measured in values.items()}


@contextmanager
def progress(part: str, *, steps: int) -> Iterator[Say]:
    """Show on standard error how far a part is; yields what is called when its next step begins."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=complaints) as shown:
        task = shown.add_task(part, total=steps)
        begun = iter(range(steps + 1))

        def say(title: str) -> None:
            shown.update(task, description=f"{part}: {title}", completed=next(begun, steps))

        yield say
        shown.update(task, description=part, completed=steps)
