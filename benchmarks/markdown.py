"""Markdown as the generated documents write it."""

import textwrap
from collections.abc import Iterable, Sequence

_LINE = 120


def prose(text: str) -> str:
    """Return a paragraph with its lines broken."""
    return textwrap.fill(text, _LINE, break_long_words=False, break_on_hyphens=False)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    rule = "|" + "---|" * len(headings)
    return "\n".join([_row(headings), rule, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
