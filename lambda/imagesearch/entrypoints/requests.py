"""Reading the API's requests: from API Gateway's events to queries; all that is wrong is a RequestError."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from imagesearch.entrypoints.api_types import (
    MAX_TEXT_CHARACTERS,
    PictureSearchParameters,
    SearchRequest,
    TextSearchParameters,
)
from imagesearch.errors import (
    ContentTypeUnsupportedError,
    PictureEmptyError,
    PictureTooLargeError,
    RequestInvalidError,
    RequestTooLargeError,
    TextTooLongError,
)
from imagesearch.models import Query

PICTURE_TYPES = frozenset(
    f"image/{name}" for name in ("jpeg", "png", "webp", "gif", "bmp", "tiff", "heic", "heif", "avif")
)
"""The raw bodies that `POST /search` takes; API Gateway must pass each of them as binary."""

_JSON = "application/json"
_TEXT_FIELDS = {("text",), ("q",)}
_LONGEST_NAME = 100
"""How much of an unknown field's name an error repeats."""

Event = Mapping[str, Any]
Model = TypeVar("Model")


def query_of_body(event: Event, *, max_request_bytes: int) -> Query:
    """Return the query of `POST /search`: a JSON request or a raw picture, by its content type."""
    content_type = _content_type(event)
    if content_type == _JSON:
        _check_size(event, max_request_bytes, RequestTooLargeError, "The request's body is too large")
        return _query_of_json(_body(event))
    if content_type in PICTURE_TYPES:
        _check_size(event, max_request_bytes, PictureTooLargeError, "The picture is too large for a request")
        parameters = _validated(lambda: PictureSearchParameters.model_validate(_query_string(event)))
        return Query(picture=_picture(_body(event)), **_ranking(parameters))
    raise ContentTypeUnsupportedError(
        f"Send application/json, or a picture as one of {', '.join(sorted(PICTURE_TYPES))}."
    )


def query_of_parameters(event: Event) -> Query:
    """Return the query of `GET /search?q=…`."""
    parameters = _validated(lambda: TextSearchParameters.model_validate(_query_string(event)))
    return Query(text=parameters.q, **_ranking(parameters))


def _query_of_json(body: bytes) -> Query:
    request = _validated(lambda: SearchRequest.model_validate_json(body))
    picture = None if request.image is None else _picture(_decoded(request.image.base64, "image.base64"))
    return Query(text=request.text, picture=picture, **_ranking(request))


def _ranking(parameters: PictureSearchParameters | TextSearchParameters | SearchRequest) -> dict[str, Any]:
    return {
        "k": parameters.k,
        "min_score": parameters.min_score,
        "prefix": parameters.prefix or None,
        "part": parameters.part,
    }


def _content_type(event: Event) -> str:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return (headers.get("content-type") or "").partition(";")[0].strip().lower()


def _query_string(event: Event) -> Mapping[str, str]:
    return event.get("queryStringParameters") or {}


def _check_size(event: Event, limit: int, error: Callable[[str], Exception], complaint: str) -> None:
    """Refuse a body that Lambda would not take; an emulator or a larger gateway may let it through."""
    if len((event.get("body") or "").encode("utf-8", "surrogatepass")) > limit:
        raise error(f"{complaint}: at most {limit} bytes as Lambda counts them (a picture in base64).")


def _body(event: Event) -> bytes:
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return _decoded(body, "The body")
    return str(body).encode("utf-8", "surrogatepass")


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestInvalidError(f"{name} is not valid base64.") from error


def _picture(content: bytes) -> bytes:
    if not content:
        raise PictureEmptyError("The picture has no bytes.")
    return content


def _validated(validate: Callable[[], Model]) -> Model:
    """Return what the validation returns; its complaints become one sentence that names the field."""
    try:
        return validate()
    except ValidationError as error:
        _complain(error)


def _complain(error: ValidationError) -> NoReturn:
    complaints = error.errors(include_url=False, include_context=False, include_input=False)
    first = complaints[0]
    if any(each["type"] == "string_too_long" and each["loc"] in _TEXT_FIELDS for each in complaints):
        raise TextTooLongError(f"The text is too long: at most {MAX_TEXT_CHARACTERS} characters.") from error
    where = ".".join(str(part) for part in first["loc"])[:_LONGEST_NAME] or "The request"
    raise RequestInvalidError(f"{where}: {first['msg']}.") from error
