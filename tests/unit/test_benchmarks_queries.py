"""The mixed queries that the deployed API is measured with, and what counts as a failed one."""

import json

import httpx

from benchmarks.measuring import percentile
from benchmarks.queries import (
    PAGES,
    SENT,
    SENT_ALONE,
    TURN,
    WARM_UP,
    Material,
    Mixed,
    Outcome,
    mixed,
    phrase,
    send,
)
from imagesearch_client import ApiKey

MATERIAL = Material(
    keys=["a.jpg", "b.jpg"], categories=["garden"], picture=lambda number: b"%d" % number, prefix="album/"
)
TOOK = {"encode": 1.0, "search": 2.0, "rest": 0.5, "total": 3.5}


def sent(queries: list[Mixed], answer: dict[str, object], status: int = 200) -> tuple[Outcome, list[object]]:
    """What came of queries that are all answered so, and the cursors that were asked with."""
    cursors: list[object] = []

    def respond(request: httpx.Request) -> httpx.Response:
        cursors.append(json.loads(request.content).get("cursor"))
        return httpx.Response(status, json=answer)

    transport = httpx.MockTransport(respond)
    return send(
        queries, url="http://api/", credentials=ApiKey("key"), clients=1, transport=transport
    ), cursors


def test_mixed_queries_make_as_many_requests_as_asked_and_are_the_same_each_time() -> None:
    queries = list(mixed(200, MATERIAL))
    assert sum(query.pages for query in queries) == 200
    assert queries == list(mixed(200, MATERIAL))
    assert {query.kind for query in queries} == set(TURN)
    assert all(query.body["prefix"] == "album/" for query in queries)


def test_no_text_of_a_measurement_is_asked_for_twice() -> None:
    numbers = len(list(mixed(WARM_UP + SENT_ALONE + SENT, MATERIAL)))
    assert len({phrase(number) for number in range(numbers)}) == numbers


def test_a_paged_query_asks_each_page_with_the_cursor_of_the_one_before() -> None:
    query = Mixed(kind="paged", body={"text": "x"}, pages=PAGES)
    outcome, cursors = sent([query], {"hits": [], "took_ms": TOOK, "cursor": "behind"})
    assert cursors == [None, "behind", "behind", "behind"]
    assert [each.took for each in outcome.answered] == [TOOK] * PAGES
    assert outcome.failures == []


def test_pages_that_end_too_soon_are_a_failure() -> None:
    query = Mixed(kind="paged", body={"text": "x"}, pages=PAGES)
    outcome, cursors = sent([query], {"hits": [], "took_ms": TOOK})
    assert (len(cursors), outcome.answered) == (1, [])
    assert outcome.failures[0].startswith("paged: 200")


def test_a_query_that_is_refused_is_a_failure_and_is_not_repeated() -> None:
    outcome, cursors = sent([Mixed(kind="text", body={})], {"error": {"code": "throttled"}}, status=429)
    assert (len(cursors), outcome.answered) == (1, [])
    assert outcome.failures[0].startswith("text: 429")
    assert "throttled" in outcome.failures[0]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(200, 0, -1)]
    assert [percentile(values, percent) for percent in (50, 95, 99)] == [100, 190, 198]
