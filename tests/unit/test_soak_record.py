"""What a soak promises, when a promise counts as broken, and the page that tells of it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.repository import ROOT
from tests.soak import page, record
from tests.soak.account import Account
from tests.soak.ending import Differences, Ending, against_ledger, compare, drain
from tests.soak.ledger import Version
from tests.soak.ledgers import Clock
from tests.soak.oracle import RIGHT, Verdict
from tests.soak.plan import Kind
from tests.soak.record import Course, Record, record_of, spread
from tests.soak.recovery import Fault

COURSE = Course(seed=1, minutes=1, seconds=60.0, faults_due=1, is_cut_short=False, loads=(1.5,))
FAULT = Fault(kind=Kind.DISK_FULL, at=70.0, lasted=9.0, searches=0.0, new_pictures=4.0, pictures_amid=180.0)
SAME = Differences(lost=(), orphaned=(), stale=())
ENDING = Ending(
    objects=3,
    drained_after=5.0,
    dead_letters=0,
    differences=SAME,
    reconcile={"missing": 0, "stale": 0, "orphaned": 0},
)
ABOUT = {"date": "2026-03-01", "machine": {"cores": 2, "processor": "P", "memory_gib": 8.0}}
WRONG = Verdict(outcome="wrong", code="200", reason="a picture twice")
REFUSED = Verdict(outcome="refused", code="503 deadline")


def soaked(
    *,
    course: Course = COURSE,
    faults: tuple[Fault, ...] = (FAULT,),
    ending: Ending | None = ENDING,
    verdicts: tuple[Verdict, ...] = (RIGHT, REFUSED),
    broken: tuple[str, ...] = (),
) -> Record:
    account = Account(broken=list(broken))
    for verdict in verdicts:
        account.add("text", 0.0, verdict)
    return record_of(course, account, faults, [], ending, about=ABOUT)


def differing(**found: tuple[str, ...]) -> Ending:
    return replace(ENDING, differences=replace(SAME, **found))


BROKEN: dict[str, Callable[[], Record]] = {
    "lost documents": lambda: soaked(ending=differing(lost=("a",))),
    "orphaned documents": lambda: soaked(ending=differing(orphaned=("a",))),
    "stale documents": lambda: soaked(ending=differing(stale=("a",))),
    "dead letters": lambda: soaked(ending=replace(ENDING, dead_letters=1)),
    "events never handled": lambda: soaked(ending=replace(ENDING, drained_after=None)),
    "differences that reconcile finds": lambda: soaked(ending=replace(ENDING, reconcile={"stale": 1})),
    "wrong answers": lambda: soaked(verdicts=(RIGHT, WRONG)),
    "faults without recovery": lambda: soaked(faults=(replace(FAULT, pictures_amid=None),)),
    "faults that were due and did not happen": lambda: soaked(faults=()),
    "trouble of the soak itself": lambda: soaked(broken=("writer: OSError()",)),
    "ended before its time": lambda: soaked(ending=None, course=replace(COURSE, is_cut_short=True)),
}


def test_a_soak_in_which_everything_went_as_promised_kept_every_promise() -> None:
    kept = soaked()
    assert kept["is_kept"]
    assert kept["requests"] == {"text": {"right": 1, "refused": 1}}
    assert kept["codes"] == {"503 deadline": 1}


@pytest.mark.parametrize(("promise", "soak"), BROKEN.items(), ids=BROKEN)
def test_one_thing_that_was_not_as_promised_breaks_it(promise: str, soak: Callable[[], Record]) -> None:
    seen = soak()
    assert not seen["is_kept"]
    assert {name for name, count in seen["promises"].items() if count} == {promise}
    assert promise in page.render(json.loads(json.dumps(seen)))


def test_every_promise_was_tried_above() -> None:
    assert {*soaked()["promises"], "ended before its time"} == BROKEN.keys()


def test_the_page_tells_of_faults_that_were_never_recovered_from() -> None:
    told = page.render(soaked(faults=(FAULT, replace(FAULT, searches=None, new_pictures=None))))
    assert "| 1:10 | disk nearly full | 9.0 |  | 0.0 | 4.0 | 180.0 |" in told
    assert "| 1:10 | disk nearly full | 9.0 |  | never | never | 180.0 |" in told
    assert "| disk nearly full | 2 |  | 0.0 (0.0, 1 never) |" in told


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    seen = soaked()
    record.write(seen, tmp_path / "new" / "r.json")
    read = record.read(tmp_path / "new" / "r.json")
    assert {**read, "milliseconds": 0} == json.loads(json.dumps({**seen, "milliseconds": 0}))


def test_the_document_is_current() -> None:
    written = (ROOT / "docs" / "soak.md").read_text(encoding="utf-8")
    assert written == page.render(record.read()), "run `make docs`"


def test_a_spread_is_of_values_that_there_were() -> None:
    assert spread([]) == {"count": 0}
    assert spread([float(value) for value in range(1, 101)]) == {"count": 100, "p50": 50.0, "p95": 95.0}


def test_times_of_answers_are_told_apart_by_what_they_met() -> None:
    account = Account()
    for started in (0.0, 10.0):
        account.add("text", started, RIGHT)
    account.requests[:] = [replace(each, seconds=2.0) for each in account.requests]
    assert account.milliseconds(windows=[(1.0, 5.0)], inside=True) == [2000.0]
    assert account.milliseconds(windows=[(1.0, 5.0)], inside=False) == [2000.0]
    assert account.milliseconds(windows=[], inside=True) == []


def test_a_thread_that_ends_by_an_error_breaks_the_soak() -> None:
    account = Account()
    with account.watching("writer"):
        raise OSError("gone")
    assert account.broken == ["writer: OSError('gone')"]


A, B, C = "soak/a.jpg", "soak/b.jpg", "soak/c.jpg"
OBJECTS = {A: "1", f"{A}.json": "8", B: "2"}
EXPECTED = {A: Version(etag="1", tags=("t",)), B: Version(etag="2", is_damaged=True), C: Version()}
DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"key": A, "etag": "1", "sidecar": "8", "state": "indexed", "tags": ["t"]},
    {"key": B, "etag": "2", "state": "rejected"},
)


def test_documents_that_say_what_the_bucket_holds_differ_in_nothing() -> None:
    assert compare(OBJECTS, EXPECTED, DOCUMENTS) == SAME
    assert against_ledger(OBJECTS, EXPECTED) == []


@pytest.mark.parametrize(
    ("change", "differences"),
    [
        ({"etag": "0"}, replace(SAME, stale=(A,))),
        ({"sidecar": "0"}, replace(SAME, stale=(A,))),
        ({"sidecar": None}, replace(SAME, stale=(A,))),
        ({"state": "rejected"}, replace(SAME, stale=(A,))),
        ({"tags": ["u"]}, replace(SAME, stale=(A,))),
        ({"key": C}, replace(SAME, lost=(A,), orphaned=(C,))),
    ],
)
def test_a_document_that_says_something_else_is_told(
    change: dict[str, Any], differences: Differences
) -> None:
    assert compare(OBJECTS, EXPECTED, ({**DOCUMENTS[0], **change}, DOCUMENTS[1])) == differences


@pytest.mark.parametrize("objects", [{A: "1"}, {A: "0", B: "2"}, {**OBJECTS, C: "3"}])
def test_a_bucket_that_is_not_what_was_written_is_told(objects: dict[str, str]) -> None:
    assert against_ledger(objects, EXPECTED)


class Queue:
    """Says how many messages wait; time passes by asking."""

    def __init__(self, *counts: int) -> None:
        self._counts: Iterator[int] = iter(counts)
        self.clock = Clock(now=0.0)

    def waiting(self) -> int:
        self.clock.now += 1
        return next(self._counts, 0)


def test_a_queue_is_empty_once_it_has_been_so_for_a_while() -> None:
    queue = Queue(2, 0, 0, 1, 0)
    pauses: list[float] = []
    assert drain(queue.waiting, clock=queue.clock, pause=pauses.append) == 4
    assert len(pauses) > 4


def test_a_queue_that_is_never_empty_is_told() -> None:
    queue = Queue(*([1] * 5000))
    assert drain(queue.waiting, clock=queue.clock, pause=lambda _: None) is None
