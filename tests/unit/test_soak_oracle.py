"""The soak's verdicts: each kind of wrong answer is told from the right ones beside it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from imagesearch.entrypoints.openapi import document
from imagesearch.models import document_id
from imagesearch_client import SearchResult
from tests.soak.ledger import NOTHING, Ledger, Version
from tests.soak.ledgers import Clock, shown
from tests.soak.oracle import Answered, Asked, Oracle, Truth, Verdict

STEADY = {f"soak/steady/{seed}.jpg": Version(etag=str(seed), seed=seed, tags=("g",)) for seed in (1, 2)}
CHANGED, DELETED, DAMAGED = "soak/changing/1.jpg", "soak/changing/2.jpg", "soak/changing/3.jpg"
FIRST, SECOND = STEADY
TRUTH = Truth(index="images-1", fingerprint="f" * 64, dimension=2, rankings={"a map": (FIRST, SECOND)})
SEARCH = Asked(route="/search", method="POST", started=0.0)
IMAGE = Asked(route="/images/{id}", method="GET", started=0.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    """Two steady pictures; others that were replaced, deleted and damaged, all settled."""
    ledger = Ledger(settle_seconds=40, clock=clock)
    contents = {
        **STEADY,
        CHANGED: Version(etag="5", seed=5, tags=("h",)),
        DELETED: NOTHING,
        DAMAGED: Version(etag="7", is_damaged=True),
    }
    for key, version in contents.items():
        for each in (Version(etag="before"), version):
            with ledger.writing(key, each):
                pass
    clock.now += 40
    for key, version in contents.items():
        state = None if version.etag is None else shown(version, key)
        assert ledger.observe(key, state, asked=clock.now)
    clock.now += 1
    return ledger


@pytest.fixture
def oracle(ledger: Ledger) -> Oracle:
    return Oracle(ledger=ledger, truth=TRUTH, openapi=document("key"))


def hit(key: str, score: float = 0.5, tags: tuple[str, ...] | None = None, **more: Any) -> dict[str, Any]:
    version = STEADY.get(key, Version(tags=("h",)))
    return {
        "id": document_id(key),
        "key": key,
        "score": score,
        "url": "https://bucket.example/1.jpg",
        "thumbnail_url": "thumbnails/1",
        "width": 1,
        "height": 1,
        "content_type": "image/jpeg",
        "size": 1,
        "last_modified": "2026-03-01T00:00:00Z",
        "matched": ["picture"],
        "tags": list(version.tags if tags is None else tags),
        **more,
    }


def found(*hits: dict[str, Any], **more: Any) -> Answered:
    body = {
        "hits": list(hits),
        "found": len(hits),
        "took_ms": {},
        "model": {"fingerprint": TRUTH.fingerprint},
        "index": TRUTH.index,
        **more,
    }
    return Answered(status=200, body=body)


def refused(status: int, code: str, **headers: str) -> Answered:
    body = {"error": {"code": code, "message": "Why."}, "request_id": "1"}
    return Answered(status=status, body=body, headers=headers)


def judged(oracle: Oracle, clock: Clock, asked: Asked, answered: Answered) -> Verdict:
    return oracle.judge(replace(asked, started=clock.now), answered)


BOTH = found(hit(FIRST, 0.9), hit(SECOND, 0.8))
GROUP = frozenset(STEADY)
RIGHT = {
    "hits": (SEARCH, BOTH),
    "none": (SEARCH, found()),
    "its own picture": (replace(SEARCH, own=FIRST), found(hit(FIRST, 0.99995), hit(SECOND, 0.8))),
    "by its filter": (replace(SEARCH, tag="g", prefix="soak/steady/", group=GROUP), BOTH),
    "fixed text": (replace(SEARCH, ranked="a map"), BOTH),
    "vectors": (replace(SEARCH, with_vectors=True), found(hit(FIRST, embedding=[0.6, 0.8]))),
    "what resembles another": (replace(SEARCH, like=FIRST), found(hit(SECOND))),
}
WRONG = {
    "no answer": (SEARCH, Answered(trouble="timed out")),
    "no JSON object": (SEARCH, Answered(status=200, body="oops")),
    "a hit without its key": (SEARCH, found({"score": 1})),
    "another model": (SEARCH, found(model={"fingerprint": "e" * 64})),
    "another index": (SEARCH, found(index="images-2")),
    "out of order": (SEARCH, found(hit(FIRST, 0.8), hit(SECOND, 0.9))),
    "a score out of range": (SEARCH, found(hit(FIRST, 1.1))),
    "a picture twice": (SEARCH, found(hit(FIRST), hit(FIRST))),
    "too many": (replace(SEARCH, k=1), BOTH),
    "outside of the prefix": (replace(SEARCH, prefix="soak/changing/"), BOTH),
    "without the tag": (replace(SEARCH, tag="h"), BOTH),
    "never put": (SEARCH, found(hit("soak/never.jpg"))),
    "deleted": (SEARCH, found(hit(DELETED))),
    "damaged": (SEARCH, found(hit(DAMAGED, tags=()))),
    "tags of before": (SEARCH, found(hit(CHANGED, tags=("old",)))),
    "not found by its own picture": (replace(SEARCH, own=FIRST), found(hit(SECOND, 1.0))),
    "not itself": (replace(SEARCH, own=FIRST), found(hit(FIRST, 0.9))),
    "resembling itself": (replace(SEARCH, like=FIRST), BOTH),
    "one of the group lacking": (replace(SEARCH, tag="g", group=GROUP), found(hit(FIRST))),
    "another order": (replace(SEARCH, ranked="a map"), found(hit(SECOND), hit(FIRST))),
    "no vector": (replace(SEARCH, with_vectors=True), found(hit(FIRST))),
    "a vector of another length": (replace(SEARCH, with_vectors=True), found(hit(FIRST, embedding=[1, 1]))),
    "of another dimension": (replace(SEARCH, with_vectors=True), found(hit(FIRST, embedding=[1, 0, 0]))),
    "a fault of the code": (SEARCH, refused(500, "internal")),
    "a function that ended": (SEARCH, refused(502, "internal")),
    "a sound request refused": (SEARCH, refused(400, "request_invalid")),
    "a code that is not documented": (SEARCH, refused(503, "teapot", **{"retry-after": "5"})),
    "a code of another status": (SEARCH, refused(503, "throttled", **{"retry-after": "5"})),
    "no time to come back": (SEARCH, refused(503, "search_unavailable")),
    "an error without a shape": (SEARCH, Answered(status=503, body={"message": "no"})),
    "an error that is no object": (SEARCH, Answered(status=503, body=["no"])),
}


@pytest.mark.parametrize(("asked", "answered"), RIGHT.values(), ids=RIGHT)
def test_a_right_answer_is_right(oracle: Oracle, clock: Clock, asked: Asked, answered: Answered) -> None:
    assert judged(oracle, clock, asked, answered) == Verdict(outcome="right", code="200")


@pytest.mark.parametrize(("asked", "answered"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_wrong(oracle: Oracle, clock: Clock, asked: Asked, answered: Answered) -> None:
    verdict = judged(oracle, clock, asked, answered)
    assert verdict.outcome == "wrong"
    assert verdict.reason


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "search_unavailable"), (503, "model_unavailable"), (503, "deadline"), (429, "throttled")],
)
def test_who_is_told_when_to_come_back_was_refused(
    oracle: Oracle, clock: Clock, status: int, code: str
) -> None:
    verdict = judged(oracle, clock, SEARCH, refused(status, code, **{"retry-after": "5"}))
    assert verdict == Verdict(outcome="refused", code=f"{status} {code}")


def test_a_gateway_that_waited_too_long_says_no_time(oracle: Oracle, clock: Clock) -> None:
    assert judged(oracle, clock, SEARCH, refused(504, "timeout")).outcome == "refused"


@pytest.mark.parametrize(
    ("key", "answered", "outcome"),
    [
        (
            FIRST,
            Answered(status=200, body=json.loads(shown(STEADY[FIRST], FIRST).model_dump_json())),
            "right",
        ),
        (
            FIRST,
            Answered(status=200, body=json.loads(shown(STEADY[FIRST], SECOND).model_dump_json())),
            "wrong",
        ),
        (
            FIRST,
            Answered(status=200, body=json.loads(shown(Version(etag="9"), FIRST).model_dump_json())),
            "wrong",
        ),
        (
            FIRST,
            Answered(status=200, body=json.loads(shown(Version(etag="before"), FIRST).model_dump_json())),
            "wrong",
        ),
        (FIRST, refused(404, "image_unknown"), "wrong"),
        (DELETED, refused(404, "image_unknown"), "right"),
        (
            DELETED,
            Answered(status=200, body=json.loads(shown(Version(etag="before"), DELETED).model_dump_json())),
            "wrong",
        ),
    ],
)
def test_a_picture_is_what_was_put_and_settled(
    oracle: Oracle, clock: Clock, key: str, answered: Answered, outcome: str
) -> None:
    assert judged(oracle, clock, replace(IMAGE, image=key), answered).outcome == outcome


def test_of_what_is_being_changed_both_states_are_right(oracle: Oracle, ledger: Ledger, clock: Clock) -> None:
    before = Answered(
        status=200, body=json.loads(shown(Version(etag="5", tags=("h",)), CHANGED).model_dump_json())
    )
    with ledger.writing(CHANGED, NOTHING):
        assert judged(oracle, clock, replace(IMAGE, image=CHANGED), before).outcome == "right"
    gone = refused(404, "image_unknown")
    assert judged(oracle, clock, replace(IMAGE, image=CHANGED), gone).outcome == "right"
    assert judged(oracle, clock, SEARCH, found(hit(CHANGED))).outcome == "right"
    assert judged(oracle, clock, replace(SEARCH, own=CHANGED), found()).outcome == "right"
    assert judged(oracle, clock, replace(SEARCH, with_vectors=True), found(hit(CHANGED))).outcome == "right"
    strange = found(hit(CHANGED, embedding=[1, 1]))
    assert judged(oracle, clock, replace(SEARCH, with_vectors=True), strange).outcome == "wrong"


@pytest.mark.parametrize(
    ("pages", "outcome"),
    [
        ((found(hit(FIRST)), found(hit(SECOND))), "right"),
        ((found(hit(FIRST)), found(hit(FIRST))), "wrong"),
        ((found(hit(FIRST)), found()), "wrong"),
    ],
    ids=["all", "one twice", "one lacking"],
)
def test_pages_hold_every_picture_once(oracle: Oracle, pages: tuple[Answered, ...], outcome: str) -> None:
    results = [SearchResult.model_validate(page.body) for page in pages]
    assert oracle.judge_pages(replace(SEARCH, group=GROUP), results).outcome == outcome
