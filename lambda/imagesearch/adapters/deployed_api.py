"""The deployed API, asked over HTTPS with the credentials that it wants of any caller."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import requests
from botocore.exceptions import BotoCoreError, ClientError
from requests.auth import AuthBase
from requests_aws4auth import AWS4Auth  # type: ignore[import-untyped]

from imagesearch.api_access import ApiAccess, KeyAccess, SignedAccess, TokenAccess
from imagesearch.errors import ApiAnswerError, ApiRefusedError, ApiUnavailableError

_SECONDS = 30
"""API Gateway answers within 29, if only that nobody else did."""
_RETRY_AFTER_SECONDS = 1
_PASSING = {429, 502, 503, 504}
_DENIED = {401, 403}
_EARLY_SECONDS = 60
"""How long before a token's end another one is got."""


class _Header(AuthBase):
    def __init__(self, name: str, value: str) -> None:
        self._name = name
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self._name] = self._value
        return request


@dataclass(frozen=True, kw_only=True)
class _Credentials:
    """What requests carry, and how long after they were had they may be used."""

    auth: AuthBase
    seconds: float = math.inf


class DeployedApi:
    """Asks the API at `url`, which ends with a slash.

    Credentials are got for the first search and kept until they end or are refused: each token is paid for.
    """

    def __init__(self, *, url: str, access: ApiAccess, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._access = access
        self._clock = clock
        self._session = requests.Session()
        self._use_until = -math.inf

    def search(self, text: str) -> Mapping[str, Any]:
        """Return the answer to a search for one picture."""
        are_kept = self._clock() < self._use_until
        if not are_kept:
            self._get_credentials()
        answer = self._ask(text)
        if answer.status_code in _DENIED and are_kept:
            # Keys are changed, and clients get new secrets.
            self._get_credentials()
            answer = self._ask(text)
        if answer.status_code in _DENIED:
            self._use_until = -math.inf
        if answer.status_code != requests.codes.ok:
            raise _refusal(answer)
        return _read(answer)

    def _ask(self, text: str) -> requests.Response:
        try:
            return self._session.post(f"{self._url}search", json={"text": text, "k": 1}, timeout=_SECONDS)
        except requests.RequestException as error:
            raise ApiUnavailableError(
                f"The API cannot be reached: {type(error).__name__}.", retry_after=_RETRY_AFTER_SECONDS
            ) from error

    def _get_credentials(self) -> None:
        """Raise ApiRefusedError where there are none to be had."""
        self._session.auth = None
        try:
            credentials = self._credentials()
        except (BotoCoreError, ClientError, requests.RequestException) as error:
            raise ApiRefusedError(f"The API's credentials cannot be had: {error}") from error
        self._session.auth = credentials.auth
        self._use_until = self._clock() + credentials.seconds

    def _credentials(self) -> _Credentials:
        match access := self._access:
            case KeyAccess():
                gateway = boto3.client("apigateway")
                key = gateway.get_api_key(apiKey=access.key_id, includeValue=True)["value"]
                return _Credentials(auth=_Header("x-api-key", key))
            case SignedAccess():
                session = boto3.Session()
                signed: AuthBase = AWS4Auth(
                    region=session.region_name,
                    service="execute-api",
                    refreshable_credentials=session.get_credentials(),
                )
                return _Credentials(auth=signed)
            case TokenAccess():
                return self._token(access)

    def _token(self, access: TokenAccess) -> _Credentials:
        users = boto3.client("cognito-idp")
        client = users.describe_user_pool_client(UserPoolId=access.user_pool_id, ClientId=access.client_id)
        # Not by the session: a connection that was frozen with the function would fail it.
        answer = requests.post(
            access.token_url,
            data={"grant_type": "client_credentials", "scope": access.scope},
            auth=(access.client_id, client["UserPoolClient"]["ClientSecret"]),
            timeout=_SECONDS,
        )
        answer.raise_for_status()
        said = answer.json()
        return _Credentials(
            auth=_Header("Authorization", f"Bearer {said['access_token']}"),
            seconds=said["expires_in"] - _EARLY_SECONDS,
        )


def _refusal(answer: requests.Response) -> ApiUnavailableError | ApiRefusedError:
    body = answer.text[:500]
    said = f"The API answered {answer.status_code}: {body}"
    if answer.status_code not in _PASSING:
        return ApiRefusedError(said)
    wait = answer.headers.get("Retry-After", "")
    return ApiUnavailableError(said, retry_after=int(wait) if wait.isdecimal() else _RETRY_AFTER_SECONDS)


def _read(answer: requests.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError as error:
        raise ApiAnswerError("The answer to a search is no JSON.") from error
    if not isinstance(body, dict):
        raise ApiAnswerError("The answer to a search is no JSON object.")
    return body
