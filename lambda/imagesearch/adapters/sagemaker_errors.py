"""The one place where errors of SageMaker's runtime become the application's."""

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from imagesearch.adapters.sagemaker_answers import error_in
from imagesearch.errors import ImageSearchError, ModelProtocolError, ModelUnavailableError

_SOON = 5
_AFTER_A_START = 30
"""Seconds that a starting or scaling endpoint usually needs."""

_THROTTLED = {"ThrottlingException", "ModelNotReadyException", "TooManyRequestsException"}


def translate(error: ClientError | BotoCoreError, endpoint: str) -> ImageSearchError:
    """Return the application's error for one of boto's, raised while the endpoint was invoked."""
    if isinstance(error, ClientError):
        return _translate_answer(error, endpoint)
    if isinstance(error, ReadTimeoutError):
        return ModelUnavailableError(
            f"The endpoint {endpoint} did not answer in time; it may be starting.", retry_after=_AFTER_A_START
        )
    return ModelUnavailableError(f"The endpoint {endpoint} cannot be reached.", retry_after=_SOON)


def is_worth_retrying(error: BaseException | None) -> bool:
    """Return whether the same request may succeed in a moment: not after a time-out or a missing endpoint."""
    if isinstance(error, ClientError):
        return _code(error) in _THROTTLED or _status(error) in {429, 500, 502, 503, 504, 530}
    return isinstance(error, BotoCoreError) and not isinstance(error, ReadTimeoutError)


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)


def _translate_answer(error: ClientError, endpoint: str) -> ImageSearchError:
    code, status = _code(error), _status(error)
    if code == "ModelError":
        return _translate_model_error(error, endpoint)
    if code in _THROTTLED or status == 429 or status >= 500:
        return ModelUnavailableError(
            f"The endpoint {endpoint} is starting, scaling or throttled ({code}).", retry_after=_SOON
        )
    if code.startswith("ValidationE") and "not found" in str(error):
        return ModelUnavailableError(
            f"There is no endpoint {endpoint}, which the active index needs: deploy the model that the index "
            "was built by, or migrate the index to a deployed model.",
            retry_after=_AFTER_A_START,
        )
    return ModelProtocolError(f"SageMaker refuses the request to {endpoint} ({status}, {code}).")


def _translate_model_error(error: ClientError, endpoint: str) -> ImageSearchError:
    """Translate what the container itself answered: its error body, or its server's failure."""
    answered = error_in(str(error.response.get("OriginalMessage", "")))
    if answered is not None:
        return answered
    status = error.response.get("OriginalStatusCode", 500)
    if isinstance(status, int) and 400 <= status < 500 and status != 429:
        return ModelProtocolError(f"The endpoint {endpoint} refuses the request ({status}).")
    return ModelUnavailableError(f"The endpoint {endpoint} failed ({status}).", retry_after=_SOON)
