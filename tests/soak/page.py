"""Write `docs/soak.md` from what the last soak saw: `python -m tests.soak.page > docs/soak.md`."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import Any

from benchmarks.markdown import prose, table
from tests.soak.pictures import BULK_COUNT, CHANGING_COUNT, STEADY_COUNT
from tests.soak.record import Record, read

INTRODUCTION = """
`make soak` deploys the local environment, breaks a part of it every minute while pictures are written
and searched, and compares index and bucket when all is over. Every answer is judged
(`tests/soak/oracle.py`). `make docs` writes this page from `tests/soak/results.json`, which the last run
left; all of it is told, what was not as promised included.
"""
RECOVERY = """
Seconds from the end of the fault, which is when what was broken may come back: OpenSearch is started,
the model server is dead (the platform starts it again when it is next asked), the network is itself, the
disk has room (OpenSearch looks every ten seconds). “Part back” is when OpenSearch answered by itself.
“New pictures”: one is found of those that were put, one every three seconds, once searches worked again.
“Pictures amid”: one is found that was put while the fault was in force; an event that fails is delivered
again after the queue's visibility timeout, here three minutes.
"""
OUTCOMES = """
Refused is what the API documents for what passes by itself: 429, 503 or 504 with a code, and
`Retry-After`. Anything else but a right answer is wrong, no answer too.
"""
_RECOVERIES = ("part_back", "searches", "new_pictures", "pictures_amid")
_OUTCOMES = ("right", "refused", "wrong")


def render(record: Record) -> str:
    """The whole page."""
    return "\n\n".join(_parts(record)) + "\n"


def _parts(record: Record) -> Iterator[str]:
    yield "# Soak"
    yield prose(INTRODUCTION.strip())
    yield _course(record)
    yield "## What was promised"
    yield table(
        ("", "times broken"), ((name, str(count)) for name, count in sorted(record["promises"].items()))
    )
    troubles = [*record["wrong"], *record["broken"]]
    if troubles:
        yield "\n".join(f"- {trouble}" for trouble in troubles)
    yield "## What was broken, and how long it took to recover"
    yield prose(RECOVERY.strip())
    yield _kinds(record["faults"])
    yield _faults(record["faults"])
    yield "## What was asked, and what came back"
    yield prose(OUTCOMES.strip())
    yield _requests(record["requests"])
    yield _codes(record["codes"])
    yield _times(record["milliseconds"])


def _course(record: Record) -> str:
    machine, loads = record["machine"], record["loads"] or [0.0]
    ended = "; it was cut short" if record["is_cut_short"] else ""
    bulk = record["bulk"]
    counted = ", ".join(f"{count} {name}" for name, count in sorted(record["writes"].items()))
    where = f"{machine['cores']} cores ({machine['processor']}, {machine['memory_gib']:g} GiB)"
    said = (
        f"{record['date']}, seed {record['seed']}, {record['minutes']:g} minutes{ended}, on {where},",
        f"load average {min(loads):.1f} to {max(loads):.1f}, whoever made it.",
        f"{STEADY_COUNT} pictures stayed as they were; writers changed {CHANGING_COUNT} others ({counted};",
        f"{record['settled']} states in all were seen to have settled before the next change);",
        f"{bulk.get('runs', 0)} bulk runs, {bulk.get('resumed', 0)} times resumed, brought back",
        f"{BULK_COUNT} pictures each time that the index had lost them. {_ending(record['ending'])}",
    )
    return prose(" ".join(said))


def _ending(ending: Mapping[str, Any] | None) -> str:
    if ending is None:
        return "Index and bucket were not compared."
    drained = ending["drained_after"]
    waited = "never" if drained is None else f"after {drained:.0f} s"
    return f"The queue was empty {waited}; {ending['objects']} objects were compared with the index."


def _kinds(faults: Sequence[Mapping[str, Any]]) -> str:
    ordered = sorted(faults, key=lambda fault: str(fault["kind"]))
    rows = []
    for kind, some in groupby(ordered, key=lambda fault: fault["kind"]):
        each = list(some)
        rows.append(
            (kind, str(len(each)), *(_spread([fault[name] for fault in each]) for name in _RECOVERIES))
        )
    headings = ("fault", "times", "part back", "searches", "new pictures", "pictures amid")
    return f"Median, and the longest in brackets:\n\n{table(headings, rows)}"


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    missing = f", {len(values) - len(known)} never" if len(known) < len(values) else ""
    return f"{median(known):.1f} ({max(known):.1f}{missing})"


def _faults(faults: Sequence[Mapping[str, Any]]) -> str:
    headings = ("at", "fault", "lasted", "part back", "searches", "new pictures", "pictures amid")
    rows = (
        (
            f"{int(fault['at'] // 60)}:{int(fault['at'] % 60):02}",
            fault["kind"],
            f"{fault['lasted']:.1f}",
            "" if fault["part_back"] is None else f"{fault['part_back']:.1f}",
            *("never" if fault[name] is None else f"{fault[name]:.1f}" for name in _RECOVERIES[1:]),
        )
        for fault in faults
    )
    return table(headings, rows)


def _requests(requests: Mapping[str, Mapping[str, int]]) -> str:
    rows = [(kind, *(str(counts.get(name, 0)) for name in _OUTCOMES)) for kind, counts in requests.items()]
    totals = [sum(counts.get(name, 0) for counts in requests.values()) for name in _OUTCOMES]
    return table(("request", *_OUTCOMES), [*rows, ("all", *map(str, totals))])


def _codes(codes: Mapping[str, int]) -> str:
    return table(("refused with", "times"), ((code, str(count)) for code, count in sorted(codes.items())))


def _times(milliseconds: Mapping[str, Mapping[str, float]]) -> str:
    rows = (
        (
            when,
            f"{each['count']:.0f}",
            *(f"{each[name]:.0f}" if name in each else "" for name in ("p50", "p95")),
        )
        for when, each in (
            ("outside of faults", milliseconds["outside"]),
            ("from a fault's beginning to recovery", milliseconds["during"]),
        )
    )
    return f"Milliseconds of right answers:\n\n{table(('', 'answers', 'p50', 'p95'), rows)}"


if __name__ == "__main__":
    sys.stdout.write(render(read()))
