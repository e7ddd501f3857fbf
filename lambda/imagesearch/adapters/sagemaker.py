"""The model's endpoints on SageMaker: one immutable endpoint a fingerprint, asked in the agreed protocol."""

import base64
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagesearch.adapters import sagemaker_answers as answers
from imagesearch.adapters.sagemaker_errors import is_worth_retrying, translate
from imagesearch.errors import PictureEmptyError, PictureTooLargeError, RequestTooLargeError, UnavailableError
from imagesearch.fingerprints import SHORT
from imagesearch.models import Embedding, PictureEmbedding

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

JSON = "application/json"
JSON_LINES = "application/jsonlines"
ANY_PICTURE = "application/x-image"

_CONNECT_TIMEOUT_SECONDS = 2.0
_RETRY_SHARE = 0.25
"""The part of the time for an invocation in which a new attempt may start; one attempt may take the rest."""
_FIRST_PAUSE_SECONDS = 0.1


def runtime_client(*, invoke_timeout_seconds: float) -> "SageMakerRuntimeClient":
    """Return a client whose single attempt, begun within the retry share, ends within the timeout.

    botocore's own retries are off: they know no deadline, and would repeat a request that timed out.
    """
    import boto3

    config = Config(
        connect_timeout=min(_CONNECT_TIMEOUT_SECONDS, invoke_timeout_seconds * _RETRY_SHARE),
        read_timeout=invoke_timeout_seconds * (1 - _RETRY_SHARE),
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    return boto3.client("sagemaker-runtime", config=config)


class SageMakerEmbedder:
    """Encodes with the endpoint `<endpoint_prefix><first 12 digits of the fingerprint>`.

    A throttled or failing endpoint is asked again, with growing random pauses, while a quarter of
    `invoke_timeout_seconds` lasts; then ModelUnavailableError tells the caller when to come back.
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
        self._retry_seconds = invoke_timeout_seconds * _RETRY_SHARE
        self._pause = pause

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        """Return one embedding an item, the texts' first.

        Raises a PictureError or a RequestError for what is wrong with the items, PictureTooLargeError before
        anything is sent, and ModelUnavailableError.
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

    def _too_large(self, pictures: Sequence[bytes]) -> PictureTooLargeError | RequestTooLargeError:
        limit = f"the model takes {self._max_payload_bytes} bytes in one request"
        if pictures:
            return PictureTooLargeError(f"The picture is too large: {limit}. Send a smaller copy.")
        return RequestTooLargeError(f"The text is too large: {limit}.")

    def _invoke(self, fingerprint: str, *, content_type: str, accept: str, body: bytes) -> bytes:
        """Return the endpoint's answer, asking again while that is promising and time is left."""
        last_start = time.monotonic() + self._retry_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._invoke_once(fingerprint, content_type=content_type, accept=accept, body=body)
            except UnavailableError as error:
                if not is_worth_retrying(error.__cause__) or time.monotonic() + pause > last_start:
                    raise
            self._pause(random.uniform(pause / 2, pause))  # noqa: S311 - jitter, no secret
            pause *= 2

    def _invoke_once(self, fingerprint: str, *, content_type: str, accept: str, body: bytes) -> bytes:
        endpoint = self._endpoint_prefix + fingerprint[:SHORT]
        try:
            response = self._client.invoke_endpoint(
                EndpointName=endpoint, ContentType=content_type, Accept=accept, Body=body
            )
            return response["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise translate(error, endpoint) from error


def _request(texts: Sequence[str], pictures: Sequence[bytes]) -> tuple[str, bytes]:
    """Return content type and body of the shortest request of the protocol for these items."""
    if not texts and len(pictures) == 1:
        return ANY_PICTURE, pictures[0]
    if not pictures:
        inputs = texts[0] if len(texts) == 1 else list(texts)
        return JSON, json.dumps({"inputs": inputs}).encode()
    images = [base64.b64encode(picture).decode("ascii") for picture in pictures]
    return JSON, json.dumps({"texts": list(texts), "images": images}).encode()
