"""The canary: when a search counts as answered, and what is made of one that was not."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imagesearch.adapters.in_memory import InMemoryMetrics
from imagesearch.canary import Canary
from imagesearch.entrypoints.canary import build_handler
from imagesearch.errors import (
    ApiAnswerError,
    ApiRefusedError,
    ApiUnavailableError,
    ImageSearchError,
    SettingsError,
)
from imagesearch.figures import Figure
from tests.query_api import Api

STARTING = ApiUnavailableError("The API answered 503: a model is starting.", retry_after=20)


class Time:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


class Troubled:
    """An API that raises these errors, one a search, before it answers."""

    def __init__(self, *errors: ImageSearchError, answer: Mapping[str, Any] | None = None) -> None:
        self._errors = list(errors)
        self._answer = {"hits": [], "found": 0, "took_ms": {}, "model": {}, "index": "images-1"}
        self._answer = dict(self._answer if answer is None else answer)
        self.texts: list[str] = []

    def search(self, text: str) -> Mapping[str, Any]:
        self.texts.append(text)
        if self._errors:
            raise self._errors.pop(0)
        return self._answer


class Genuine:
    """The query function itself."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def search(self, text: str) -> Mapping[str, Any]:
        return self._api.search(text=text, k=1).body


def _canary(api: Troubled | Genuine, time: Time | None = None) -> Canary:
    time = time or Time()
    return Canary(api=api, patience_seconds=60, now=time.now, clock=time, pause=time.pause)


def test_a_genuine_answer_is_as_it_should_be(api: Api) -> None:
    assert api.search(text="sea", k=1).body["hits"]
    assert _canary(Genuine(api)).search() == 0


def test_an_empty_library_is_no_failure() -> None:
    assert _canary(Troubled()).search() == 0


def test_every_search_is_for_another_text_so_that_a_model_is_asked() -> None:
    time, api = Time(), Troubled()
    for _ in range(2):
        _canary(api, time).search()
        time.seconds += 60
    assert len(set(api.texts)) == 2


def test_the_canary_comes_back_when_it_is_asked_to_and_says_how_long_that_took() -> None:
    time, api = Time(), Troubled(STARTING, STARTING)
    assert _canary(api, time).search() == 40
    assert time.pauses == [20, 20]
    assert len(set(api.texts)) == 1


def test_what_stays_unavailable_is_given_up_in_time() -> None:
    time = Time()
    with pytest.raises(ApiUnavailableError):
        _canary(Troubled(*[STARTING] * 9), time).search()
    assert time.pauses == [20, 20, 20]


def test_a_refusal_is_not_asked_again() -> None:
    time = Time()
    with pytest.raises(ApiRefusedError):
        _canary(Troubled(ApiRefusedError("The API answered 403.")), time).search()
    assert time.pauses == []


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ({}, "hits, found, took_ms, model, index"),
        ({"hits": [], "found": 0, "took_ms": {}, "model": {}}, "index"),
        (
            {"hits": [{"id": "1", "key": "a"}], "found": 1, "took_ms": {}, "model": {}, "index": "i"},
            "score, url",
        ),
    ],
)
def test_an_answer_of_another_shape_is_a_failure(answer: Mapping[str, Any], missing: str) -> None:
    with pytest.raises(ApiAnswerError, match=missing):
        _canary(Troubled(answer=answer)).search()


def test_an_answered_search_reports_its_time_and_no_failure(log: io.StringIO) -> None:
    metrics = InMemoryMetrics()
    handler = build_handler(lambda: _canary(Troubled(STARTING)), lambda: metrics)
    assert handler({"id": "event-1"}, None) == {"answered": True, "seconds": 20}
    assert metrics.records == [{Figure.FAILURES: 0, Figure.ANSWER_MILLISECONDS: 20_000}]
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert (line["message"], line["event_id"]) == ("answered", "event-1")


@pytest.mark.parametrize("error", [ApiRefusedError("403"), ApiAnswerError("no hits")])
def test_a_search_that_was_not_answered_reports_a_failure_and_logs_why(
    error: ImageSearchError, log: io.StringIO
) -> None:
    metrics = InMemoryMetrics()
    assert build_handler(lambda: _canary(Troubled(error)), lambda: metrics)({}, None) == {"answered": False}
    assert metrics.records == [{Figure.FAILURES: 1}]
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert line["exception_name"] == type(error).__name__


def test_a_canary_that_cannot_be_made_reports_a_failure() -> None:
    def broken() -> Canary:
        raise SettingsError("The environment variable API_URL is missing.")

    metrics = InMemoryMetrics()
    assert build_handler(broken, lambda: metrics)({}, None) == {"answered": False}
    assert metrics.records == [{Figure.FAILURES: 1}]
