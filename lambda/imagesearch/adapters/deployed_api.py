"""The deployed API, asked over HTTPS with the credentials that it wants of any caller."""

from collections.abc import Mapping
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


class _Header(AuthBase):
    def __init__(self, name: str, value: str) -> None:
        self._name = name
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self._name] = self._value
        return request


class DeployedApi:
    """Asks the API at `url`, which ends with a slash. The credentials are fetched when it is made.

    Raises ApiRefusedError where they cannot be had.
    """

    def __init__(self, *, url: str, access: ApiAccess) -> None:
        self._url = url
        self._session = requests.Session()
        try:
            self._session.auth = self._credentials(access)
        except (BotoCoreError, ClientError, requests.RequestException) as error:
            raise ApiRefusedError(f"The API's credentials cannot be had: {error}") from error

    def search(self, text: str) -> Mapping[str, Any]:
        """Return the answer to a search for one picture."""
        try:
            answer = self._session.post(f"{self._url}search", json={"text": text, "k": 1}, timeout=_SECONDS)
        except requests.RequestException as error:
            raise ApiUnavailableError(
                f"The API cannot be reached: {type(error).__name__}.", retry_after=_RETRY_AFTER_SECONDS
            ) from error
        if answer.status_code != requests.codes.ok:
            raise _refusal(answer)
        return _read(answer)

    def _credentials(self, access: ApiAccess) -> AuthBase:
        match access:
            case KeyAccess():
                gateway = boto3.client("apigateway")
                return _Header(
                    "x-api-key", gateway.get_api_key(apiKey=access.key_id, includeValue=True)["value"]
                )
            case SignedAccess():
                session = boto3.Session()
                signed: AuthBase = AWS4Auth(
                    region=session.region_name,
                    service="execute-api",
                    refreshable_credentials=session.get_credentials(),
                )
                return signed
            case TokenAccess():
                return _Header("Authorization", f"Bearer {self._token(access)}")

    def _token(self, access: TokenAccess) -> str:
        users = boto3.client("cognito-idp")
        client = users.describe_user_pool_client(UserPoolId=access.user_pool_id, ClientId=access.client_id)
        answer = self._session.post(
            access.token_url,
            data={"grant_type": "client_credentials", "scope": access.scope},
            auth=(access.client_id, client["UserPoolClient"]["ClientSecret"]),
            timeout=_SECONDS,
        )
        answer.raise_for_status()
        return str(answer.json()["access_token"])


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
