"""What the functions report of their work, and the lines that CloudWatch makes metrics of."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from imagesearch import errors
from imagesearch.adapters.in_memory import InMemoryMetrics
from imagesearch.correlation import correlated
from imagesearch.entrypoints import bulk_finish, observing, rendering
from imagesearch.entrypoints.query_figures import figure_of
from imagesearch.entrypoints.wiring import QueryParts
from imagesearch.figures import Figure, unit_of
from tests.builders import PNG, InMemoryHouse
from tests.bulk import RUN, bulk_house
from tests.query_api import Api, parts_of


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The namespace that the environment names for metrics, and a function's name."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ImageSearch/dev")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "query")
    observing.metrics.cache_clear()
    yield "ImageSearch/dev"
    observing.metrics.cache_clear()


def _line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    read: dict[str, Any] = json.loads(line)
    return read


def test_figures_are_a_line_that_cloudwatch_makes_metrics_of(
    namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with correlated("request-1"):
        observing.metrics().record({Figure.TOTAL_MILLISECONDS: 12.5, Figure.REFUSED: 1})
    line = _line(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": namespace,
        "Dimensions": [["service"]],
        "Metrics": [
            {"Name": "TotalMilliseconds", "Unit": "Milliseconds"},
            {"Name": "Refused", "Unit": "Count"},
        ],
    }
    assert (line["TotalMilliseconds"], line["Refused"], line["service"]) == ([12.5], [1.0], "query")
    assert line["correlation_id"] == "request-1"


def test_one_record_leaves_nothing_for_the_next(namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert namespace
    for value in (1, 2):
        observing.metrics().record({Figure.REFUSED: value})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["Refused"] for line in lines] == [[1.0], [2.0]]


def test_nothing_is_written_where_no_namespace_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_NAMESPACE", raising=False)
    observing.metrics.cache_clear()
    observing.metrics().record({Figure.REFUSED: 1})
    observing.metrics.cache_clear()
    assert capsys.readouterr().out == ""


def test_units_are_those_of_the_names() -> None:
    assert {unit_of(figure) for figure in Figure} == {"Count", "Milliseconds", "Seconds"}
    assert unit_of(Figure.LAG_SECONDS) == "Seconds"
    assert unit_of(Figure.ANSWER_MILLISECONDS) == "Milliseconds"
    assert unit_of(Figure.SEARCH_ERRORS) == "Count"


def _asked(house: InMemoryHouse, metrics: InMemoryMetrics) -> Api:
    return Api(lambda: parts_of(house), metrics=lambda: metrics)


def test_a_search_reports_its_parts_as_its_answer_tells_them(house: InMemoryHouse) -> None:
    metrics = InMemoryMetrics()
    took = _asked(house, metrics).search(text="sea").body["took_ms"]
    assert metrics.records == [
        {f"{part.title()}Milliseconds": took[part] for part in ("encode", "search", "rest", "total")}
    ]


def test_what_is_no_search_reports_nothing(house: InMemoryHouse) -> None:
    metrics = InMemoryMetrics()
    api = _asked(house, metrics)
    assert (api.ask("GET", "/health").status, api.ask("GET", "/openapi.json").status) == (200, 200)
    assert metrics.records == []


def test_a_request_that_is_refused_counts_as_one(house: InMemoryHouse) -> None:
    metrics = InMemoryMetrics()
    assert _asked(house, metrics).search(text="").status == 400
    assert metrics.records == [{Figure.REFUSED: 1}]


def test_a_request_that_fails_counts_as_one_even_where_no_part_could_be_built() -> None:
    def parts() -> QueryParts:
        raise errors.SettingsError("The environment variable IMAGE_BUCKET is missing.")

    metrics = InMemoryMetrics()
    assert Api(parts, metrics=lambda: metrics).search(text="sea").status == 500
    assert metrics.records == [{Figure.FAILURES: 1}]


ENCODING = {errors.ModelUnavailableError, errors.ModelMismatchError, errors.ModelProtocolError}
SEARCHING = {
    errors.SearchUnavailableError,
    errors.IndexMissingError,
    errors.SearchRefusedError,
    errors.SearchDeniedError,
}


@pytest.mark.parametrize("kind", rendering.STATUS, ids=lambda kind: kind.__name__)
def test_every_error_counts_against_the_part_that_it_comes_from(kind: type[errors.ImageSearchError]) -> None:
    error = kind.__new__(kind)
    if kind in ENCODING:
        assert figure_of(error) is Figure.ENCODE_ERRORS
    elif kind in SEARCHING:
        assert figure_of(error) is Figure.SEARCH_ERRORS
    else:
        ours = rendering.STATUS[kind] >= 500
        assert figure_of(error) is (Figure.FAILURES if ours else Figure.REFUSED)


def test_an_error_of_nobodys_is_a_failure() -> None:
    assert figure_of(RuntimeError()) is Figure.FAILURES


def test_a_run_reports_what_its_report_says() -> None:
    bulk = bulk_house(contents={"a.png": PNG, "note.txt": b"text"})
    metrics = InMemoryMetrics()
    bulk.plan()
    handler = bulk_finish.build_handler(bulk.finisher, lambda: metrics)
    handler({"run": RUN, "failed": True}, None)
    (record,) = metrics.records
    assert {**record, Figure.RUN_SECONDS: 0} == {
        Figure.PLANNED: 2,
        Figure.INDEXED: 0,
        Figure.REJECTED: 0,
        Figure.RUN_SECONDS: 0,
    }
    assert record[Figure.RUN_SECONDS] > 0


def test_a_run_that_never_began_reports_nothing() -> None:
    metrics = InMemoryMetrics()
    bulk_finish.build_handler(bulk_house().finisher, lambda: metrics)({"run": RUN, "failed": True}, None)
    assert metrics.records == []
