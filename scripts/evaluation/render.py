"""How an evaluation looks on a terminal, and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from scripts.evaluation.figures import RANKED_BY, Change, Comparison, failures
from scripts.evaluation.intervals import Interval
from scripts.evaluation.runs import Run
from scripts.render import console

NAMED = 5
EXACT = "graph against exact"


def show_figures(run: Run, found: Mapping[str, Interval], exact: Interval | None) -> None:
    """Print the measures with their intervals, and the queries that went worst."""
    table = _table(f"{run.name}: {len(run.queries)} queries", "measure", "mean", "95 % interval")
    rows = [*found.items(), *([(EXACT, exact)] if exact else [])]
    for name, each in rows:
        table.add_row(name, f"{each.mean:.3f}", f"{each.low:.3f} to {each.high:.3f}")
    console.print(table)
    failed = failures(run)
    console.print(
        f"{len(failed)} of {len(run.queries)} queries were not answered perfectly.", highlight=False
    )
    for asked, value in failed[:NAMED]:
        console.print(f"  {RANKED_BY} {value:.2f}  {escape(asked.query)}", highlight=False, soft_wrap=True)


def show_comparison(comparison: Comparison) -> None:
    """Print two runs side by side, and the queries that changed most."""
    title = f"against {comparison.against.name}: {comparison.queries} queries in common"
    table = _table(title, "measure", "before", "now", "difference", "95 % interval")
    for name, (before, after, gain) in comparison.figures.items():
        means = (f"{before.mean:.3f}", f"{after.mean:.3f}", f"{gain.mean:+.3f}")
        table.add_row(name, *means, f"{gain.low:+.3f} to {gain.high:+.3f}")
    console.print(table)
    console.print(f"{len(comparison.better)} better, {len(comparison.worse)} worse.", highlight=False)
    for change in (*comparison.worse[:NAMED], *comparison.better[:NAMED]):
        line = f"  {RANKED_BY} {change.difference:+.2f}  {escape(change.query.query)}"
        console.print(line, highlight=False, soft_wrap=True)


def document(
    run: Run, found: Mapping[str, Interval], *, comparison: Comparison | None, exact: Interval | None
) -> dict[str, Any]:
    """The same as JSON."""
    measured = {name: _of(each) for name, each in found.items()}
    written: dict[str, Any] = {
        "name": run.name,
        "index": run.index,
        "fingerprint": run.fingerprint,
        "queries": len(run.queries),
        "measures": measured,
        "failures": [{"query": asked.query, RANKED_BY: value} for asked, value in failures(run)],
    }
    if exact is not None:
        written["exact"] = _of(exact)
    if comparison is not None:
        written["comparison"] = {
            "against": comparison.against.name,
            "queries": comparison.queries,
            "differences": {name: _of(gain) for name, (_, _, gain) in comparison.figures.items()},
            "worse": _changes(comparison.worse),
            "better": _changes(comparison.better),
        }
    return written


def _of(each: Interval) -> dict[str, float]:
    return {"mean": each.mean, "low": each.low, "high": each.high}


def _changes(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [{"query": change.query.query, "difference": change.difference} for change in changes]


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    table.add_column(first)
    for column in others:
        table.add_column(column, justify="right")
    return table
