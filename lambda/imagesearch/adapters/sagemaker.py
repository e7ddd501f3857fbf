"""The model's endpoints on SageMaker: one immutable endpoint a fingerprint, asked in the agreed protocol."""

import base64
import json
import math
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagesearch.adapters import sagemaker_answers as answers
from imagesearch.adapters.retrying import RETRY_SHARE, persistently
from imagesearch.adapters.sagemaker_errors import is_worth_retrying, translate
from imagesearch.correlation import correlation_id
from imagesearch.deadline import seconds_left
from imagesearch.errors import PictureEmptyError, RequestTooLargeError, UseUploadError
from imagesearch.fingerprints import SHORT
from imagesearch.models import Embedding, PictureEmbedding

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

JSON = "application/json"
JSON_LINES = "application/jsonlines"
ANY_PICTURE = "application/x-image"

_CONNECT_TIMEOUT_SECONDS = 2.0
_CONNECT_SHARE = 0.1
_HURRIED_CLIENTS = 4
"""How many clients for less time than usual are kept: they are needed where others have been slow before."""


def runtime_client(*, invoke_timeout_seconds: float) -> "SageMakerRuntimeClient":
    """Return a client whose single attempt, begun within the retry share, ends within the timeout.

    botocore's own retries are off: they know no deadline, and would repeat a request that timed out.
    """
    import boto3

    connect = min(_CONNECT_TIMEOUT_SECONDS, invoke_timeout_seconds * _CONNECT_SHARE)
    config = Config(
        connect_timeout=connect,
        read_timeout=invoke_timeout_seconds * (1 - RETRY_SHARE) - connect,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    return boto3.client("sagemaker-runtime", config=config)


class SageMakerEmbedder:
    """Encodes with the endpoint `<endpoint_prefix><first 12 digits of the fingerprint>`.

    A throttled or failing endpoint is asked again, with growing random pauses, while a quarter of
    `invoke_timeout_seconds` lasts, or of what the deadline leaves of them; then ModelUnavailableError tells
    the caller when to come back. The container is told the id of what is being worked on.
    """

    def __init__(
        self,
        *,
        client: "SageMakerRuntimeClient",
        endpoint_prefix: str,
        bucket: str,
        max_payload_bytes: int,
        invoke_timeout_seconds: float,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._endpoint_prefix = endpoint_prefix
        self._bucket = bucket
        self._max_payload_bytes = max_payload_bytes
        self._invoke_timeout_seconds = invoke_timeout_seconds
        self._pause = pause
        self._hurried_client = lru_cache(_HURRIED_CLIENTS)(
            lambda seconds: runtime_client(invoke_timeout_seconds=seconds)
        )

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        """Return one embedding an item, the texts' first.

        Raises a PictureError or a RequestError for what is wrong with the items, UseUploadError before
        anything is sent, ModelUnavailableError, and DeadlineError.
        """
        if not all(pictures):
            raise PictureEmptyError("The picture has no bytes.")
        content_type, body = _request(texts, pictures)
        if len(body) > self._max_payload_bytes:
            raise self._too_large(pictures)
        answer = self._invoke(fingerprint, content_type=content_type, accept=JSON, body=body)
        return answers.embeddings(answer, expected=len(texts) + len(pictures))

    def embed_stored(self, *, fingerprint: str, key: str) -> PictureEmbedding:
        """Return the embedding of an object, which the container reads from the bucket itself."""
        record = {"id": key, "s3_uri": f"s3://{self._bucket}/{key}"}
        body = json.dumps(record).encode() + b"\n"
        answer = self._invoke(fingerprint, content_type=JSON_LINES, accept=JSON_LINES, body=body)
        return answers.stored_picture(answer, key=key)

    def _too_large(self, pictures: Sequence[bytes]) -> UseUploadError | RequestTooLargeError:
        limit = f"the model takes {self._max_payload_bytes} bytes in one request"
        if pictures:
            return UseUploadError(f"The picture is too large: {limit}. Bring it there by POST /uploads.")
        return RequestTooLargeError(f"The text is too large: {limit}.")

    def _invoke(self, fingerprint: str, *, content_type: str, accept: str, body: bytes) -> bytes:
        """Return the endpoint's answer, asking again while that is promising and time is left."""
        endpoint = self._endpoint_prefix + fingerprint[:SHORT]
        seconds = seconds_left(at_most=self._invoke_timeout_seconds)
        client = self._client_for(seconds)
        identifier = correlation_id()

        def attempt() -> bytes:
            answer = client.invoke_endpoint(
                EndpointName=endpoint,
                ContentType=content_type,
                Accept=accept,
                Body=body,
                **({} if identifier is None else {"CustomAttributes": identifier}),
            )
            return answer["Body"].read()

        try:
            return persistently(
                attempt, seconds=seconds, is_worth_retrying=is_worth_retrying, pause=self._pause
            )
        except (ClientError, BotoCoreError) as error:
            raise translate(error, endpoint) from error

    def _client_for(self, seconds: float) -> "SageMakerRuntimeClient":
        """Return a client that waits no longer: botocore knows a client's time-outs only, not a call's."""
        is_usual = seconds >= self._invoke_timeout_seconds
        return self._client if is_usual else self._hurried_client(max(1, math.floor(seconds)))


def _request(texts: Sequence[str], pictures: Sequence[bytes]) -> tuple[str, bytes]:
    """Return content type and body of the shortest request of the protocol for these items."""
    if not texts and len(pictures) == 1:
        return ANY_PICTURE, pictures[0]
    if not pictures:
        inputs = texts[0] if len(texts) == 1 else list(texts)
        return JSON, json.dumps({"inputs": inputs}).encode()
    images = [base64.b64encode(picture).decode("ascii") for picture in pictures]
    return JSON, json.dumps({"texts": list(texts), "images": images}).encode()
