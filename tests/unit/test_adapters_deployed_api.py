"""The deployed API as the canary asks it: with each kind of credentials, and what it makes of answers."""

import base64
import json
import re
from collections.abc import Iterator

import pytest

from imagesearch.adapters.deployed_api import DeployedApi
from imagesearch.api_access import ApiAccess, KeyAccess, SignedAccess, TokenAccess
from imagesearch.errors import ApiAnswerError, ApiRefusedError, ApiUnavailableError
from tests.web_server import Answer, head, ok, web_server

FOUND = {"hits": [], "found": 0}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of nobody, which no service is asked with that a test does not name."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


def _answering(status: str = "200 OK", body: object = FOUND, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    if status == "200 OK":
        return lambda _: [ok(content)]
    return lambda _: [head(status, Content_Length=str(len(content)), **headers) + content]


def _search(answer: Answer, access: ApiAccess | None = None) -> tuple[dict[str, object], str]:
    """Ask an API that answers so; return its answer, and the head of the request."""
    with web_server(answer, host="127.0.0.1") as server:
        api = DeployedApi(url=server.url(server.host, "/prod/"), access=access or SignedAccess())
        return dict(api.search("a photograph")), server.heads[-1]


def test_a_search_is_asked_for_where_the_api_is() -> None:
    answer, request = _search(_answering())
    assert answer == FOUND
    assert request.startswith("POST /prod/search HTTP/1.1")


def test_a_key_is_read_by_its_id_and_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: str) -> list[bytes]:
        if request.startswith("GET /apikeys/key-1?includeValue=true "):
            return [ok(b'{"id": "key-1", "value": "the-key"}')]
        return [ok(json.dumps(FOUND).encode())]

    with web_server(answer, host="127.0.0.1") as server:
        url = server.url(server.host)
        monkeypatch.setenv("AWS_ENDPOINT_URL_API_GATEWAY", url)
        DeployedApi(url=url, access=KeyAccess(key_id="key-1")).search("a photograph")
        assert "x-api-key: the-key" in server.heads[-1]


def test_a_request_is_signed_for_the_gateway_by_the_functions_role() -> None:
    _, request = _search(_answering(), SignedAccess())
    signature = re.search(r"Authorization: AWS4-HMAC-SHA256 Credential=(\S+?),", request)
    assert signature
    assert signature[1].endswith("/eu-central-1/execute-api/aws4_request")


class Machines:
    """A user pool whose every token is another one, and an API that takes none but the latest."""

    def __init__(self) -> None:
        self.tokens = 0
        self.is_revoked = False
        self.takes_none = False

    def __call__(self, request: str) -> list[bytes]:
        known = base64.b64encode(b"client-1:the-secret").decode()
        if "AWSCognitoIdentityProviderService.DescribeUserPoolClient" in request:
            return [_alone({"UserPoolClient": {"ClientId": "client-1", "ClientSecret": "the-secret"}})]
        if request.startswith("POST /oauth2/token ") and f"Authorization: Basic {known}" in request:
            self.tokens, self.is_revoked = self.tokens + 1, False
            return [_alone({"access_token": f"token-{self.tokens}", "expires_in": 3600})]
        if (
            self.takes_none
            or self.is_revoked
            or f"Authorization: Bearer token-{self.tokens}\r" not in request
        ):
            return [_alone({"error": {"code": "token_expired"}}, status="401 Unauthorized")]
        return [_alone(FOUND)]


def _alone(body: object, *, status: str = "200 OK") -> bytes:
    """An answer after which the connection is closed."""
    content = json.dumps(body).encode()
    return head(status, Content_Length=str(len(content)), Connection="close") + content


@pytest.fixture
def machines() -> Machines:
    return Machines()


@pytest.fixture
def seconds() -> list[float]:
    """The time of the API's clock, alone in a list that a test changes."""
    return [1000.0]


@pytest.fixture
def asking(
    machines: Machines, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> Iterator[DeployedApi]:
    """An API that asks for tokens, as it is asked by a machine."""
    with web_server(machines, host="127.0.0.1") as server:
        url = server.url(server.host)
        monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", url)
        access = TokenAccess(
            user_pool_id="pool-1",
            client_id="client-1",
            token_url=f"{url}oauth2/token",
            scope="imagesearch/search",
        )
        yield DeployedApi(url=url, access=access, clock=lambda: seconds[0])


def test_a_token_is_got_by_the_clients_secret_and_serves_until_it_ends(
    asking: DeployedApi, machines: Machines, seconds: list[float]
) -> None:
    for later in (0, 1000, 2500):
        seconds[0] = 1000.0 + later
        assert asking.search("a photograph") == FOUND
        assert machines.tokens == 1
    seconds[0] = 1000.0 + 3550
    assert asking.search("a photograph") == FOUND
    assert machines.tokens == 2


def test_a_token_that_is_refused_is_exchanged_for_another_one(
    asking: DeployedApi, machines: Machines
) -> None:
    asking.search("a photograph")
    machines.is_revoked = True
    assert asking.search("a photograph") == FOUND
    assert machines.tokens == 2


def test_a_token_that_was_just_got_and_is_refused_is_a_refusal(
    asking: DeployedApi, machines: Machines
) -> None:
    machines.takes_none = True
    for tokens in (1, 2):
        with pytest.raises(ApiRefusedError, match="401"):
            asking.search("a photograph")
        assert machines.tokens == tokens
    machines.takes_none = False
    assert asking.search("a photograph") == FOUND


def test_credentials_that_cannot_be_had_are_a_refusal() -> None:
    with pytest.raises(ApiRefusedError, match="credentials"):
        DeployedApi(url="http://127.0.0.1:9/", access=KeyAccess(key_id="unknown")).search("a photograph")


@pytest.mark.parametrize(
    "status", ["503 Service Unavailable", "429 Too Many Requests", "504 Gateway Timeout"]
)
def test_what_passes_says_when_to_come_back_as_the_api_did(status: str) -> None:
    with pytest.raises(ApiUnavailableError, match=f"{status[:3]}.*starting") as caught:
        _search(_answering(status, {"error": "starting"}, Retry_After="30"))
    assert caught.value.retry_after == 30


@pytest.mark.parametrize("header", ["", "soon"])
def test_without_a_usable_wait_the_canary_comes_back_in_a_second(header: str) -> None:
    with pytest.raises(ApiUnavailableError) as caught:
        _search(_answering("503 Service Unavailable", {}, Retry_After=header))
    assert caught.value.retry_after == 1


@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "500 Internal Server Error"])
def test_what_does_not_pass_is_a_refusal_that_tells_the_answer(status: str) -> None:
    with pytest.raises(ApiRefusedError, match=f"{status[:3]}.*key_missing"):
        _search(_answering(status, {"error": {"code": "key_missing"}}))


def test_an_api_that_nobody_serves_is_unavailable() -> None:
    with pytest.raises(ApiUnavailableError, match="cannot be reached"):
        DeployedApi(url="http://127.0.0.1:9/", access=SignedAccess()).search("a photograph")


@pytest.mark.parametrize("body", [b"<html>", [1]])
def test_what_is_no_json_object_is_no_answer(body: object) -> None:
    with pytest.raises(ApiAnswerError):
        _search(_answering(body=body))
