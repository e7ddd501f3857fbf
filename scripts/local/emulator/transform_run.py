"""The work of one transform job: its input objects through its model servers into output objects."""

import contextvars
import http.client
import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from scripts.local.emulator.errors import SageMakerError
from scripts.local.emulator.transform_request import MEGABYTE, Location, TransformRequest
from scripts.local.model_server.server import Answer, ModelServer
from scripts.local.waiting import wait_until

RETRY_SECONDS = 1.0
"""Pause before the first repetition of a request; each further one doubles it."""
CLIENT_ERROR, ALGORITHM_ERROR, INTERNAL_ERROR = "ClientError", "AlgorithmError", "InternalServerError"
"""What SageMaker's FailureReason starts with: the input's fault, the container's, its own."""
NO_RESPONSE = "Unable to get response from algorithm"
CONTAINER_ENDED = "The container ended while it answered"
QUOTED_CHARACTERS = 500
DETECTION_SECONDS = 2.0
"""How long a container that has broken a connection may take until its end is noticed."""

logger = logging.getLogger(__name__)


class Objects(Protocol):
    """The emulator's S3 as far as jobs use it."""

    def fetch(self, bucket: str, key: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        ...

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """The keys with that prefix, in order; empty where the bucket does not exist."""
        ...

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object; ``SageMakerError`` where S3 refuses it."""
        ...


class Input(NamedTuple):
    """One input object; ``name`` is its key below the prefix, which its output is named after."""

    location: Location
    name: str


@dataclass(frozen=True)
class Failure:
    """Why an input or a job failed: whose fault it is, and a sentence."""

    kind: str
    sentence: str


class JobFailedError(Exception):
    """The job cannot go on at all."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(f"{kind}: {sentence}")
        self.failure = Failure(kind, sentence)


def list_inputs(request: TransformRequest, objects: Objects) -> list[Input]:
    """The job's input objects, or the ``JobFailedError`` of a source without any."""
    by_prefix = request.data_type == "S3Prefix"
    inputs = _under_prefix(request.source, objects) if by_prefix else _of_manifest(request.source, objects)
    if not inputs:
        raise JobFailedError(
            CLIENT_ERROR,
            f'no S3 objects found under S3 URL "{request.source.uri}" given in input data source',
        )
    return inputs


def _under_prefix(source: Location, objects: Objects) -> list[Input]:
    folder = source.key[: source.key.rfind("/") + 1]
    keys = [key for key in objects.keys(source.bucket, source.key) if not key.endswith("/")]
    return [Input(Location(source.bucket, key), key.removeprefix(folder)) for key in keys]


def _of_manifest(source: Location, objects: Objects) -> list[Input]:
    """What a manifest names: ``[{"prefix": "s3://bucket/some/"}, "key below it", …]``."""
    text = objects.fetch(source.bucket, source.key)
    if text is None:
        raise JobFailedError(CLIENT_ERROR, f"the manifest {source.uri} does not exist")
    try:
        head, *names = json.loads(text)
        prefix = head["prefix"]
        bucket, _, folder = prefix.removeprefix("s3://").partition("/")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise JobFailedError(CLIENT_ERROR, f"{source.uri} is not a manifest") from error
    if not prefix.startswith("s3://") or not all(isinstance(name, str) for name in names):
        raise JobFailedError(CLIENT_ERROR, f"{source.uri} is not a manifest")
    return [Input(Location(bucket, folder + name), name) for name in names]


class TransformRun:
    """Sends ``inputs`` to ``servers``, as many at once to each as the request says."""

    def __init__(
        self,
        request: TransformRequest,
        inputs: Sequence[Input],
        *,
        objects: Objects,
        stopping: threading.Event,
    ) -> None:
        self.failures: list[Failure] = []
        self._request = request
        self._inputs = iter(inputs)
        self._taking = threading.Lock()
        self._objects = objects
        self._stopping = stopping
        self._container_ended = threading.Event()

    def start(self, servers: Sequence[ModelServer]) -> list[threading.Thread]:
        """The threads that do the work; they end by themselves, soon after a stop too.

        Daemons, because the emulator's end must not wait for a request; in the caller's context, which says
        whose S3 it is.
        """
        threads = [
            threading.Thread(
                target=contextvars.copy_context().run,
                args=(self._work, server),
                daemon=True,
                name=self._request.name,
            )
            for server in servers
            for _ in range(self._request.concurrent)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _work(self, server: ModelServer) -> None:
        while (item := self._next()) is not None:
            failure = self._transform_safely(server, item)
            if failure is not None and not self._stopping.is_set():
                self.failures.append(failure)
                logger.error("transform job %s: %s: %s", self._request.name, failure.kind, failure.sentence)

    def _next(self) -> Input | None:
        if self._stopping.is_set() or self._container_ended.is_set():
            return None
        with self._taking:
            return next(self._inputs, None)

    def _transform_safely(self, server: ModelServer, item: Input) -> Failure | None:
        try:
            return self._transform(server, item)
        except SageMakerError as error:
            return Failure(CLIENT_ERROR, error.message)
        except Exception:
            logger.exception("transform job %s: %s", self._request.name, item.location.uri)
            return Failure(INTERNAL_ERROR, "We encountered an internal error. Please try again.")

    def _transform(self, server: ModelServer, item: Input) -> Failure | None:
        """Write the output of one object, or say why there is none."""
        body = self._objects.fetch(*item.location)
        if body is None:
            return Failure(CLIENT_ERROR, f"{item.location.uri} does not exist")
        if len(body) > self._request.payload_mb * MEGABYTE:
            return Failure(
                CLIENT_ERROR,
                f"{item.location.uri}: Too much data for max payload size ({len(body)} bytes, "
                f"MaxPayloadInMB={self._request.payload_mb})",
            )
        answer = self._ask(server, body)
        if answer is None and self._container_ended.is_set():
            return Failure(ALGORITHM_ERROR, f"{item.location.uri}: {CONTAINER_ENDED}")
        if answer is None or not 200 <= answer.status < 300:
            return _failure_of(answer, item.location)
        if not self._stopping.is_set():
            self._objects.put(*self._output_of(item), answer.body)
        return None

    def _ask(self, server: ModelServer, body: bytes) -> Answer | None:
        """The container's answer; errors of its own and silence are tried again, refusals are not.

        None when it never answered. MMS starts a worker that died anew, so that a repetition finds one; a
        container that ended is not started again, and with it ends the job.
        """
        answer = None
        for attempt in range(self._request.retries + 1):
            if attempt and self._stopping.wait(RETRY_SECONDS * 2 ** (attempt - 1)):
                return answer
            answer = self._try(server, body)
            if self._container_ended.is_set() or (answer is not None and answer.status < 500):
                return answer
        return answer

    def _try(self, server: ModelServer, body: bytes) -> Answer | None:
        try:
            return server.invoke(
                body,
                content_type=self._request.content_type,
                accept=self._request.accept,
                timeout_seconds=self._request.timeout_seconds,
            )
        except TimeoutError:
            return None
        except (OSError, http.client.HTTPException):
            if wait_until(lambda: not server.is_running, seconds=DETECTION_SECONDS):
                self._container_ended.set()
            return None

    def _output_of(self, item: Input) -> Location:
        """``<output path>/<input name>.out``."""
        output = self._request.output
        folder = f"{output.key.rstrip('/')}/" if output.key else ""
        return Location(output.bucket, f"{folder}{item.name}.out")


def _failure_of(answer: Answer | None, location: Location) -> Failure:
    if answer is None:
        return Failure(ALGORITHM_ERROR, f"{location.uri}: {NO_RESPONSE}")
    text = answer.body.decode(errors="replace")[:QUOTED_CHARACTERS]
    if answer.status < 500:
        return Failure(CLIENT_ERROR, f"{location.uri}: {CLIENT_ERROR}: {answer.status}, message: {text}")
    return Failure(
        ALGORITHM_ERROR,
        f"{location.uri}: Bad HTTP status received from algorithm: {answer.status}, message: {text}",
    )
