"""Telling the person at the terminal what was done, and how long each step took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scripts.render import console

Say = Callable[[str], None]


@contextmanager
def step(say: Say, title: str) -> Iterator[None]:
    """Say ``title`` with the seconds that the block took, once it has succeeded."""
    began = time.monotonic()
    yield
    say(f"{title} ({time.monotonic() - began:.1f} s)")


def print_line(line: str) -> None:
    """Print a finished step."""
    console.print(f"[green]✓[/green] {line}", highlight=False)


def download_progress(say: Say) -> Callable[[int, int], None]:
    """A listener of (done, total) that says a line at the start and at every quarter."""
    said: set[int] = set()

    def listen(done: int, total: int) -> None:
        quarter = 4 * done // total
        if quarter not in said:
            said.add(quarter)
            say(f"OpenSearch: {done} of {total} parts downloaded")

    return listen
