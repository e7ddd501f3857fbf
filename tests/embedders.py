"""The SageMaker adapter as the tests ask it, on a runtime on loopback."""

import json

import pytest

from imagesearch.adapters.sagemaker import SageMakerEmbedder, runtime_client
from tests.builders import FINGERPRINT
from tests.sagemaker_runtime import Answer

SOUND = {"fingerprint": FINGERPRINT, "dimension": 2, "embeddings": [[0.6, 0.8]], "pictures": [None]}


def json_answer(body: object) -> Answer:
    return Answer(body=json.dumps(body).encode())


def sagemaker_variables(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let boto ask the runtime at `url`, with credentials that nothing checks."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", url)


def embedder_of(
    *, timeout: float = 8, pauses: list[float] | None = None, limit: int = 4000
) -> SageMakerEmbedder:
    return SageMakerEmbedder(
        client=runtime_client(invoke_timeout_seconds=timeout),
        endpoint_prefix="imagesearch-dev-",
        bucket="pictures",
        max_payload_bytes=limit,
        invoke_timeout_seconds=timeout,
        pause=(pauses if pauses is not None else list[float]()).append,
    )


def embed_text(**settings: float) -> None:
    embedder_of(**settings).embed(fingerprint=FINGERPRINT, texts=["sea"])  # type: ignore[arg-type]
