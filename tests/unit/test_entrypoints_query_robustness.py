"""The query function with its real adapters, when what it needs is slow, overloaded or not allowed."""

import json
from collections.abc import Callable, Iterator

import pytest

from imagesearch.entrypoints import wiring
from tests.builders import FINGERPRINT
from tests.embedders import SOUND, json_answer
from tests.opensearch_server import Reply, Server, opensearch_server
from tests.query_api import Answer, Api
from tests.sagemaker_runtime import Runtime, refusal

META = {"fingerprint": FINGERPRINT, "dimension": 2, "space": "cosinesimil"}
MAPPING: Reply = {"images-5e5e5e5e5e5e-1": {"mappings": {"_meta": META}}}
NOTHING_FOUND: Reply = {"responses": [{"status": 200, "hits": {"hits": []}}]}

ENVIRONMENT = {
    "INDEX_ALIAS": "images",
    "VECTOR_ENGINE": "lucene",
    "IMAGE_BUCKET": "pictures",
    "ATTRIBUTES": "{}",
    "ENDPOINT_PREFIX": "imagesearch-dev-",
    "MAX_ENDPOINT_PAYLOAD_BYTES": "4000000",
    "INVOKE_TIMEOUT_SECONDS": "20",
    "EF_SEARCH": "200",
    "MAX_REQUEST_BYTES": "6000000",
    "MAX_PICTURE_BYTES": "50000000",
    "MAX_RESULTS": "100",
    "URL_TTL_SECONDS": "900",
    "ENCODE_CACHE_SIZE": "1000",
    "FETCH_URLS": "never",
    "AUTHORISATION": "key",
}

Built = Callable[..., Api]


@pytest.fixture
def opensearch() -> Iterator[Server]:
    """An OpenSearch with one index, in which nothing is found."""
    with opensearch_server(MAPPING, NOTHING_FOUND) as server:
        yield server


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, runtime: Runtime, opensearch: Server) -> Built:
    """Builds the API from the environment, as the function is; it has so many seconds for each request."""

    def build(*, seconds: float = 28, **environment: str) -> Api:
        for name, value in (ENVIRONMENT | {"SEARCH_ENDPOINT": opensearch.url} | environment).items():
            monkeypatch.setenv(name, value)
        wiring.query_parts.cache_clear()
        return Api(wiring.query_parts, seconds=seconds)

    return build


def _check_unavailable(answer: Answer, code: str) -> None:
    assert (answer.status, answer.code) == (503, code)
    assert int(answer.headers["retry-after"]) > 0
    assert answer.body["error"]["message"].endswith(".")


def test_a_text_that_was_searched_for_before_is_not_encoded_again(built: Built, runtime: Runtime) -> None:
    api = built()
    answers = [api.search(text=text) for text in ("a dog", " a  dog\n", "a dog")]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [json.loads(each.body) for each in runtime.invocations] == [{"inputs": "a dog"}]


def test_a_search_asks_the_model_for_what_it_does_not_remember_only(built: Built, runtime: Runtime) -> None:
    api = built()
    api.search(text="a dog")
    runtime.answer = lambda _: json_answer(SOUND | {"embeddings": [[0.8, 0.6]]})
    api.search(like=[{"text": "a dog"}, {"text": "the sea"}])
    assert json.loads(runtime.invocations[-1].body) == {"inputs": "the sea"}


def test_a_throttled_model_is_503_and_says_when_to_return(built: Built, runtime: Runtime) -> None:
    runtime.answer = lambda _: refusal(400, "ThrottlingException")
    _check_unavailable(built(seconds=2.5).search(text="a dog"), "model_unavailable")
    assert len(runtime.invocations) > 1


def test_an_overloaded_opensearch_is_503_and_says_when_to_return(built: Built, opensearch: Server) -> None:
    opensearch.answers[:] = [MAPPING, 429]
    _check_unavailable(built(seconds=2.5).search(text="a dog"), "search_unavailable")
    assert len(opensearch.headers) > 2


@pytest.mark.parametrize(("method", "path"), [("GET", "/health"), ("GET", "/search"), ("POST", "/search")])
def test_a_request_whose_time_is_over_is_503_before_anybody_is_asked(
    built: Built, runtime: Runtime, opensearch: Server, method: str, path: str
) -> None:
    api = built(seconds=0.7)
    query = {"q": "a dog"} if (method, path) == ("GET", "/search") else None
    body = json.dumps({"text": "a dog"}) if method == "POST" else None
    _check_unavailable(api.ask(method, path, query=query, body=body), "deadline")
    assert (runtime.invocations, opensearch.headers) == ([], [])


@pytest.mark.parametrize(
    ("fetching", "url", "code"),
    [
        ("never", "https://pictures.test/a.jpg", "urls_disabled"),
        ("https", "http://pictures.test/a.jpg", "url_refused"),
        ("https", "https://127.0.0.1/a.jpg", "url_refused"),
        ("http", "http://169.254.169.254/latest/meta-data/", "url_refused"),
    ],
)
def test_an_address_that_may_not_be_fetched_is_400(built: Built, fetching: str, url: str, code: str) -> None:
    answer = built(FETCH_URLS=fetching).search(image={"url": url})
    assert (answer.status, answer.code) == (400, code)
