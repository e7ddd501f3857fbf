"""How hits look on a terminal."""

from collections.abc import Iterator
from textwrap import shorten

from rich.markup import escape
from rich.table import Table

from imagesearch.models import AttributeValue
from imagesearch_client import Hit, SearchResult
from scripts.render import console

DESCRIPTION_CHARACTERS = 60
VALUES_SHOWN = 10


def show_result(result: SearchResult, *, title: str) -> None:
    """Print ranked hits, then what was counted and the time by part.

    Columns tell what is said of the pictures, and what found them, where there is anything to tell.
    """
    told = {
        "title · caption": [_said_of(hit) for hit in result.hits],
        "found by": [matched_by(hit) for hit in result.hits] if _tells_ways(result) else [],
    }
    columns = {name: cells for name, cells in told.items() if any(cells)}
    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    for column, justify in (("", "right"), ("score", "right"), ("picture", "left"), ("size", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for column in columns:
        table.add_column(column)
    for rank, hit in enumerate(result.hits, start=1):
        besides = (escape(cells[rank - 1]) for cells in columns.values())
        table.add_row(str(rank), f"{hit.score:.3f}", _picture(hit), f"{hit.width}×{hit.height}", *besides)
    console.print(table)
    for line in _counted(result):
        console.print(escape(line), highlight=False, soft_wrap=True)
    console.print(" · ".join(_summary(result)), style="dim", highlight=False, soft_wrap=True)


def matched_by(hit: Hit) -> str:
    """The ways that found a hit, the strongest first, with what each gave where the API explains it."""
    given = hit.explain or {}
    return " · ".join(f"{way} {given[way]:.3f}" if way in given else way for way in hit.matched)


def counts_of(result: SearchResult) -> Iterator[tuple[str, str]]:
    """Every field that was counted, and its most frequent values."""
    for name, counts in result.facets.items():
        values = [f"{written(each.value)} ({each.count})" for each in counts[:VALUES_SHOWN]]
        more = [f"and {len(counts) - VALUES_SHOWN} more"] if len(counts) > VALUES_SHOWN else []
        yield name, " · ".join([*values, *more])


def written(value: AttributeValue) -> str:
    """The value of an attribute, as one would write it in a condition."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).removesuffix(".0") if isinstance(value, float) else value


def _tells_ways(result: SearchResult) -> bool:
    ways = {way for hit in result.hits for way in hit.matched}
    return len(ways) > 1 or any(hit.explain for hit in result.hits)


def _picture(hit: Hit) -> str:
    return "\n".join([escape(hit.key), *(f"[dim]≈ {escape(each.key)}[/dim]" for each in hit.duplicates)])


def _said_of(hit: Hit) -> str:
    """Return title and caption, cut to one line."""
    text = " · ".join(filter(None, (hit.title, hit.caption)))
    return shorten(text, DESCRIPTION_CHARACTERS, placeholder=" …")


def _counted(result: SearchResult) -> Iterator[str]:
    for name, counts in counts_of(result):
        yield f"{name}: {counts or 'no values'}"


def _summary(result: SearchResult) -> Iterator[str]:
    yield from (f"{part} {ms:.0f} ms" for part, ms in result.took_ms.items())
    if result.threshold is not None:
        yield f"scores from {result.threshold:.3f}"
    if result.cursor is not None:
        yield "more with --limit N or --all"
