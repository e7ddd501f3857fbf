"""The containers that the stand-in runs: each is the genuine serving stack with a model's artifact in it."""

import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scripts.local.emulator.authority import Authority, Everyone
from scripts.local.emulator.errors import SageMakerError
from scripts.local.model_server.server import ModelServer, ModelServerError, launch_model_server

ARTIFACT_KEY = re.compile(r"models/([0-9a-f]{64})/model\.tar\.gz")

Properties = Mapping[str, Any]
FetchObject = Callable[[str, str], bytes | None]


class Containers:
    """Starts and ends model servers, for endpoints and for transform jobs alike.

    ``fetch_object(bucket, key)`` reads the emulator's S3; ``environment`` is what a container finds beside
    its model's own variables (credentials and where AWS is). Where ``authority`` enforces IAM, it acts as the
    model's role.
    """

    def __init__(
        self,
        *,
        first_port: int,
        fetch_object: FetchObject,
        environment: Mapping[str, str],
        authority: Authority | None = None,
    ) -> None:
        self._first_port = first_port
        self._authority = authority or Everyone()
        self._fetch_object = fetch_object
        self._environment = environment
        self._running: set[ModelServer] = set()
        self._is_closed = False
        self._launching = threading.Lock()

    def start(
        self, model: Properties, *, workdir: Path, environment: Mapping[str, str] | None = None
    ) -> ModelServer:
        """A server of ``model`` that answers invocations; ``environment`` wins over the model's own.

        Raises the ``SageMakerError`` of an artifact that cannot be had or does not serve.
        """
        container = container_of(model)
        workdir.mkdir(parents=True, exist_ok=True)
        artifact = workdir / "model.tar.gz"
        role = str(model.get("ExecutionRoleArn", ""))
        artifact.write_bytes(self._artifact(container["ModelDataUrl"], role))
        variables = {
            **self._environment,
            **self._authority.credentials(role),
            **container.get("Environment", {}),
            **(environment or {}),
        }
        try:
            return self._launch(artifact, variables, workdir)
        finally:
            artifact.unlink()

    def stop(self, server: ModelServer) -> None:
        """End one server; one that is ended already is left alone."""
        if server in self._running:
            self._running.discard(server)
            server.stop()

    def stop_all(self) -> None:
        """End every server, those that are still starting too, and start none any more."""
        with self._launching:
            self._is_closed = True
        for server in list(self._running):
            self.stop(server)

    def _launch(self, artifact: Path, variables: Mapping[str, str], workdir: Path) -> ModelServer:
        with self._launching:
            if self._is_closed:
                raise SageMakerError(503, "ServiceUnavailable", "The stand-in of SageMaker is ending.")
            server = launch_model_server(
                artifact, first_port=self._first_port, environment=variables, workdir=workdir
            )
            self._running.add(server)
        try:
            server.wait_until_ready()
        except ModelServerError as error:
            self.stop(server)
            raise SageMakerError(400, "ValidationException", str(error)) from error
        return server

    def _artifact(self, url: str, role: str) -> bytes:
        """The artifact's bytes as the model's role reads them; their SHA-256 must be what the key names."""
        location = urlsplit(url)
        key = location.path.lstrip("/")
        named = ARTIFACT_KEY.fullmatch(key)
        if named is None:
            raise SageMakerError(
                400, "ValidationException", f"{url} does not name its digest: models/<sha256>/model.tar.gz"
            )
        self._authority.require_role(role, "s3:GetObject", f"arn:aws:s3:::{location.netloc}/{key}")
        content = self._fetch_object(location.netloc, key)
        if content is None:
            raise SageMakerError(400, "ValidationException", f"Could not find model data at {url}.")
        if hashlib.sha256(content).hexdigest() != named.group(1):
            raise SageMakerError(400, "ValidationException", f"{url} does not have the digest that it names.")
        return content


def container_of(model: Properties) -> Properties:
    """The container definition of a model, which names it alone or as the only one of a list."""
    container: Properties = model.get("PrimaryContainer") or model["Containers"][0]
    return container
