"""Who calls: what each way of an API to ask its callers needs, as the client's `credentials`.

A key, a signature of AWS, the token of a machine (client credentials), or that of a person who has signed in.
The ways are httpx's own kind of authorisation, so that any httpx client takes them as `auth`. Tokens are got
when first needed, shared by threads, and got anew shortly before they expire or when one is refused.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx

from imagesearch_client.errors import SignInError

if TYPE_CHECKING:
    import boto3

SEARCH_SCOPE = "imagesearch/search"
"""What a token must allow."""
EARLY_SECONDS = 60.0
"""How long before its end a token is no longer used: requests take a while, and clocks differ."""
REFUSED = 401
LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The hosts that need no TLS: what is sent to them leaves this machine by no wire."""

Flow = Generator[httpx.Request, httpx.Response, None]


class ApiKey(httpx.Auth):
    """An API key, in the header ``x-api-key``."""

    def __init__(self, key: str) -> None:
        self.key = key

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Send the request with the key."""
        request.headers["x-api-key"] = self.key
        yield request


class SigV4(httpx.Auth):
    """The signature of whoever the AWS credentials of ``session`` belong to.

    ``region`` is where the API lies; else the one that its address names, else the session's.
    """

    requires_request_body = True

    def __init__(self, session: "boto3.Session | None" = None, *, region: str | None = None) -> None:
        import boto3

        self._session = session or boto3.Session()
        self._region = region

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Send the request signed. SignInError ``credentials_missing``, or ``region_missing``."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        credentials = self._session.get_credentials()
        if credentials is None:
            raise SignInError(
                "credentials_missing",
                "The API asks for a signature, and there are no AWS credentials: see `aws configure`, or set "
                "AWS_PROFILE.",
            )
        # The signature is of these very characters: a space that is a plus is read in two ways.
        request.url = request.url.copy_with(query=_strictly_escaped(request.url.query))
        signed = AWSRequest(method=request.method, url=str(request.url), data=request.content)
        # Of the headers only those that nobody on the way changes.
        if "content-type" in request.headers:
            signed.headers["content-type"] = request.headers["content-type"]
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", self._region_of(request.url)).add_auth(
            signed
        )
        request.headers.update(dict(signed.headers.items()))
        yield request

    def _region_of(self, url: httpx.URL) -> str:
        region = self._region or region_of(url.host) or self._session.region_name
        if region is None:
            raise SignInError(
                "region_missing", "The API's address names no region to sign for: set AWS_DEFAULT_REGION."
            )
        return region


class _Token(httpx.Auth, ABC):
    """An access token, sent with every request; one at a time is got for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        """Send the request with a token; once more with another where the API refuses it."""
        token = yield from self._token(request, instead_of=None)
        request.headers["authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == REFUSED:
            other = yield from self._token(request, instead_of=token)
            request.headers["authorization"] = f"Bearer {other}"
            yield request

    def _token(
        self, request: httpx.Request, *, instead_of: str | None
    ) -> Generator[httpx.Request, httpx.Response, str]:
        # Whoever waited here finds the token that another thread has got meanwhile.
        with self._lock:
            kept = self._kept()
            if kept is not None and kept != instead_of:
                return kept
            asked = self._request()
            # The time-outs are among them; httpx sets them for requests of its own only.
            asked.extensions.update(request.extensions)
            response = yield asked
            response.read()
            return self._took(_token_answer(response))

    @abstractmethod
    def _kept(self) -> str | None:
        """The token that may still be used."""

    @abstractmethod
    def _request(self) -> httpx.Request:
        """What asks for a token."""

    @abstractmethod
    def _took(self, answer: "TokenAnswer") -> str:
        """Keep the answer, and return the access token in it."""


class ClientCredentials(_Token):
    """The token of a machine, which has a secret of its own.

    ``token_url`` is the output ``TokenUrl`` of the environment, ``client_id`` its ``MachineClientId``. Raises
    SignInError (``sign_in_unsafe``) for an address that would show the secret to the network.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        scopes: Sequence[str] = (SEARCH_SCOPE,),
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._token_url = _safe(token_url)
        self._client = httpx.BasicAuth(client_id, client_secret)
        self._form = {"grant_type": "client_credentials", "scope": " ".join(scopes)}
        self._clock = clock
        self._current: tuple[str, float] | None = None

    def _kept(self) -> str | None:
        if self._current is None or self._clock() > self._current[1]:
            return None
        return self._current[0]

    def _request(self) -> httpx.Request:
        request = httpx.Request("POST", self._token_url, data=self._form)
        return next(self._client.auth_flow(request))

    def _took(self, answer: "TokenAnswer") -> str:
        self._current = (answer.access_token, self._clock() + answer.seconds - EARLY_SECONDS)
        return answer.access_token


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What a person got by signing in, and what it takes to get more.

    ``access_token`` may be used until ``use_until``, in seconds since 1970.
    """

    token_url: str
    client_id: str
    access_token: str
    use_until: float
    refresh_token: str


class SignedIn(_Token):
    """The token of a person who has signed in; ``keep`` is told the new tokens whenever there are some."""

    def __init__(
        self, tokens: Tokens, *, keep: Callable[[Tokens], None], clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._tokens = tokens
        self._keep = keep
        self._clock = clock

    def _kept(self) -> str | None:
        return None if self._clock() > self._tokens.use_until else self._tokens.access_token

    def _request(self) -> httpx.Request:
        form = {
            "grant_type": "refresh_token",
            "client_id": self._tokens.client_id,
            "refresh_token": self._tokens.refresh_token,
        }
        return httpx.Request("POST", self._tokens.token_url, data=form)

    def _took(self, answer: "TokenAnswer") -> str:
        tokens = self._tokens
        self._tokens = Tokens(
            token_url=tokens.token_url,
            client_id=tokens.client_id,
            access_token=answer.access_token,
            use_until=self._clock() + answer.seconds - EARLY_SECONDS,
            refresh_token=answer.refresh_token or tokens.refresh_token,
        )
        self._keep(self._tokens)
        return answer.access_token


@dataclass(frozen=True, kw_only=True)
class TokenAnswer:
    """What the sign-in answers; ``seconds`` is how long the access token lasts."""

    access_token: str
    seconds: float
    refresh_token: str | None


def tokens_of_code(
    *, sign_in: str, client_id: str, code: str, verifier: str, redirect: str, http: httpx.Client
) -> Tokens:
    """Exchange the ``code`` that a sign-in gave for tokens (RFC 7636).

    Raises SignInError ``sign_in_refused``, and httpx's own errors.
    """
    token_url = f"{sign_in}/oauth2/token"
    form = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": redirect,
    }
    answer = _token_answer(http.post(token_url, data=form))
    return Tokens(
        token_url=token_url,
        client_id=client_id,
        access_token=answer.access_token,
        use_until=time.time() + answer.seconds - EARLY_SECONDS,
        refresh_token=answer.refresh_token or "",
    )


def region_of(host: str) -> str | None:
    """The region that the host of an API names, such as ``abc.execute-api.eu-central-1.amazonaws.com``."""
    match host.split("."):
        case [_, "execute-api", region, *_]:
            return region
    return None


def credentials_of(given: "str | httpx.Auth") -> httpx.Auth:
    """The credentials that are given; a text is an API key."""
    return ApiKey(given) if isinstance(given, str) else given


def _strictly_escaped(query: bytes) -> bytes:
    pairs = parse_qsl(query.decode(), keep_blank_values=True)
    return urlencode(pairs, quote_via=quote, safe="-_.~").encode()


def _safe(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise SignInError("sign_in_unsafe", f"{address} is no https address: no secret is sent there.")
    return address


def _token_answer(response: httpx.Response) -> TokenAnswer:
    """Read the sign-in's answer. Raises SignInError (``sign_in_refused``, ``sign_in_failed``)."""
    host = response.request.url.host
    try:
        answer: Mapping[str, object] = response.json()
        if response.is_success:
            refresh = answer.get("refresh_token")
            return TokenAnswer(
                access_token=str(answer["access_token"]),
                seconds=float(str(answer["expires_in"])),
                refresh_token=str(refresh) if refresh else None,
            )
        reason = str(answer["error"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SignInError(
            "sign_in_failed",
            f"{host} gave no token: status {response.status_code}, {response.text[:200]}",
        ) from error
    raise SignInError(
        "sign_in_refused",
        f"{host} gives no token ({reason}). Check the client's id and secret, or sign in again: imagesearch "
        "login.",
    )
