"""Rendering the API's answers; the one table from errors to HTTP statuses."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response, content_types
from pydantic import BaseModel

from imagesearch import errors
from imagesearch.entrypoints.answer_types import ErrorAnswer, ErrorDetail
from imagesearch.errors import ImageSearchError, UnavailableError

REQUEST_ID_HEADER = "x-request-id"

STATUS: dict[type[ImageSearchError], HTTPStatus] = {
    errors.RequestInvalidError: HTTPStatus.BAD_REQUEST,
    errors.RequestTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ContentTypeUnsupportedError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.QueryEmptyError: HTTPStatus.BAD_REQUEST,
    errors.TextTooLongError: HTTPStatus.BAD_REQUEST,
    errors.ImageUnknownError: HTTPStatus.NOT_FOUND,
    errors.UploadUnknownError: HTTPStatus.NOT_FOUND,
    errors.UseUploadError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.FilterInvalidError: HTTPStatus.BAD_REQUEST,
    errors.CursorInvalidError: HTTPStatus.BAD_REQUEST,
    errors.CursorExpiredError: HTTPStatus.GONE,
    errors.UrlsDisabledError: HTTPStatus.BAD_REQUEST,
    errors.UrlRefusedError: HTTPStatus.BAD_REQUEST,
    errors.UrlUnreachableError: HTTPStatus.BAD_REQUEST,
    errors.LinkExpiredError: HTTPStatus.FORBIDDEN,
    errors.RouteUnknownError: HTTPStatus.NOT_FOUND,
    errors.PictureEmptyError: HTTPStatus.BAD_REQUEST,
    errors.PictureUnsupportedFormatError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.PictureCorruptError: HTTPStatus.BAD_REQUEST,
    errors.PictureTooManyPixelsError: HTTPStatus.BAD_REQUEST,
    errors.PictureTooCostlyError: HTTPStatus.BAD_REQUEST,
    errors.SourceTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ModelMismatchError: HTTPStatus.CONFLICT,
    errors.IndexMissingError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ModelUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SearchUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeadlineError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ApiUnavailableError: HTTPStatus.INTERNAL_SERVER_ERROR,
    # These belong to ingest, bulk runs, migrations, backups and setup; on a query they would be the code's
    # own fault.
    errors.MetadataInvalidError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.SourceNotFoundError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.UnsettledError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.RunUnknownError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.RunOutdatedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ModelNotDeployedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ArtifactMissingError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ArtifactDamagedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ShardIncompleteError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.BulkIncompleteError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.MigrationMissingError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.MigrationActiveError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.MigrationOutdatedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.GateMissingError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.GateFailedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.NotSwitchedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.DrainNotOverError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.IndexRetiredError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.IndexInUseError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.LabelsInvalidError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.SnapshotUnknownError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.SnapshotUnusableError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.RepositoryRefusedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.IndexLiveError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.IndexUnreadyError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ImageBuildFailedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.SettingsError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.MessageInvalidError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.EventInvalidError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ModelProtocolError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.SourceForbiddenError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.SearchRefusedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.SearchDeniedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.StoreRefusedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ImageBuildRefusedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.WebFilesInvalidError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ApiRefusedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ApiAnswerError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.EngineMissingError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

INTERNAL = ErrorDetail(code="internal", message="Something went wrong here; the log knows the request's id.")


def status_of(error: Exception) -> HTTPStatus:
    """Return the status of an error; 500 for one that the table does not know."""
    return STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)  # type: ignore[arg-type]


def detail_of(error: Exception) -> ErrorDetail:
    """Return what the caller may learn of an error: nothing at all of one that is ours."""
    if isinstance(error, ImageSearchError) and status_of(error) != HTTPStatus.INTERNAL_SERVER_ERROR:
        return ErrorDetail(code=error.code, message=error.message)
    return INTERNAL


def answer(model: BaseModel, *, request_id: str, status: HTTPStatus = HTTPStatus.OK) -> Response[str]:
    """Return a model as the API's JSON; the header lets every answer be found in the log."""
    return json_answer(model.model_dump_json(exclude_none=True), request_id=request_id, status=status)


def json_answer(body: str, *, request_id: str, status: HTTPStatus = HTTPStatus.OK) -> Response[str]:
    """Return JSON that is written already."""
    return Response(
        status_code=status,
        content_type=content_types.APPLICATION_JSON,
        headers={REQUEST_ID_HEADER: request_id},
        body=body,
    )


def error_answer(error: Exception, *, request_id: str) -> Response[str]:
    """Return an error in the API's one shape, with Retry-After where waiting helps."""
    body = ErrorAnswer(error=detail_of(error), request_id=request_id)
    response = answer(body, request_id=request_id, status=status_of(error))
    if isinstance(error, UnavailableError):
        response.headers["retry-after"] = str(error.retry_after)
    return response
