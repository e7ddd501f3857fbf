"""The answer format: what a prediction looks like on the wire."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_inference.errors import HTTP_STATUS, AcceptUnsupportedError, InferenceError
from clip_inference.payloads import JSON, JSON_LINES, NPY, media_type

# float32 holds 6e-8 of a vector of length 1; more digits would only make the answer longer.
DECIMALS = 8


@dataclass(frozen=True)
class PictureFacts:
    """What decoding told of a picture: size in pixels, upright; `etag` and metadata only of a stored one."""

    width: int
    height: int
    content_type: str
    perceptual_hash: str
    etag: str | None = None
    user_metadata: Mapping[str, str] | None = None

    def document(self) -> dict[str, Any]:
        """The facts as JSON has them, without those that the picture does not have."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Embedding:
    """A normalized vector (dimension,) float32; `picture` is None for a text."""

    vector: NDArray[np.float32]
    picture: PictureFacts | None


@dataclass(frozen=True)
class Answer:
    """One record's outcome under the record's label."""

    label: str | None
    outcome: Embedding | InferenceError


@dataclass(frozen=True)
class Prediction:
    """The answers to one request, in its order, and the model that gave them."""

    fingerprint: str
    dimension: int
    answers: tuple[Answer, ...]
    lines: bool


def render(prediction: Prediction, accept: str | None) -> str | bytes:
    """The body of the answer in the first form that the client accepts.

    JSON Lines are answered in JSON Lines even to `Accept: application/json`, which is what the model server
    puts in place of a missing header. In the other forms the first failed answer is raised.
    """
    renderers: dict[str, Callable[[Prediction], str | bytes]] = (
        {JSON: _json_lines, JSON_LINES: _json_lines} if prediction.lines else {JSON: _json, NPY: _npy}
    )
    for wanted in map(media_type, (accept or JSON).split(",")):
        chosen = renderers.get(JSON if wanted in {"", "*/*", "application/*"} else wanted)
        if chosen is not None:
            return chosen(prediction)
    raise AcceptUnsupportedError(f"Accept one of {', '.join(renderers)}.")


def render_error(error: InferenceError) -> str:
    """The body of a request that failed as a whole."""
    return json.dumps({"error": _error_document(error)}, ensure_ascii=False)


def status_of(error: InferenceError) -> int:
    """The HTTP status of a request that failed as a whole."""
    return HTTP_STATUS[error.code]


def _error_document(error: InferenceError) -> dict[str, str]:
    return {"code": error.code, "message": error.message}


def _embeddings(prediction: Prediction) -> list[Embedding]:
    embeddings = []
    for answer in prediction.answers:
        if isinstance(answer.outcome, InferenceError):
            raise answer.outcome.within(answer.label) if answer.label else answer.outcome
        embeddings.append(answer.outcome)
    return embeddings


def _matrix(embeddings: Sequence[Embedding]) -> NDArray[np.float32]:
    return np.stack([embedding.vector for embedding in embeddings]).astype("<f4")  # (n, dimension)


def _json(prediction: Prediction) -> str:
    embeddings = _embeddings(prediction)
    pictures = [embedding.picture.document() if embedding.picture else None for embedding in embeddings]
    facts = {"fingerprint": prediction.fingerprint, "dimension": prediction.dimension, "pictures": pictures}
    vectors = ",".join(_numbers(embedding.vector) for embedding in embeddings)
    return f'{_compact(facts)[:-1]},"embeddings":[{vectors}]}}'


def _npy(prediction: Prediction) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, _matrix(_embeddings(prediction)))
    return buffer.getvalue()


def _json_lines(prediction: Prediction) -> str:
    return "".join(_line(answer, prediction.fingerprint) + "\n" for answer in prediction.answers)


def _line(answer: Answer, fingerprint: str) -> str:
    if isinstance(answer.outcome, InferenceError):
        return _compact({"id": answer.label, "error": _error_document(answer.outcome)})
    vector, picture = answer.outcome.vector, answer.outcome.picture
    facts = {"id": answer.label, "fingerprint": fingerprint, "picture": picture and picture.document()}
    return f'{_compact(facts)[:-1]},"embedding":{_numbers(vector)}}}'


def _compact(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _numbers(vector: NDArray[np.float32]) -> str:
    """The vector as a line holds it: the reader passes these very bytes on, so their form is agreed."""
    numbers = tuple(vector.tolist())
    return _format(len(numbers)) % numbers


@cache
def _format(dimension: int) -> str:
    return f"[{','.join([f'%.{DECIMALS}f'] * dimension)}]"
