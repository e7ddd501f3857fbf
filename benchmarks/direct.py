"""What a model server embeds when nothing stands before it: the shards of a run, sent to a genuine one."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.deployed import Deployed
from scripts.local.emulator_process import aws_environment
from scripts.local.java import java_home
from scripts.local.model_server.server import ModelServer, start_model_server

JSON_LINES = "application/jsonlines"
_TIMEOUT_SECONDS = 600


class DirectServer:
    """A model server that serves what the transform job serves, asked by `concurrency` threads."""

    def __init__(self, server: ModelServer, *, concurrency: int) -> None:
        self._server = server
        self._concurrency = concurrency

    def rate(self, shards: Sequence[bytes]) -> float:
        """Return pictures a second over these shards; each is a request."""
        began = time.perf_counter()
        with ThreadPoolExecutor(self._concurrency) as askers:
            answered = sum(askers.map(self._ask, shards))
        return answered / (time.perf_counter() - began)

    def _ask(self, shard: bytes) -> int:
        answer = self._server.invoke(
            shard, content_type=JSON_LINES, accept=JSON_LINES, timeout_seconds=_TIMEOUT_SECONDS
        )
        lines = answer.body.splitlines()
        if answer.status != 200 or any(b'"embedding"' not in line for line in lines):
            raise RuntimeError(f"the model server answered {answer.status}: {answer.body[:500]!r}")
        return len(lines)


@contextmanager
def direct_server(place: Deployed, *, model: str, concurrency: int) -> Iterator[DirectServer]:
    """Serve SageMaker's `model` as a transform job does, until the block is left."""
    container = place.client("sagemaker").describe_model(ModelName=model)["PrimaryContainer"]
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder:
        artifact = Path(folder) / "model.tar.gz"
        _download(place.client("s3"), container["ModelDataUrl"], artifact)
        environment = {
            **aws_environment(place.settings),
            **container["Environment"],
            "SAGEMAKER_BATCH": "true",
            "JAVA_HOME": str(java_home()),
        }
        with start_model_server(artifact, environment=environment, workdir=Path(folder)) as server:
            yield DirectServer(server, concurrency=concurrency)


def _download(s3: Any, uri: str, path: Path) -> None:
    location = urlsplit(uri)
    s3.download_file(location.netloc, location.path.lstrip("/"), str(path))
