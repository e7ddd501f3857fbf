"""The API's routes, in one table: the functions register them, and the OpenAPI document is made from them."""

from dataclasses import dataclass
from http import HTTPMethod
from typing import Literal

from pydantic import BaseModel

from imagesearch import errors
from imagesearch.entrypoints.answer_types import HealthAnswer, ImageAnswer, SearchAnswer, UploadAnswer
from imagesearch.entrypoints.request_types import (
    RequestType,
    SearchParameters,
    SearchRequest,
    SimilarParameters,
    TextSearchParameters,
    ThumbnailParameters,
    UploadRequest,
)
from imagesearch.errors import ImageSearchError

Errors = tuple[type[ImageSearchError], ...]


@dataclass(frozen=True, kw_only=True)
class Route:
    """A method of a path (`{id}` stands for any id), and what it takes and answers.

    `operation` names it for generated clients. `parameters` are the query string's, `body` is JSON, and where
    `takes_pictures`, the body may be a picture's bytes instead. `answer` is a JSON type, a WebP, or the
    document itself; `errors` are those that can be the asker's to mend or to wait for.
    A `guarded` route asks who calls.
    """

    operation: str
    method: HTTPMethod
    path: str
    summary: str
    answer: type[BaseModel] | Literal["webp", "document"]
    errors: Errors = ()
    parameters: type[RequestType] | None = None
    body: type[RequestType] | None = None
    takes_pictures: bool = False
    function: Literal["query", "thumbnail"] = "query"
    guarded: bool = True


_UNAVAILABLE: Errors = (
    errors.IndexMissingError,
    errors.SearchUnavailableError,
    errors.StoreUnavailableError,
    errors.DeadlineError,
)
_SEARCHING: Errors = (
    errors.RequestInvalidError,
    errors.CursorInvalidError,
    errors.CursorExpiredError,
    errors.ModelMismatchError,
    errors.ModelUnavailableError,
    *_UNAVAILABLE,
)
_PICTURE: Errors = (
    errors.PictureEmptyError,
    errors.PictureUnsupportedFormatError,
    errors.PictureCorruptError,
    errors.PictureTooManyPixelsError,
    errors.PictureTooCostlyError,
    errors.SourceTooLargeError,
)

ROUTES = (
    Route(
        operation="search",
        method=HTTPMethod.POST,
        path="/search",
        summary="Search by texts and pictures, liked and unlike, with filters and facets.",
        parameters=SearchParameters,
        body=SearchRequest,
        takes_pictures=True,
        answer=SearchAnswer,
        errors=(
            errors.QueryEmptyError,
            errors.TextTooLongError,
            errors.FilterInvalidError,
            errors.UrlsDisabledError,
            errors.UrlRefusedError,
            errors.UrlUnreachableError,
            errors.ImageUnknownError,
            errors.UploadUnknownError,
            errors.UseUploadError,
            errors.RequestTooLargeError,
            errors.ContentTypeUnsupportedError,
            *_PICTURE,
            *_SEARCHING,
        ),
    ),
    Route(
        operation="search_text",
        method=HTTPMethod.GET,
        path="/search",
        summary="Search by a text.",
        parameters=TextSearchParameters,
        answer=SearchAnswer,
        errors=(errors.QueryEmptyError, errors.TextTooLongError, *_SEARCHING),
    ),
    Route(
        operation="image",
        method=HTTPMethod.GET,
        path="/images/{id}",
        summary="Tell what is known of a picture.",
        answer=ImageAnswer,
        errors=(errors.RequestInvalidError, errors.ImageUnknownError, *_UNAVAILABLE),
    ),
    Route(
        operation="similar",
        method=HTTPMethod.GET,
        path="/images/{id}/similar",
        summary="Find the pictures that resemble an indexed one, without that one.",
        parameters=SimilarParameters,
        answer=SearchAnswer,
        errors=(errors.ImageUnknownError, *_PICTURE, *_SEARCHING),
    ),
    Route(
        operation="upload",
        method=HTTPMethod.POST,
        path="/uploads",
        summary="Get a form to upload a picture with: to search by it, or into the library.",
        body=UploadRequest,
        answer=UploadAnswer,
        errors=(
            errors.RequestInvalidError,
            errors.SourceTooLargeError,
            errors.RequestTooLargeError,
            errors.ContentTypeUnsupportedError,
            errors.StoreUnavailableError,
        ),
    ),
    Route(
        operation="thumbnail",
        method=HTTPMethod.GET,
        path="/thumbnails/{id}",
        summary="Show a small copy of a picture; hits hold the address, which carries its own signature.",
        parameters=ThumbnailParameters,
        answer="webp",
        errors=(
            errors.RequestInvalidError,
            errors.LinkExpiredError,
            errors.ImageUnknownError,
            *_PICTURE,
            errors.StoreUnavailableError,
        ),
        function="thumbnail",
        guarded=False,
    ),
    Route(
        operation="health",
        method=HTTPMethod.GET,
        path="/health",
        summary="Tell whether searches can be answered, by which model and among how many pictures.",
        answer=HealthAnswer,
        errors=(errors.RequestInvalidError, *_UNAVAILABLE),
    ),
    Route(
        operation="openapi",
        method=HTTPMethod.GET,
        path="/openapi.json",
        summary="Show this document.",
        answer="document",
        errors=(errors.RequestInvalidError,),
    ),
)
