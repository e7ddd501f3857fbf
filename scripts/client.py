"""A typed client of the query API: all it needs is the API's URL and a key."""

import base64
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self

import httpx
from pydantic import BaseModel, ConfigDict

from imagesearch.metadata import AttributeType
from imagesearch.models import AttributeValue, Part, document_id
from scripts.errors import CommandError

RETRIED = (429, 503)
"""Statuses that ask the caller to come back: throttled, or a model or index that is not ready yet."""


class ApiError(CommandError):
    """The API refused a request; ``code`` and the message are the API's own, ``status`` is HTTP's."""

    def __init__(self, *, status: int, code: str, message: str) -> None:
        super().__init__(code, message)
        self.status = status


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Described(_Answer):
    """What is said of a picture."""

    title: str | None = None
    caption: str | None = None
    tags: tuple[str, ...] = ()
    attributes: dict[str, AttributeValue] = {}


class Hit(_Described):
    """One picture found: ``score`` is 0 to 1, ``url`` is presigned and expires, sizes are in pixels."""

    id: str
    key: str
    score: float
    url: str
    width: int
    height: int
    content_type: str


class SearchResult(_Answer):
    """Hits, best first, and where the time went (milliseconds by part)."""

    hits: tuple[Hit, ...]
    took_ms: dict[str, float]
    index: str


class Fault(_Answer):
    """Why a picture was rejected."""

    code: str
    message: str


class ImageState(_Described):
    """What the index knows of one picture.

    ``error`` says why a rejected one cannot be found, ``metadata_fault`` why another is without its metadata.
    """

    id: str
    key: str
    state: Literal["indexed", "rejected"]
    etag: str
    metadata_fault: str | None = None
    error: Fault | None = None


class Health(_Answer):
    """The index that answers searches, the model it belongs to, and how many pictures it holds.

    ``attributes`` are those that pictures may have, with their types.
    """

    status: str
    index: str
    fingerprint: str
    pictures: int
    attributes: dict[str, AttributeType]


class ImageSearchClient:
    """Calls the query API.

    A request that meets a cold model or a throttle is repeated, as the API's ``Retry-After`` asks,
    until ``patience`` seconds have passed; then, and for every other refusal, ``ApiError`` is raised.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        patience: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._patience = patience
        self._pause = pause
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/", headers={"x-api-key": api_key}, timeout=35.0, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def search(
        self,
        text: str | None = None,
        *,
        picture: bytes | None = None,
        k: int = 10,
        min_score: float | None = None,
        prefix: str | None = None,
        part: Part = "picture",
    ) -> SearchResult:
        """Find the ``k`` pictures nearest to a text, a picture, or both together.

        ``prefix`` keeps to pictures whose key begins so; ``min_score`` (0 to 1) leaves out weaker hits;
        ``part`` says whether they are compared with the pictures, with their captions, or with both.
        """
        image = {"base64": base64.b64encode(picture).decode()} if picture is not None else None
        asked = {
            "text": text,
            "image": image,
            "k": k,
            "min_score": min_score,
            "prefix": prefix,
            "part": part,
        }
        body = {name: value for name, value in asked.items() if value is not None}
        return SearchResult.model_validate(self._call("POST", "search", json=body))

    def image(self, key: str) -> ImageState | None:
        """The state of the picture stored under ``key``; None when the index has not heard of it."""
        try:
            return ImageState.model_validate(self._call("GET", f"images/{document_id(key)}"))
        except ApiError as error:
            if error.code == "image_unknown":
                return None
            raise

    def health(self) -> Health:
        """Which index and model answer now, and how many pictures can be found."""
        return Health.model_validate(self._call("GET", "health"))

    def _call(self, method: str, path: str, *, json: object = None) -> Any:
        deadline = time.monotonic() + self._patience
        while True:
            response = self._send(method, path, json=json)
            if response.is_success:
                return response.json()
            wait = _retry_after(response)
            if wait is None or time.monotonic() + wait > deadline:
                raise _api_error(response)
            self._pause(wait)

    def _send(self, method: str, path: str, *, json: object) -> httpx.Response:
        try:
            return self._http.request(method, path, json=json)
        except httpx.TransportError as error:
            raise CommandError(
                "api_unreachable",
                f"The API at {self._http.base_url} does not answer ({error}). Check the URL, and that the "
                "environment is up: imagesearch local status.",
            ) from error


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait before asking again; None when asking again would not help."""
    if response.status_code not in RETRIED:
        return None
    try:
        return max(0.1, float(response.headers.get("retry-after", "1")))
    except ValueError:
        return 1.0


def _api_error(response: httpx.Response) -> ApiError:
    try:
        error = response.json()["error"]
        return ApiError(status=response.status_code, code=error["code"], message=error["message"])
    except (ValueError, KeyError, TypeError):
        return ApiError(
            status=response.status_code,
            code="unexpected_answer",
            message=f"Status {response.status_code} without an error the client knows: {response.text[:200]}",
        )
