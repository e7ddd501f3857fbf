"""Who calls the API: keys, signatures, tokens of machines and of people, and where none of them may go."""

import base64
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from imagesearch_client import (
    ApiError,
    ApiKey,
    ClientCredentials,
    ImageSearchClient,
    SignedIn,
    SignInError,
    SigV4,
    Tokens,
    UnreachableError,
)
from imagesearch_client.authorisation import region_of, tokens_of_code
from tests.client_answers import a_health
from tests.logins import API, CLIENT_ID, CLIENT_SECRET, SIGN_IN, TOKEN_URL, TokenService, a_login
from tests.pictures import png

SIGNED_API = "https://abc123.execute-api.eu-central-1.amazonaws.com/prod"
SESSION = boto3.Session(
    aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="a-secret", aws_session_token="a-session"
)


@pytest.fixture
def service() -> TokenService:
    return TokenService()


def machine(**options: Any) -> ClientCredentials:
    return ClientCredentials(TOKEN_URL, CLIENT_ID, CLIENT_SECRET, **options)


def client_of(service: TokenService, credentials: httpx.Auth) -> ImageSearchClient:
    return ImageSearchClient(API, credentials, transport=service.transport(), patience=0)


def asked_by(credentials: "str | httpx.Auth", *, url: str = API) -> httpx.Request:
    """The request for the API's health, as it was sent."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=a_health({}))

    with ImageSearchClient(url, credentials, transport=httpx.MockTransport(answer)) as client:
        client.health()
    (request,) = seen
    return request


def signed_anew(request: httpx.Request, *, region: str = "eu-central-1") -> str:
    """What botocore signs the same request with, at the same moment."""
    seen = AWSRequest(
        method=request.method,
        url=str(request.url),
        data=request.content,
        headers={"content-type": request.headers["content-type"]} if request.content else {},
    )
    seen.context["timestamp"] = request.headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "a-secret", "a-session"), "execute-api", region)
    seen.headers["X-Amz-Date"] = request.headers["x-amz-date"]
    seen.headers["X-Amz-Security-Token"] = "a-session"
    text = signer.string_to_sign(seen, signer.canonical_request(seen))
    return str(signer.signature(text, seen))


@pytest.mark.parametrize("credentials", ["a-key", ApiKey("a-key")], ids=["text", "ApiKey"])
def test_a_key_goes_into_its_header(credentials: "str | httpx.Auth") -> None:
    assert asked_by(credentials).headers["x-api-key"] == "a-key"


def test_a_signature_is_the_one_that_botocore_makes() -> None:
    request = asked_by(SigV4(SESSION), url=SIGNED_API)

    authorization = request.headers["authorization"]
    assert "/eu-central-1/execute-api/aws4_request" in authorization
    assert authorization.endswith(f"Signature={signed_anew(request)}")
    assert request.headers["x-amz-security-token"] == "a-session"


def test_a_signature_is_of_the_body_and_of_its_type() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(400, json={"error": {"code": "query_empty", "message": "m"}})

    with (
        ImageSearchClient(SIGNED_API, SigV4(SESSION), transport=httpx.MockTransport(answer)) as client,
        pytest.raises(ApiError),
    ):
        client.search("a dög")

    (request,) = seen
    assert (
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"
        in (request.headers["authorization"])
    )
    assert request.headers["authorization"].endswith(f"Signature={signed_anew(request)}")


def test_a_signed_query_string_is_written_as_the_signature_reads_it() -> None:
    """Spaces as %20 and all but the unreserved characters escaped: another writing is another signature."""
    prefix = "a b+c/*'(ü)~"
    request = httpx.Request("GET", f"{SIGNED_API}/search", params={"prefix": prefix, "q": "x"})

    signed = next(SigV4(SESSION).sync_auth_flow(request))

    assert signed.url.query.decode() == f"prefix={quote(prefix, safe='-_.~')}&q=x"
    assert signed.url.params["prefix"] == prefix
    assert signed.headers["authorization"].endswith(f"Signature={signed_anew(signed)}")


def test_a_region_is_that_of_the_address_unless_another_is_said() -> None:
    assert region_of("abc.execute-api.cn-north-1.amazonaws.com.cn") == "cn-north-1"
    assert region_of("search.example") is None
    own = asked_by(SigV4(SESSION, region="ap-south-1"), url="https://search.example")
    assert "/ap-south-1/execute-api/" in own.headers["authorization"]


def test_a_signature_without_credentials_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with pytest.raises(SignInError, match="aws configure") as raised:
        asked_by(SigV4(boto3.Session()), url=SIGNED_API)

    assert raised.value.code == "credentials_missing"


def test_a_machine_gets_one_token_for_many_requests(service: TokenService) -> None:
    with client_of(service, machine()) as client:
        client.health()
        client.health()

    (asked,) = service.asked
    assert asked == {
        "grant_type": "client_credentials",
        "scope": "imagesearch/search",
        "basic": f"{CLIENT_ID}:{CLIENT_SECRET}",
    }
    assert service.used == ["token-1", "token-1"]


def test_a_token_is_renewed_shortly_before_it_expires(service: TokenService) -> None:
    now = [1000.0]
    with client_of(service, machine(clock=lambda: now[0])) as client:
        client.health()
        now[0] += 3600 - 61
        client.health()
        now[0] += 2
        client.health()

    assert service.used == ["token-1", "token-1", "token-2"]


def test_a_refused_token_is_renewed_once(service: TokenService) -> None:
    service.refused = {"token-1"}
    with client_of(service, machine()) as client:
        client.health()

    assert service.used == ["token-1", "token-2"]


def test_an_api_that_refuses_new_tokens_too_is_not_asked_for_ever(service: TokenService) -> None:
    service.refused = {f"token-{number}" for number in range(9)}
    with client_of(service, machine()) as client, pytest.raises(ApiError) as raised:
        client.health()

    assert raised.value.code == "token_invalid"
    assert service.used == ["token-1", "token-2"]


def test_threads_that_need_a_token_together_get_one(service: TokenService) -> None:
    together = threading.Barrier(8)

    def ask(client: ImageSearchClient) -> None:
        together.wait()
        client.health()

    with client_of(service, machine()) as client, ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, [client] * 8))

    assert service.used == ["token-1"] * 8
    assert len(service.asked) == 1


def test_credentials_never_leave_for_another_host_than_the_apis(service: TokenService) -> None:
    with client_of(service, machine()) as client:
        client.upload(png())

    (bucket,) = service.elsewhere
    assert bucket.url.host == "bucket"
    assert "authorization" not in bucket.headers
    assert "x-api-key" not in bucket.headers


def test_a_wrong_secret_is_one_sentence(service: TokenService) -> None:
    service.answer = httpx.Response(400, json={"error": "invalid_client"})
    with (
        client_of(service, machine()) as client,
        pytest.raises(SignInError, match="invalid_client") as raised,
    ):
        client.health()

    assert raised.value.code == "sign_in_refused"
    assert CLIENT_SECRET not in raised.value.message.split("client's id and secret")[0]


def test_a_secret_is_sent_by_tls_only_but_on_this_machine() -> None:
    ClientCredentials("http://127.0.0.1:4566/oauth2/token", "c", "s")

    with pytest.raises(SignInError, match="no https") as raised:
        ClientCredentials("http://sign-in.example/oauth2/token", "c", "s")

    assert raised.value.code == "sign_in_unsafe"


@pytest.mark.parametrize("answer", [httpx.Response(502, text="<html>"), httpx.Response(200, json=[])])
def test_an_answer_of_the_sign_in_that_is_none_is_told(service: TokenService, answer: httpx.Response) -> None:
    service.answer = answer
    with client_of(service, machine()) as client, pytest.raises(SignInError, match="gave no token") as raised:
        client.health()

    assert raised.value.code == "sign_in_failed"


def test_a_sign_in_that_does_not_answer_is_told_from_the_api() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    transport = httpx.MockTransport(refuse)
    with (
        ImageSearchClient(API, machine(), transport=transport) as client,
        pytest.raises(UnreachableError, match=r"sign-in at sign-in\.example") as raised,
    ):
        client.health()

    assert raised.value.code == "sign_in_unreachable"


def test_after_a_failed_attempt_a_token_can_still_be_got(service: TokenService) -> None:
    service.answer = httpx.Response(503, text="busy")
    with client_of(service, machine()) as client:
        with pytest.raises(SignInError):
            client.health()
        service.answer = None
        client.health()

    assert service.used == ["token-2"]


def test_somebody_who_signed_in_calls_with_their_token_until_it_ends(service: TokenService) -> None:
    kept: list[Tokens] = []
    now = [1000.0]
    signed_in = SignedIn(a_login(use_until=1010.0), keep=kept.append, clock=lambda: now[0])
    with client_of(service, signed_in) as client:
        client.health()
        now[0] = 1011.0
        client.health()

    assert service.used == ["first", "token-1"]
    assert service.asked == [
        {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": "again"}
    ]
    (renewed,) = kept
    assert renewed == a_login(access_token="token-1", use_until=1011.0 + 3600 - 60)


def test_a_code_is_exchanged_for_tokens_with_the_verifier_behind_its_challenge(service: TokenService) -> None:
    service.answer = httpx.Response(
        200, json={"access_token": "a", "refresh_token": "r", "expires_in": 3600, "token_type": "Bearer"}
    )
    verifier = base64.urlsafe_b64encode(hashlib.sha256(b"x").digest()).decode()
    with httpx.Client(transport=service.transport()) as http:
        tokens = tokens_of_code(
            sign_in=SIGN_IN,
            client_id=CLIENT_ID,
            code="c",
            verifier=verifier,
            redirect="http://localhost:1/",
            http=http,
        )

    assert (tokens.access_token, tokens.refresh_token, tokens.token_url) == ("a", "r", TOKEN_URL)
    assert service.asked == [
        {
            "grant_type": "authorization_code",
            "client_id": CLIENT_ID,
            "code": "c",
            "code_verifier": verifier,
            "redirect_uri": "http://localhost:1/",
        }
    ]
