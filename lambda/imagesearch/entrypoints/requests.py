"""Reading the API's requests: from API Gateway's events to queries; all that is wrong is a RequestError."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from imagesearch.entrypoints.cursors import read_cursor
from imagesearch.entrypoints.filter_reading import read_facets, read_filter
from imagesearch.entrypoints.request_types import (
    MAX_EXAMPLES,
    MAX_TEXT_CHARACTERS,
    PICTURE_TYPES,
    ExampleInput,
    ImageInput,
    Ranking,
    SearchParameters,
    SearchRequest,
    SimilarParameters,
    TextSearchParameters,
    UploadRequest,
)
from imagesearch.errors import (
    ContentTypeUnsupportedError,
    FilterInvalidError,
    PictureEmptyError,
    RequestInvalidError,
    RequestTooLargeError,
    TextTooLongError,
    UseUploadError,
)
from imagesearch.filters import AllOf, Among, BeginsWith, FieldType, Filter, Not
from imagesearch.queries import (
    Example,
    IndexedExample,
    LinkedExample,
    PictureExample,
    Query,
    TextExample,
    UploadExample,
    Wish,
)

MAX_PICTURES = 4
"""Of one query, in base64 or from the web: each is decoded for it."""

_JSON = "application/json"
_TEXT_FIELDS = {"text", "q"}
_FLAGS = {name for name, field in SearchParameters.model_fields.items() if field.annotation is bool}
_TRUTH = {"true": True, "false": False}
_LONGEST_PLACE = 100
"""How much of a place, which may hold an unknown field's name, an error repeats."""

Event = Mapping[str, Any]
Fields = Mapping[str, FieldType]
Model = TypeVar("Model", bound=BaseModel)


def query_of_body(event: Event, *, fields: Fields, max_request_bytes: int) -> Query:
    """Return the query of `POST /search`: a JSON request or a raw picture, by its content type."""
    content_type = _content_type(event)
    if content_type == _JSON:
        _check_size(event, max_request_bytes)
        if _query_string(event):
            raise RequestInvalidError("A JSON body says everything itself: leave the query string out.")
        return _query_of_json(_body(event), fields)
    if content_type in PICTURE_TYPES:
        _check_size(event, max_request_bytes)
        parameters = _parameters(event, SearchParameters)
        picture = PictureExample(content=_picture(_body(event)))
        return _query(parameters, (*_of_text(parameters.q), Wish(example=picture)), hybrid=parameters.hybrid)
    raise ContentTypeUnsupportedError(
        f"Send application/json, or a picture as one of {', '.join(sorted(PICTURE_TYPES))}."
    )


def query_of_parameters(event: Event) -> Query:
    """Return the query of `GET /search?q=…`."""
    parameters = _parameters(event, TextSearchParameters)
    return _query(parameters, _of_text(parameters.q), hybrid=parameters.hybrid)


def similar_query(event: Event, *, document_id: str, key: str) -> Query:
    """Return the query for what resembles an indexed picture, which is not found itself."""
    wish = Wish(example=IndexedExample(id=document_id))
    others = Not(condition=Among(field="key", values=(key,)))
    return _query(_parameters(event, SimilarParameters), (wish,), filters=(others,))


def upload_request(event: Event, *, max_request_bytes: int) -> UploadRequest:
    """Return what `POST /uploads` asks for."""
    if _content_type(event) != _JSON:
        raise ContentTypeUnsupportedError("Send application/json.")
    if _body_bytes(event) > max_request_bytes:
        raise RequestTooLargeError(
            "The picture itself goes to the address that this answers with; send its size and type here."
        )
    return _validated(lambda: UploadRequest.model_validate_json(_body(event)))


def refuse_parameters(event: Event) -> None:
    """Raise RequestInvalidError for a query string where a route takes none."""
    for name in _query_string(event):
        raise RequestInvalidError(f"{name[:_LONGEST_PLACE]}: this route takes no parameters.")


def _query_of_json(body: bytes, fields: Fields) -> Query:
    request = _validated(lambda: SearchRequest.model_validate_json(body))
    wishes = tuple(_wishes(request))
    if len(wishes) > MAX_EXAMPLES or sum(_is_decoded(wish.example) for wish in wishes) > MAX_PICTURES:
        raise RequestInvalidError(
            f"Give at most {MAX_EXAMPLES} examples, at most {MAX_PICTURES} of them by base64 or url."
        )
    filters = () if request.filter is None else (read_filter(request.filter, fields=fields),)
    return _query(
        request,
        wishes,
        filters=filters,
        hybrid=request.hybrid,
        facets=read_facets(request.facets or (), fields=fields),
        vectors="embedding" in (request.include or ()),
        explain=request.explain,
    )


def _wishes(request: SearchRequest) -> Iterator[Wish]:
    yield from _of_text(request.text)
    if request.image is not None:
        yield Wish(example=_image(request.image, "image"))
    for place, sign, examples in (("like", 1, request.like), ("unlike", -1, request.unlike)):
        for number, each in enumerate(examples or ()):
            yield Wish(example=_example(each, f"{place}.{number}"), weight=sign * each.weight)


def _of_text(text: str | None) -> tuple[Wish, ...]:
    text = (text or "").strip()
    return (Wish(example=TextExample(text=text)),) if text else ()


def _example(given: ExampleInput, place: str) -> Example:
    if given.image is not None:
        return _image(given.image, f"{place}.image")
    return TextExample(text=(given.text or "").strip())


def _image(given: ImageInput, place: str) -> Example:
    if given.id is not None:
        return IndexedExample(id=given.id)
    if given.upload is not None:
        return UploadExample(upload=given.upload)
    if given.url is not None:
        return LinkedExample(url=given.url)
    return PictureExample(content=_picture(_decoded(given.base64 or "", f"{place}.base64")))


def _is_decoded(example: Example) -> bool:
    return isinstance(example, PictureExample | LinkedExample)


def _query(
    ranking: Ranking,
    wishes: tuple[Wish, ...],
    *,
    filters: tuple[Filter, ...] = (),
    hybrid: bool = False,
    **shown: Any,
) -> Query:
    if ranking.prefix:
        filters = (*filters, BeginsWith(field="key", prefix=ranking.prefix))
    return Query(
        wishes=wishes,
        part=ranking.part,
        hybrid=hybrid,
        filter=_all_of(filters),
        k=ranking.k,
        after=None if ranking.cursor is None else read_cursor(ranking.cursor),
        min_score=ranking.min_score,
        cutoff=ranking.cutoff,
        collapse=ranking.collapse,
        **shown,
    )


def _all_of(filters: tuple[Filter, ...]) -> Filter | None:
    if len(filters) > 1:
        return AllOf(conditions=filters)
    return filters[0] if filters else None


def _content_type(event: Event) -> str:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return (headers.get("content-type") or "").partition(";")[0].strip().lower()


def _query_string(event: Event) -> Mapping[str, str]:
    """Return the query string's parameters, each of which stands once."""
    for name, values in (event.get("multiValueQueryStringParameters") or {}).items():
        if len(values) > 1:
            raise RequestInvalidError(f"{name[:_LONGEST_PLACE]}: give it once.")
    return event.get("queryStringParameters") or {}


def _parameters(event: Event, kind: type[Model]) -> Model:
    given = _query_string(event)
    values = {name: _TRUTH.get(text, text) if name in _FLAGS else text for name, text in given.items()}
    return _validated(lambda: kind.model_validate(values))


def _check_size(event: Event, limit: int) -> None:
    """Refuse a body that Lambda would not take; an emulator or a larger gateway may let it through."""
    if _body_bytes(event) > limit:
        raise UseUploadError(
            f"A request has at most {limit} bytes as Lambda counts them (a picture in base64). "
            "Bring the picture there by POST /uploads, and search by what that calls it."
        )


def _body_bytes(event: Event) -> int:
    return len((event.get("body") or "").encode("utf-8", "surrogatepass"))


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
    if any(each["type"] == "string_too_long" and each["loc"][-1] in _TEXT_FIELDS for each in complaints):
        raise TextTooLongError(f"The text is too long: at most {MAX_TEXT_CHARACTERS} characters.") from error
    where = ".".join(str(part) for part in first["loc"])[:_LONGEST_PLACE] or "The request"
    kind = FilterInvalidError if first["loc"][:1] == ("filter",) else RequestInvalidError
    raise kind(f"{where}: {first['msg']}.") from error
