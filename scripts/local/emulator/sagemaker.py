"""What the stand-in knows: models, endpoint configurations, and endpoints with their model servers.

Free of the emulator. Names, properties and errors are those of SageMaker's API; the image that a model
names is not pulled: every container is the genuine serving stack of ``scripts.local.model_server``.
"""

import http.client
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.local.emulator.authority import Authority
from scripts.local.emulator.containers import Containers, FetchObject, Properties
from scripts.local.emulator.errors import (
    SageMakerError,
    already_exists,
    endpoint_down,
    endpoint_not_ready,
    endpoint_unknown,
    model_error,
    not_found,
)
from scripts.local.model_server.server import Answer, ModelServer

REALTIME_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Largest request of a real-time endpoint (SageMaker service quotas)."""
SERVERLESS_PAYLOAD_BYTES = 4 * 1024 * 1024
"""Largest request of a serverless endpoint (SageMaker service quotas)."""
INVOCATION_SECONDS = 60.0
"""How long SageMaker waits for a container's answer."""

logger = logging.getLogger(__name__)


@dataclass
class Endpoint:
    """One endpoint: ``status`` as DescribeEndpoint says it, and its model server once it is InService."""

    name: str
    config_name: str
    status: str = "Creating"
    failure: str | None = None
    server: ModelServer | None = None
    replacing: threading.Lock = field(default_factory=threading.Lock)
    _answering: list[ModelServer | None] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def asked(self) -> Iterator[ModelServer | None]:
        """The present server, which is not given up before the block is left."""
        with self._changed:
            server = self.server
            self._answering.append(server)
        try:
            yield server
        finally:
            with self._changed:
                self._answering.remove(server)
                self._changed.notify_all()

    def take_over(self, server: ModelServer) -> ModelServer | None:
        """Serve with another server from now on; the one before is returned once it has answered."""
        with self._changed:
            previous, self.server = self.server, server
            self._changed.wait_for(lambda: previous not in self._answering, timeout=INVOCATION_SECONDS)
        return previous


class SageMaker:
    """SageMaker's control plane and runtime for one account.

    ``fetch_object(bucket, key)`` reads the emulator's S3; ``container_environment`` is what a container finds
    beside its model's own variables (credentials and where AWS is), and ``authority`` where IAM is enforced.
    """

    def __init__(
        self,
        *,
        workdir: Path,
        first_port: int,
        fetch_object: FetchObject,
        container_environment: Mapping[str, str],
        authority: Authority | None = None,
    ) -> None:
        self.models: dict[str, Properties] = {}
        self.configs: dict[str, Properties] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.containers = Containers(
            first_port=first_port,
            fetch_object=fetch_object,
            environment=container_environment,
            authority=authority,
        )
        self._workdir = workdir

    def create_model(self, name: str, properties: Properties) -> None:
        """CreateModel."""
        if name in self.models:
            raise already_exists("model", name)
        self.models[name] = properties

    def create_config(self, name: str, properties: Properties) -> None:
        """CreateEndpointConfig; each variant's model must exist."""
        if name in self.configs:
            raise already_exists("endpoint configuration", name)
        for variant in properties["ProductionVariants"]:
            if variant["ModelName"] not in self.models:
                raise not_found("model", variant["ModelName"])
        self.configs[name] = properties

    def create_endpoint(self, name: str, config_name: str) -> None:
        """CreateEndpoint, and the wait until it is InService that CloudFormation does."""
        if name in self.endpoints:
            raise already_exists("endpoint", name)
        endpoint = self.endpoints[name] = Endpoint(name, config_name)
        try:
            endpoint.server = self._serve(endpoint, config_name)
        except BaseException:
            del self.endpoints[name]  # as CloudFormation's rollback does
            raise
        endpoint.status = "InService"

    def update_endpoint(self, name: str, config_name: str) -> None:
        """UpdateEndpoint: the old container serves until the new one does, and answers what it was asked."""
        endpoint = self._endpoint(name)
        server = self._serve(endpoint, config_name)
        endpoint.config_name, endpoint.status, endpoint.failure = config_name, "InService", None
        previous = endpoint.take_over(server)
        if previous is not None:
            self.containers.stop(previous)

    def delete_endpoint(self, name: str) -> None:
        """DeleteEndpoint: ends its model server."""
        endpoint = self._endpoint(name)
        del self.endpoints[name]
        if endpoint.server is not None:
            self.containers.stop(endpoint.server)

    def stop(self) -> None:
        """End every model server, those of transform jobs too."""
        self.containers.stop_all()

    def invoke(
        self,
        name: str,
        body: bytes,
        *,
        content_type: str,
        accept: str | None,
        attributes: str | None,
        account: str,
    ) -> tuple[Answer, str]:
        """InvokeEndpoint: the container's answer and the variant's name, or the ``SageMakerError``."""
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            raise endpoint_unknown(name, account)
        variant = self._variant(endpoint.config_name)
        _check_size(body, is_serverless="ServerlessConfig" in variant)
        with endpoint.asked() as server:
            if server is None:
                raise endpoint_not_ready(name)
            if not server.is_running:
                self._replace_in_background(endpoint)
                raise endpoint_down(name)
            answer = _ask(server, body, content_type=content_type, accept=accept, attributes=attributes)
        if not 200 <= answer.status < 300:
            raise model_error(answer.status, answer.body)
        return answer, variant["VariantName"]

    def _endpoint(self, name: str) -> Endpoint:
        if name not in self.endpoints:
            raise not_found("endpoint", name)
        return self.endpoints[name]

    def _variant(self, config_name: str) -> Properties:
        if config_name not in self.configs:
            raise not_found("endpoint configuration", config_name)
        variants: list[Properties] = self.configs[config_name]["ProductionVariants"]
        return variants[0]

    def _serve(self, endpoint: Endpoint, config_name: str) -> ModelServer:
        """A model server of the configuration's first variant that answers invocations."""
        model_name = self._variant(config_name)["ModelName"]
        if model_name not in self.models:
            raise not_found("model", model_name)
        return self.containers.start(
            self.models[model_name], workdir=self._workdir / endpoint.name / config_name
        )

    def _replace_in_background(self, endpoint: Endpoint) -> None:
        """Start the container anew, as SageMaker does with one that has ended, unless that is under way."""
        if endpoint.replacing.acquire(blocking=False):
            threading.Thread(target=self._replace, args=(endpoint,), daemon=True).start()

    def _replace(self, endpoint: Endpoint) -> None:
        try:
            ended = endpoint.take_over(self._serve(endpoint, endpoint.config_name))
            if ended is not None:
                self.containers.stop(ended)
        except SageMakerError as error:
            endpoint.status, endpoint.failure = "Failed", error.message
            logger.error("endpoint %s: %s", endpoint.name, error.message)
        finally:
            endpoint.replacing.release()


def _check_size(body: bytes, *, is_serverless: bool) -> None:
    """Refuse what SageMaker's front end refuses, in its words for either kind of endpoint."""
    if is_serverless and len(body) > SERVERLESS_PAYLOAD_BYTES:
        raise SageMakerError(400, "ValidationError", "Request has oversize body.")
    if len(body) > REALTIME_PAYLOAD_BYTES:
        raise SageMakerError(413, "413", f"HTTP content length exceeded {REALTIME_PAYLOAD_BYTES} bytes.")


def _ask(
    server: ModelServer, body: bytes, *, content_type: str, accept: str | None, attributes: str | None
) -> Answer:
    try:
        return server.invoke(
            body,
            content_type=content_type,
            accept=accept,
            attributes=attributes,
            timeout_seconds=INVOCATION_SECONDS,
        )
    except TimeoutError as error:
        silence = b"Your invocation timed out while waiting for a response from container primary."
        raise model_error(0, silence) from error
    except (OSError, http.client.HTTPException) as error:
        raise model_error(500, b"The container ended while it answered.") from error
