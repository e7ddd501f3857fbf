"""How long requests to OpenSearch wait, and which are made again, with the real client."""

import socket
import time

import pytest

from imagesearch import errors
from imagesearch.deadline import deadline
from imagesearch.errors import SearchUnavailableError
from imagesearch.queries import Nearest
from tests.opensearch_server import Server, opensearch_server

PASSING: list[int | None] = [429, 502, 503, 504, None]
META = {"fingerprint": "f" * 64, "dimension": 1, "space": "cosinesimil"}
MAPPING = {"images-1": {"mappings": {"_meta": META}}}
NEAREST = Nearest(part="picture", vector=(1.0,))


@pytest.mark.parametrize("trouble", PASSING)
def test_trouble_that_passes_is_outlasted(trouble: int | None) -> None:
    with opensearch_server(trouble, trouble, {"count": 3}) as server:
        assert server.index().count("images-1") == 3
    assert 0.05 <= server.pauses[0] <= 0.1 <= server.pauses[1] <= 0.2


@pytest.mark.parametrize("trouble", PASSING)
def test_trouble_that_stays_is_unavailability_that_says_when_to_return(trouble: int | None) -> None:
    with opensearch_server(trouble) as server, pytest.raises(SearchUnavailableError) as caught:
        server.index().active()
    assert caught.value.retry_after == 5
    assert len(server.headers) == len(server.pauses) + 1 > 2


def test_a_search_that_is_refused_among_others_is_made_again() -> None:
    found = {"status": 200, "hits": {"hits": []}}
    refused = {"status": 429, "error": {"type": "rejected_execution_exception"}}
    answers = ({"responses": [found, refused]}, {"responses": [found, found]})
    with opensearch_server(MAPPING, *answers) as server:
        assert server.index().search("images-1", [NEAREST, NEAREST], k=5) == ((), ())
    assert len(server.pauses) == 1


def test_a_search_that_stays_refused_among_others_is_unavailable() -> None:
    refused = {"status": 429, "error": {"type": "rejected_execution_exception"}}
    with (
        opensearch_server(MAPPING, {"responses": [refused]}) as server,
        pytest.raises(SearchUnavailableError, match="429"),
    ):
        server.index().search("images-1", [NEAREST], k=5)


def test_what_would_be_refused_again_is_asked_once() -> None:
    with opensearch_server(400) as server, pytest.raises(errors.SearchRefusedError):
        server.index().count("images-1")
    assert (len(server.headers), server.pauses) == (1, [])


def test_no_attempts_begin_behind_the_deadline_of_the_request() -> None:
    with opensearch_server(503) as server:
        with deadline(1.5), pytest.raises(SearchUnavailableError):
            server.index().active()
        assert sum(server.pauses) < 1.5
        asked = len(server.headers)
        with deadline(0.1), pytest.raises(errors.DeadlineError):
            server.index().active()
        assert len(server.headers) == asked


def test_a_silent_opensearch_is_given_up_at_the_deadline_and_asked_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with deadline(0.8), pytest.raises(SearchUnavailableError, match="cannot be reached"):
            Server([None], url=url).index().active()
    assert time.monotonic() - started < 5
