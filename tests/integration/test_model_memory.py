"""The default model, served whole, fits the memory of a small endpoint."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts.artifact.package import package_model
from scripts.artifact.wheels import host_platform
from scripts.local.model_package import python_version
from scripts.local.model_server.server import ModelServer, start_model_server
from scripts.local.settings import tool_python
from tests.architectures import layouts
from tests.pictures import encoded, scene

LAYERS = 12
TWO_MEGAPIXELS = (1632, 1224)
PICTURES = 16
MEMORY = 2 * 1024**3
"""Bytes that processes of our code may take; the model server's Java comes beside them."""
WORKER, DECODER = "model_service_worker", "clip_inference.decoder_process"


@pytest.fixture(scope="module")
def server(java_for_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """CLIP ViT-B/32 in full depth with random weights: memory does not depend on their values."""
    folder = tmp_path_factory.mktemp("whole")
    packaged = package_model(
        "clip-vit-b-32",
        python=python_version(tool_python("model_server")),
        platform_tag=host_platform(),
        output_dir=folder / "models",
        source=layouts.write_clip(folder / "layout", LAYERS),
    )
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    with start_model_server(packaged.path, environment=environment, workdir=folder) as server:
        yield server


def photograph(seed: int) -> bytes:
    """As a camera writes it: some 200 kB, so that one request may hold sixteen."""
    return encoded(scene(TWO_MEGAPIXELS, seed=seed), "JPEG", quality=80)


def most_resident(process: psutil.Process) -> int:
    """The most bytes of memory that a process has had at once."""
    lines = Path(f"/proc/{process.pid}/status").read_text("utf-8").splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kibibytes) * 1024


def processes_of(server: ModelServer, program: str) -> list[psutil.Process]:
    running = psutil.process_iter(["cmdline"])
    found = [each for each in running if any(program in word for word in each.info["cmdline"] or [])]
    return [each for each in found if os.getsid(each.pid) == server.pid]


@pytest.mark.verified("SageMaker serving stack: toolkit and multi-model-server", on="genuine part")
def test_both_towers_and_the_decoders_of_a_batch_of_photographs_stay_under_two_gibibytes(
    server: ModelServer,
) -> None:
    pictures = [
        {"id": str(seed), "image": base64.b64encode(photograph(seed)).decode()} for seed in range(PICTURES)
    ]
    records = [*pictures, *({"id": f"text {place}", "text": "a dog " * place} for place in range(1, 17))]
    body = "\n".join(map(json.dumps, records)).encode()

    for _ in range(3):
        lines = "application/jsonlines"
        answer = server.invoke(body, content_type=lines, accept=lines, timeout_seconds=300)
        answers = [json.loads(line) for line in answer.body.splitlines()]
        assert [line["id"] for line in answers if "error" not in line] == [each["id"] for each in records]

    workers, decoders = processes_of(server, WORKER), processes_of(server, DECODER)
    assert workers
    assert decoders
    assert sum(map(most_resident, [*workers, *decoders])) < MEMORY
