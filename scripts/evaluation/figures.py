"""What a run comes to, how two runs differ, and whether it is good enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.errors import CommandError
from scripts.evaluation.intervals import Interval, interval
from scripts.evaluation.measures import MEASURES
from scripts.evaluation.runs import Asked, Run

RANKED_BY = "ndcg"
"""The measure by which queries count as failed, better or worse: it sees every rank and every grade."""
_SAME = 1e-9


@dataclass(frozen=True, kw_only=True)
class Minimum:
    """A measure, such as ``recall@10``, and what it must reach."""

    name: str
    least: float


@dataclass(frozen=True, kw_only=True)
class Change:
    """A query that two runs answer differently, by ``RANKED_BY``."""

    query: Asked
    before: Asked
    difference: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs over the queries that both asked; differences are this run's less the other's.

    ``changes`` has the largest loss first and the largest gain last.
    """

    against: Run
    queries: int
    figures: Mapping[str, tuple[Interval, Interval, Interval]]
    changes: Sequence[Change]

    @property
    def worse(self) -> Sequence[Change]:
        """The queries that lost, the greatest loss first."""
        return [change for change in self.changes if change.difference < 0]

    @property
    def better(self) -> Sequence[Change]:
        """The queries that gained, the greatest gain first."""
        return [change for change in reversed(self.changes) if change.difference > 0]


def value(name: str, asked: Asked, k: int) -> float:
    """One measure of one query."""
    return MEASURES[name](asked.ranking, asked.relevant, k)


def figures(run: Run) -> dict[str, Interval]:
    """Every measure of a run, named as in ``recall@10``."""
    return {
        f"{name}@{run.k}": interval([value(name, asked, run.k) for asked in run.queries]) for name in MEASURES
    }


def failures(run: Run) -> list[tuple[Asked, float]]:
    """The queries that were not answered perfectly, the worst first."""
    valued = [(asked, value(RANKED_BY, asked, run.k)) for asked in run.queries]
    return sorted((each for each in valued if each[1] < 1 - _SAME), key=lambda each: each[1])


def compare(run: Run, against: Run) -> Comparison:
    """Compare two runs. CommandError ``runs_differ`` where they cannot be."""
    if run.k != against.k:
        raise CommandError(
            "runs_differ", f"One run asked for {run.k} hits, the other for {against.k}: use the same --k."
        )
    before = {asked.identity: asked for asked in against.queries}
    pairs = [(asked, before[asked.identity]) for asked in run.queries if asked.identity in before]
    if not pairs:
        raise CommandError("runs_differ", "The two runs have no query in common.")
    if changed := [asked.query for asked, other in pairs if asked.relevant != other.relevant]:
        raise CommandError(
            "runs_differ",
            f"The labels of {len(changed)} queries have changed since, first of {changed[0]!r}: ask again.",
        )
    return Comparison(
        against=against,
        queries=len(pairs),
        figures={f"{name}@{run.k}": _paired(name, pairs, run.k) for name in MEASURES},
        changes=_changes(pairs, run.k),
    )


def missed(found: Mapping[str, Interval], minima: Sequence[Minimum]) -> list[str]:
    """What did not reach its minimum, as sentences. CommandError ``measure_unknown``."""
    for minimum in minima:
        if minimum.name not in found:
            raise CommandError(
                "measure_unknown", f"{minimum.name} is not measured here; these are: {', '.join(found)}."
            )
    return [
        f"{minimum.name} is {found[minimum.name].mean:.3f}, less than {minimum.least:g}."
        for minimum in minima
        if found[minimum.name].mean < minimum.least
    ]


def minimum_of(text: str) -> Minimum:
    """What an option such as ``recall@10=0.8`` says. CommandError ``minimum_invalid``."""
    name, _, number = text.partition("=")
    try:
        least = float(number)
    except ValueError:
        least = -1.0
    if not 0 <= least <= 1 or not name:
        raise CommandError(
            "minimum_invalid", f"{text!r} is no minimum: say one from 0 to 1 as in recall@10=0.8."
        )
    return Minimum(name=name.strip().lower(), least=least)


def _paired(name: str, pairs: Sequence[tuple[Asked, Asked]], k: int) -> tuple[Interval, Interval, Interval]:
    after = [value(name, asked, k) for asked, _ in pairs]
    before = [value(name, asked, k) for _, asked in pairs]
    gains = [one - other for one, other in zip(after, before, strict=True)]
    return interval(before), interval(after), interval(gains)


def _changes(pairs: Sequence[tuple[Asked, Asked]], k: int) -> list[Change]:
    changes = (
        Change(
            query=asked,
            before=before,
            difference=value(RANKED_BY, asked, k) - value(RANKED_BY, before, k),
        )
        for asked, before in pairs
    )
    return sorted(
        (change for change in changes if abs(change.difference) > _SAME), key=lambda change: change.difference
    )
