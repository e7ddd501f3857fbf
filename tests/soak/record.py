"""What a soak leaves behind: `results.json`, from which `docs/soak.md` is made."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.soak.account import Account
from tests.soak.ending import Ending
from tests.soak.recovery import Fault

RESULTS = Path(__file__).with_name("results.json")
SHOWN = 20
"""How many wrong answers are told in full."""

Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Course:
    """How the run went as a whole: what was asked of it, and for how many seconds it went on.

    ``loads`` are the machine's load averages, one a minute, whoever made them.
    """

    seed: int
    minutes: float
    seconds: float
    faults_due: int
    is_cut_short: bool
    loads: tuple[float, ...]


def record_of(
    course: Course,
    account: Account,
    faults: Sequence[Fault],
    windows: Sequence[tuple[float, float]],
    ending: Ending | None,
    *,
    about: Mapping[str, Any],
) -> Record:
    """The whole record; without an ending it says nothing of the index."""
    promises = promises_of(course, account, faults, ending)
    return {
        **about,
        **asdict(course),
        "is_kept": all(count == 0 for count in promises.values()),
        "promises": promises,
        "requests": {kind: dict(counts) for kind, counts in sorted(account.outcomes().items())},
        "codes": dict(account.codes()),
        "wrong": account.wrong()[:SHOWN],
        "broken": account.broken,
        "milliseconds": {
            "outside": spread(account.milliseconds(windows=windows, inside=False)),
            "during": spread(account.milliseconds(windows=windows, inside=True)),
        },
        "writes": dict(account.writes),
        "bulk": dict(account.bulk),
        "settled": account.settled,
        "faults": [asdict(fault) for fault in faults],
        "ending": None if ending is None else asdict(ending),
    }


def promises_of(
    course: Course, account: Account, faults: Sequence[Fault], ending: Ending | None
) -> dict[str, int]:
    """How often each promise was broken; a run that was cut short has shown nothing of the last ones."""
    counts = {
        "wrong answers": len(account.wrong()),
        "faults without recovery": sum(not fault.is_over for fault in faults),
        "trouble of the soak itself": len(account.broken),
    }
    if ending is None:
        return {**counts, "ended before its time": 1}
    differences = ending.differences
    return {
        "lost documents": len(differences.lost),
        "orphaned documents": len(differences.orphaned),
        "stale documents": len(differences.stale),
        "dead letters": ending.dead_letters,
        "events never handled": int(ending.drained_after is None),
        "differences that reconcile finds": sum(ending.reconcile.values()),
        "faults that were due and did not happen": course.faults_due - len(faults),
        **counts,
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """How many values there are, and what half and 95 of 100 of them do not exceed."""
    ordered = sorted(values)

    def percentile(share: float) -> float:
        return round(ordered[math.ceil(share * len(ordered)) - 1], 1)

    return {"count": len(ordered), **({"p50": percentile(0.5), "p95": percentile(0.95)} if ordered else {})}


def read(path: Path = RESULTS) -> Record:
    """The record that lies there."""
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    return record


def write(record: Record, path: Path = RESULTS) -> None:
    """Keep the record, its fractions cut to what a clock can tell."""
    text = json.dumps(_rounded(record), indent=2, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", encoding="utf-8")


def _rounded(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {name: _rounded(value) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [_rounded(value) for value in node]
    return round(node, 2) if isinstance(node, float) else node
