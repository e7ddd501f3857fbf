"""The client itself: all it needs is the API's URL and who calls."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack

import httpx
from pydantic import ValidationError

from imagesearch.models import document_id
from imagesearch_client.answers import Answer, Health, Hit, ImageState, SearchResult, UploadForm
from imagesearch_client.authorisation import credentials_of
from imagesearch_client.errors import ApiError, RequestUnwritableError, UnreachableError, UploadRefusedError
from imagesearch_client.examples import Indexed, Picture, Uploaded, content_type_of, read_picture
from imagesearch_client.options import RankingOptions, SearchOptions
from imagesearch_client.requests import Request

RETRIED = (429, 503)
"""Statuses that ask the caller to come back: throttled, or a model or index that is not ready yet."""
JITTER = 0.25
"""By how much of itself a wait may be longer, so that not all who were refused come back at once."""
PAGE = 100
"""How many hits the API gives at once."""
LEAST_WAIT_SECONDS = 0.1

T = TypeVar("T", bound=Answer)


class ImageSearchClient:
    """Calls the query API; may be used by several threads.

    ``credentials`` are an API key, or what else the API asks for: see ``authorisation``. A request that meets
    a cold model or a throttle is repeated, as the API's ``Retry-After`` asks, until ``patience`` seconds have
    passed; then, and for every other refusal, ``ApiError`` is raised. Pictures that are too large for a
    request are uploaded first.
    """

    def __init__(
        self,
        url: str,
        credentials: str | httpx.Auth,
        *,
        patience: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = _checked(url.rstrip("/") + "/")
        # They go with requests to the API only: uploads and thumbnails have signatures of their own.
        self._credentials = credentials_of(credentials)
        self._patience = patience
        self._pause = pause
        self._http = httpx.Client(timeout=35.0, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def search(
        self, text: str | None = None, *, picture: Picture | None = None, **options: Unpack[SearchOptions]
    ) -> SearchResult:
        """Find the pictures nearest to a text, a picture, or several of them together; see SearchOptions."""
        _, result = self._found(Request.of(text, picture, options))
        return result

    def search_pages(
        self,
        text: str | None = None,
        *,
        picture: Picture | None = None,
        limit: int | None = None,
        **options: Unpack[SearchOptions],
    ) -> Iterator[SearchResult]:
        """Search, and go on page by page until ``limit`` hits or all that the API shows are there.

        A page has ``k`` hits, 100 where nothing is said. Facets come with the first.
        """
        request = Request.of(text, picture, options)
        size, left = options.get("k") or PAGE, limit
        while left is None or left > 0:
            request, result = self._found(request.but(k=size if left is None else min(size, left)))
            yield result
            if result.cursor is None:
                return
            left = None if left is None else left - len(result.hits)
            # They are the same on every page, and dear to count.
            request = request.but(cursor=result.cursor, facets=None)

    def similar(self, picture: str | Indexed, **options: Unpack[RankingOptions]) -> SearchResult:
        """Find what resembles an indexed picture, named by its key or as Indexed; it is left out itself."""
        parameters = {name: value for name, value in options.items() if value is not None}
        answer = self._ask("GET", f"images/{_id_of(picture)}/similar", parameters=parameters)
        return self._read(SearchResult, answer)

    def image(self, picture: str | Indexed) -> ImageState | None:
        """The state of a picture, named by its key or as Indexed; None when the index does not know it."""
        try:
            return self._read(ImageState, self._ask("GET", f"images/{_id_of(picture)}"))
        except ApiError as error:
            if error.code == "image_unknown":
                return None
            raise

    def upload(self, picture: bytes | Path) -> Uploaded:
        """Upload a picture to search by, as often as one likes within a day.

        Raises PictureUnusableError and UploadRefusedError besides.
        """
        form = self._send(picture, purpose="query")
        return Uploaded(str(form.upload))

    def add(self, picture: bytes | Path, *, key: str) -> Indexed:
        """Put a picture into the library, where it takes the place of what ``key`` holds.

        It can be found as soon as ``image`` knows it, with the new ETag. Raises PictureUnusableError and
        UploadRefusedError besides.
        """
        self._send(picture, purpose="library", key=key)
        return Indexed.of_key(key)

    def thumbnail(self, hit: Hit, *, size: Literal[128, 256, 512] = 256) -> bytes:
        """The WebP of a hit; its longer side has at most ``size`` pixels."""
        address = httpx.URL(hit.thumbnail_url).copy_set_param("size", size)
        response = self._patiently(lambda: self._request("GET", address, headers={"accept": "image/webp"}))
        if not response.is_success:
            raise _api_error(response)
        return response.content

    def health(self) -> Health:
        """Which index and model answer now, and how many pictures can be found."""
        return self._read(Health, self._ask("GET", "health"))

    def _found(self, request: Request) -> tuple[Request, SearchResult]:
        """The answer to a search, and the search as it was sent: with uploads for what it could not carry."""
        request = request.uploading(self.upload)
        try:
            answer = self._ask("POST", "search", json=request.body())
        except ApiError as error:
            # An environment may take less than most do, such as one with a serverless endpoint.
            lighter = request.uploading(self.upload, at_most=0) if error.code == "use_upload" else request
            if lighter == request:
                raise
            request, answer = lighter, self._ask("POST", "search", json=lighter.body())
        return request, self._read(SearchResult, answer)

    def _send(self, picture: bytes | Path, **purpose: str) -> UploadForm:
        content = read_picture(picture) if isinstance(picture, Path) else picture
        asked = {"content_type": content_type_of(content), "size": len(content), **purpose}
        form = self._read(UploadForm, self._ask("POST", "uploads", json=asked))
        # The bucket takes the fields that stand before the file, and nothing behind it.
        response = self._patiently(
            lambda: self._request("POST", httpx.URL(form.url), data=form.fields, files={"file": content})
        )
        if not response.is_success:
            raise UploadRefusedError(
                "upload_refused",
                f"The bucket did not take the picture (status {response.status_code}): {response.text[:200]}",
            )
        return form

    def _ask(
        self, method: str, path: str, *, json: object = None, parameters: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        address = httpx.URL(self._url).join(path)
        response = self._patiently(
            lambda: self._request(
                method, address, credentials=self._credentials, json=json, params=parameters
            )
        )
        if not response.is_success:
            raise _api_error(response)
        return response

    def _read(self, kind: type[T], response: httpx.Response) -> T:
        try:
            return kind.model_validate_json(response.content, context={"api": self._url})
        except ValidationError as error:
            raise _unexpected(response) from error

    def _patiently(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        deadline = time.monotonic() + self._patience
        while True:
            response = send()
            wait = _retry_after(response)
            if wait is None or time.monotonic() + wait > deadline:
                return response
            # Not a secret: it only spreads requests over time.
            self._pause(wait * (1 + JITTER * random.random()))  # noqa: S311

    def _request(
        self, method: str, address: httpx.URL, *, credentials: httpx.Auth | None = None, **request: Any
    ) -> httpx.Response:
        try:
            built = self._http.build_request(method, address, **request)
        except ValueError as error:
            raise RequestUnwritableError(
                "request_invalid", f"A text or a number of the request cannot be sent: {error}."
            ) from error
        try:
            return self._http.send(built, auth=credentials)
        except httpx.TransportError as error:
            # What did not answer may be the sign-in, asked for a token on the way.
            raise self._unreachable(error.request.url, error) from error

    def _unreachable(self, address: httpx.URL, error: httpx.TransportError) -> UnreachableError:
        if str(address).startswith(self._url):
            return UnreachableError(
                "api_unreachable",
                f"The API at {self._url} does not answer ({error}). Check the URL, and that the environment "
                "is up: imagesearch local status.",
            )
        if address.path.endswith("/oauth2/token"):
            return UnreachableError(
                "sign_in_unreachable", f"The sign-in at {address.host} does not answer ({error}): try again."
            )
        return UnreachableError(
            "bucket_unreachable", f"The bucket at {address.host} does not answer ({error}): try again."
        )


def _checked(url: str) -> str:
    try:
        httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UnreachableError("api_unreachable", f"{url} is no address of an API: {error}.") from error
    return url


def _id_of(picture: str | Indexed) -> str:
    return document_id(picture) if isinstance(picture, str) else picture.id


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait before asking again; None when asking again would not help."""
    if response.status_code not in RETRIED:
        return None
    try:
        return max(LEAST_WAIT_SECONDS, float(response.headers.get("retry-after", "1")))
    except ValueError:
        return 1.0


def _api_error(response: httpx.Response) -> ApiError:
    try:
        error = response.json()["error"]
        return ApiError(status=response.status_code, code=error["code"], message=error["message"])
    except (ValueError, KeyError, TypeError):
        return _unexpected(response)


def _unexpected(response: httpx.Response) -> ApiError:
    """What is no answer of this API: another one's, that of something before it, or another version's."""
    return ApiError(
        status=response.status_code,
        code="unexpected_answer",
        message=f"Status {response.status_code} with an answer that the client does not know. Check the URL, "
        f"and that client and API are of the same version: {response.text[:200]}",
    )
