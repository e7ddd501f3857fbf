"""From errors to the API's answers, and what the log may know of a request."""

import base64
import io
import json
import logging
from http import HTTPStatus

import pytest

from imagesearch import errors
from imagesearch.entrypoints import rendering
from imagesearch.entrypoints.wiring import QueryParts
from imagesearch.errors import ImageSearchError
from tests.query_api import PICTURES, REQUEST_ID, Api, base64_of


def _failing(error: Exception) -> Api:
    def parts() -> QueryParts:
        raise error

    return Api(parts)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ModelUnavailableError("Starting.", retry_after=30), "model_unavailable"),
        (errors.SearchUnavailableError("Overloaded.", retry_after=5), "search_unavailable"),
    ],
)
def test_unavailability_is_503_and_says_when_to_return(error: errors.UnavailableError, code: str) -> None:
    answer = _failing(error).search(text="sea")
    assert (answer.status, answer.code) == (503, code)
    assert answer.headers["retry-after"] == str(error.retry_after)


def test_a_missing_index_is_503() -> None:
    answer = _failing(errors.IndexMissingError("The index is missing.")).search(text="sea")
    assert (answer.status, answer.code) == (503, "index_missing")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("secret"),
        KeyError("secret"),
        errors.SettingsError("secret"),
        errors.SearchRefusedError("secret"),
        errors.SearchDeniedError("secret"),
        errors.ModelProtocolError("secret"),
    ],
)
def test_what_is_ours_is_500_without_details(error: Exception, log: io.StringIO) -> None:
    answer = _failing(error).search(text="sea")
    assert (answer.status, answer.code) == (500, "internal")
    assert "secret" not in json.dumps(answer.body)
    assert answer.body["request_id"] == REQUEST_ID
    assert "secret" in log.getvalue()


def _leaves(kind: type[ImageSearchError]) -> set[type[ImageSearchError]]:
    below = kind.__subclasses__()
    return set().union(*(_leaves(each) for each in below)) if below else {kind}


def test_every_error_of_the_tree_has_a_status() -> None:
    assert _leaves(ImageSearchError) == rendering.STATUS.keys()


def test_every_error_that_is_shown_has_a_code_of_its_own() -> None:
    shown = [
        kind.code for kind, status in rendering.STATUS.items() if status != HTTPStatus.INTERNAL_SERVER_ERROR
    ]
    assert len(shown) == len(set(shown))
    assert "internal" not in shown


def test_every_error_of_the_tree_stands_in_its_drawing() -> None:
    drawing = errors.__doc__ or ""
    for kind in _leaves(ImageSearchError):
        assert kind.__name__ in drawing
        if not issubclass(kind, errors.InternalError):
            assert f"{kind.__name__} " in drawing
            assert kind.code in drawing


def test_the_log_has_neither_text_nor_picture(
    api: Api, log: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        api.search(text="a very private text", image=base64_of(PICTURES["a/2.png"]))
        api.ask("GET", "/search", query={"q": "a very private text", "k": "0"})
        api.ask("POST", "/search", body='{"text": "a very private text"')
    logged = log.getvalue() + caplog.text
    assert "private" not in logged
    assert base64.b64encode(PICTURES["a/2.png"]).decode() not in logged
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert {line["request_id"] for line in lines} == {REQUEST_ID}
    assert [line["status"] for line in lines if line["message"] == "answered"] == [200, 400, 400]
