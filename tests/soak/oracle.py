"""Whether an answer of the API is right, refuses as it may, or is wrong.

Refusing is what the API documents for what passes by itself: 429, 503 and 504, with a code that its OpenAPI
document has for the route. Anything else that is no right answer is wrong: no answer at all, too.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from imagesearch_client import Hit, ImageState, SearchResult
from tests.soak.ledger import Ledger

Outcome = Literal["right", "refused", "wrong"]

PASSING = (429, 503, 504)
"""Statuses that ask the caller to come back."""
TOLD_WHEN = (429, 503)
"""Those that must say when."""
SCORE = 1e-4
"""By how much the score of a picture compared with itself may differ from 1."""
LENGTH = 1e-3
"""By how much the length of a vector may differ from 1."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What every search must say of index and model, and what the fixed texts find, best first."""

    index: str
    fingerprint: str
    dimension: int
    rankings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as far as its answer can be judged by it; ``started`` is by the ledger's clock.

    ``own`` is the key whose picture was searched by, ``like`` the key whose neighbours were asked for, and
    ``group`` all that the filter lets through. ``ranked`` names the fixed text that was asked for.
    """

    route: str
    method: str
    started: float
    k: int = 10
    prefix: str = ""
    tag: str | None = None
    own: str | None = None
    like: str | None = None
    group: frozenset[str] | None = None
    ranked: str | None = None
    with_vectors: bool = False
    image: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What came back; ``trouble`` says why nothing did."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an answer is: its status with the error's code, and the reason where it is wrong."""

    outcome: Outcome
    code: str
    reason: str = ""


class Oracle:
    """Judges answers by the ledger, by the OpenAPI document, and by what cannot change."""

    def __init__(self, *, ledger: Ledger, truth: Truth, openapi: Mapping[str, Any]) -> None:
        self._ledger = ledger
        self._truth = truth
        self._codes = documented_codes(openapi)

    def judge(self, asked: Asked, answered: Answered) -> Verdict:
        """The verdict on one answer; asked for at once, before others write what it was about."""
        if answered.trouble:
            return Verdict(outcome="wrong", code="no answer", reason=answered.trouble)
        if answered.status == 200:
            return self._judge_success(asked, answered)
        return self._judge_error(asked, answered)

    def judge_pages(self, asked: Asked, pages: Sequence[SearchResult]) -> Verdict:
        """The verdict on pages that are right each by itself, of pictures that nobody changes."""
        keys = [hit.key for page in pages for hit in page.hits]
        if len(keys) != len(set(keys)):
            return _wrong("a picture is on two pages")
        if asked.group is not None and set(keys) != asked.group:
            return _wrong(f"pages lack {sorted(asked.group - set(keys))}")
        return RIGHT

    def _judge_success(self, asked: Asked, answered: Answered) -> Verdict:
        try:
            if asked.image is not None:
                state = ImageState.model_validate(answered.body)
                reasons = self._faults_of_state(asked, asked.image, state)
            else:
                reasons = self._faults_of_search(asked, SearchResult.model_validate(answered.body))
        except ValidationError as error:
            return _wrong(f"the answer is not of the agreed shape: {error.errors()[0]}")
        reason = next(iter(reasons), "")
        return _wrong(reason) if reason else RIGHT

    def _judge_error(self, asked: Asked, answered: Answered) -> Verdict:
        body = answered.body if isinstance(answered.body, dict) else {}
        error = body.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        name = f"{answered.status} {code}"
        if not isinstance(error, dict) or not code or not error.get("message") or not body.get("request_id"):
            return Verdict(
                outcome="wrong", code=name, reason=f"an error without a type: {answered.body!r:.200}"
            )
        if code not in self._codes.get((asked.method, asked.route), {}).get(answered.status, ()):
            return Verdict(outcome="wrong", code=name, reason="an error that the API does not document")
        if asked.image is not None and code == "image_unknown":
            return self._judge_absence(asked, asked.image)
        if answered.status not in PASSING:
            return Verdict(outcome="wrong", code=name, reason=f"a sound request refused: {error['message']}")
        if answered.status in TOLD_WHEN and not answered.headers.get("retry-after", "").isdecimal():
            return Verdict(outcome="wrong", code=name, reason="it does not say when to come back")
        return Verdict(outcome="refused", code=name)

    def _judge_absence(self, asked: Asked, key: str) -> Verdict:
        version = self._ledger.settled(key, since=asked.started)
        if version is not None and version.etag is not None:
            return _wrong(f"{key} is not known, which was")
        return RIGHT

    def _faults_of_state(self, asked: Asked, key: str, state: ImageState) -> Iterator[str]:
        if state.key != key:
            yield f"{state.key} instead of {key}"
        if not self._ledger.had_etag(key, state.etag):
            yield f"{key} has content that nobody put"
        version = self._ledger.settled(key, since=asked.started)
        if version is not None and not version.is_shown_by(state):
            yield f"{key} is not what it was: {version}, {state.etag}, {state.tags}, {state.state}"

    def _faults_of_search(self, asked: Asked, result: SearchResult) -> Iterator[str]:
        scores, keys = [hit.score for hit in result.hits], [hit.key for hit in result.hits]
        if (result.index, result.model.fingerprint) != (self._truth.index, self._truth.fingerprint):
            yield f"another index or model: {result.index}, {result.model.fingerprint}"
        if len(keys) > asked.k:
            yield f"{len(keys)} hits instead of {asked.k}"
        if scores != sorted(scores, reverse=True):
            yield f"hits out of order: {scores}"
        if not all(0 <= score <= 1 + SCORE for score in scores):
            yield f"scores out of range: {scores}"
        if len(set(keys)) != len(keys):
            yield f"a picture twice: {keys}"
        for hit in result.hits:
            yield from self._faults_of_hit(asked, hit)
        yield from self._omissions(asked, result.hits)

    def _faults_of_hit(self, asked: Asked, hit: Hit) -> Iterator[str]:
        if not hit.key.startswith(asked.prefix) or (asked.tag is not None and asked.tag not in hit.tags):
            yield f"{hit.key} {hit.tags} does not pass the filter"
        if not self._ledger.was_put(hit.key):
            yield f"{hit.key} was never put"
        version = self._ledger.settled(hit.key, since=asked.started)
        if version is not None and not version.is_findable:
            yield f"{hit.key} is found, which is deleted or damaged"
        elif version is not None and hit.tags != version.tags:
            yield f"{hit.key} has the tags {hit.tags} instead of {version.tags}"
        if hit.key == asked.like:
            yield f"{hit.key} resembles itself"
        # What is found may be deleted before its vector is read.
        is_vector_due = asked.with_vectors and version is not None
        if (hit.embedding is not None or is_vector_due) and not self._is_of_the_model(hit):
            yield f"the vector of {hit.key} is not of the model's"

    def _is_of_the_model(self, hit: Hit) -> bool:
        vector = hit.embedding or ()
        length = math.sqrt(math.fsum(number * number for number in vector))
        return len(vector) == self._truth.dimension and abs(length - 1) <= LENGTH

    def _omissions(self, asked: Asked, hits: Sequence[Hit]) -> Iterator[str]:
        keys = tuple(hit.key for hit in hits)
        if asked.own is not None and self._ledger.settled(asked.own, since=asked.started) is not None:
            score = next((hit.score for hit in hits if hit.key == asked.own), None)
            if score is None or abs(score - 1) > SCORE or score < hits[0].score - SCORE:
                yield f"{asked.own} is not the nearest to itself: {score}, {keys[:3]}"
        if asked.group is not None and asked.k >= len(asked.group) and set(keys) != asked.group:
            yield f"the filter finds {sorted(keys)} instead of {sorted(asked.group)}"
        if asked.ranked is not None and keys != self._truth.rankings[asked.ranked]:
            yield f"{asked.ranked!r} finds {keys} instead of {self._truth.rankings[asked.ranked]}"


RIGHT = Verdict(outcome="right", code="200")


def _wrong(reason: str) -> Verdict:
    return Verdict(outcome="wrong", code="200", reason=reason)


def documented_codes(openapi: Mapping[str, Any]) -> dict[tuple[str, str], dict[int, tuple[str, ...]]]:
    """The codes of errors by status, of every method and path."""
    return {
        (method.upper(), path): {
            int(status): tuple(_enum(response))
            for status, response in operation["responses"].items()
            if int(status) >= 400
        }
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    }


def _enum(response: Mapping[str, Any]) -> Sequence[str]:
    _, codes = response["content"]["application/json"]["schema"]["allOf"]
    enum: Sequence[str] = codes["properties"]["error"]["properties"]["code"]["enum"]
    return enum
