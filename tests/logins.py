"""A sign-in as a person has it, and the service that gives tokens, in memory."""

import base64
import json
from typing import Any
from urllib.parse import parse_qsl

import httpx

from imagesearch_client import Tokens
from tests.client_answers import a_health

API = "http://api/prod"
SIGN_IN = "https://sign-in.example"
TOKEN_URL = f"{SIGN_IN}/oauth2/token"
CLIENT_ID, CLIENT_SECRET = "client", "secret"


def a_login(**changes: Any) -> Tokens:
    """Tokens that may be used for a long time."""
    told: dict[str, Any] = {
        "token_url": TOKEN_URL,
        "client_id": CLIENT_ID,
        "access_token": "first",
        "use_until": 4e9,
        "refresh_token": "again",
    }
    return Tokens(**(told | changes))


class TokenService:
    """An API that asks for tokens, and the sign-in that gives them, each for an hour.

    Both note what they were asked. ``refused`` are tokens that the API takes no longer.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.used: list[str] = []
        self.elsewhere: list[httpx.Request] = []
        self.refused: set[str] = set()
        self.answer: httpx.Response | None = None

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._handle)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if str(request.url) == TOKEN_URL:
            return self._give(request)
        if request.url.host != "api":
            self.elsewhere.append(request)
            return httpx.Response(204)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        self.used.append(token)
        if kind != "Bearer" or token in self.refused:
            error = {"code": "token_invalid", "message": "Sign in."}
            return httpx.Response(401, json={"error": error})
        if request.url.path.endswith("/uploads"):
            form = {"upload": "u", "url": "http://bucket/", "fields": {"key": "k"}}
            return httpx.Response(200, json=form | {"expires_in": 1, "max_bytes": 2})
        return httpx.Response(200, json=a_health({}))

    def _give(self, request: httpx.Request) -> httpx.Response:
        form = dict(parse_qsl(request.content.decode()))
        if "authorization" in request.headers:
            form["basic"] = base64.b64decode(request.headers["authorization"].split(" ")[1]).decode()
        self.asked.append(form)
        if self.answer is not None:
            return self.answer
        given = {"access_token": f"token-{len(self.asked)}", "token_type": "Bearer", "expires_in": 3600}
        return httpx.Response(200, content=json.dumps(given))
