"""The handler that SageMaker's model servers call: `model_fn` once, then the other three for every request.

The generic and the Hugging Face toolkit turn an exception into an answer with a traceback, or into a status
of their own choice. So nothing is raised here: an error travels from function to function as a value, and
`output_fn` alone sets the status. The answer is a plain string or bytes, as a tuple breaks on the Hugging
Face toolkit; both toolkits label it with the Accept header, whatever it is.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from clip_inference.answers import Prediction, render, render_error, status_of
from clip_inference.errors import InferenceError
from clip_inference.payloads import Body, Request, parse
from clip_inference.service import EmbeddingService, attempt

log = logging.getLogger(__name__)

_CALLERS_ID = "x-amzn-sagemaker-custom-attributes"
"""The header in which SageMaker hands on what the caller calls his request."""


class Context(Protocol):
    """What is used of the model server's request context."""

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the HTTP status of the answer."""

    def get_all_request_header(self, idx: int) -> Mapping[str, str]:
        """Return the request's headers, in the case in which they came."""


def model_fn(model_dir: str) -> EmbeddingService | InferenceError:
    """The loaded model; an error where the artifact is unusable, which then answers every request."""
    return attempt(EmbeddingService.load, Path(model_dir), image_bucket=os.environ.get("IMAGE_BUCKET"))


def input_fn(body: Body, content_type: str | None) -> Request | InferenceError:
    """The request in `body`: a str where the server decoded it (plain JSON), else bytes."""
    return attempt(parse, content_type, body)


def predict_fn(
    request: Request | InferenceError, model: EmbeddingService | InferenceError
) -> Prediction | InferenceError:
    """The answers to `request`; its own error first, then the model's."""
    if isinstance(request, InferenceError):
        return request
    return model if isinstance(model, InferenceError) else attempt(model.predict, request)


def output_fn(prediction: Prediction | InferenceError, accept: str | None, context: Context) -> str | bytes:
    """The body of the answer; the status, where it is not 200, is set on `context`."""
    body = prediction if isinstance(prediction, InferenceError) else attempt(render, prediction, accept)
    if not isinstance(body, InferenceError):
        return body
    context.set_response_status(code=status_of(body), phrase=body.code)
    log.warning("refused: %s (request %s)", body.code, _callers_id(context))
    return render_error(body)


def _callers_id(context: Context) -> str | None:
    headers = context.get_all_request_header(0)
    return next((value for name, value in headers.items() if name.lower() == _CALLERS_ID), None)
