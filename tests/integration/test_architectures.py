"""Real architectures with random weights, packaged from a folder: the vectors are the reference's own."""

import base64
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice, product
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

import inference
from clip_inference.decode import decode
from clip_inference.preprocess import needed_length, resize
from scripts.artifact.archive import unpack
from scripts.artifact.package import PackagedModel, package_model
from scripts.artifact.wheels import host_platform
from scripts.gallery import gallery
from scripts.local.model_package import python_version
from scripts.local.model_server.server import start_model_server
from scripts.local.settings import tool_python
from tests.architectures import layouts
from tests.handler import ask
from tests.pictures import encoded

VECTORS = Path(__file__).parents[1] / "fixtures" / "architectures" / "vectors.npz"
TEXTS: list[str] = json.loads((layouts.CANONICAL / "tokens.json").read_text("utf-8"))["texts"]
PICTURES = [
    base64.b64encode((layouts.CANONICAL / f"{name}.png").read_bytes()).decode()
    for name in ("landscape", "portrait", "small", "panorama")
]
BATCHES = (1, 2, 7, 32)
SAME_VECTOR = 0.9999
SAME_PICTURE = 0.999
"""The least cosine of a photograph's vector to that of the same one decoded whole."""
JSON = "application/json"

Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A catalogue's model whose layout is written with random weights, and where its vectors are kept."""

    model: str
    write: Callable[[Path], Path]
    vectors: str

    def canonical(self, kind: str) -> Vectors:
        """The reference's vectors of the canonical `texts` or `images`."""
        with np.load(VECTORS) as vectors:
            canonical: Vectors = vectors[f"{self.vectors}_{kind}"]
        return canonical


CLIP = Architecture(model="clip-vit-b-32", write=layouts.write_clip, vectors="clip")
SIGLIP = Architecture(model="siglip2-b-16", write=layouts.write_siglip, vectors="siglip")


@pytest.fixture(scope="module", params=[CLIP, SIGLIP], ids=lambda architecture: architecture.vectors)
def architecture(request: pytest.FixtureRequest) -> Architecture:
    chosen: Architecture = request.param
    return chosen


@pytest.fixture(scope="module")
def packaged(architecture: Architecture, tmp_path_factory: pytest.TempPathFactory) -> PackagedModel:
    folder = tmp_path_factory.mktemp(architecture.vectors)
    return package_model(
        architecture.model,
        python=python_version(tool_python("model_server")),
        platform_tag=host_platform(),
        output_dir=folder / "models",
        source=architecture.write(folder / "layout"),
    )


@pytest.fixture(scope="module")
def model(packaged: PackagedModel) -> Any:
    """The packaged model, loaded by the handler in this process."""
    folder = packaged.path.parent / "unpacked"
    with tarfile.open(packaged.path) as archive:
        names = ("model.json", "image.onnx", "text.onnx", "tokenizer.json")
        unpack(archive, folder, map(archive.getmember, names))
    return inference.model_fn(str(folder))


def body(kind: str, count: int) -> str:
    return json.dumps({kind: list(islice(cycle(TEXTS if kind == "texts" else PICTURES), count))})


def nearness(answer: str | bytes, canonical: Vectors) -> float:
    """The smallest cosine between an answered vector and the reference's of the same input."""
    vectors = np.array(json.loads(answer)["embeddings"], np.float32)
    expected = canonical[np.arange(len(vectors)) % len(canonical)]
    return float((vectors * expected).sum(axis=1).min())


@pytest.mark.parametrize("count", BATCHES)
@pytest.mark.parametrize("kind", ["texts", "images"])
def test_vectors_are_the_references_whatever_the_batch(
    architecture: Architecture, model: Any, kind: str, count: int
) -> None:
    answer = ask(model, content_type=JSON, accept=JSON, body=body(kind, count))
    assert answer.status == 200, answer.body
    assert nearness(answer.body, architecture.canonical(kind)) >= SAME_VECTOR


def test_no_tower_computes_row_by_row(model: Any, packaged: PackagedModel) -> None:
    """The layout's towers are traced with one row, as the hub's are."""
    for tower in ("image.onnx", "text.onnx"):
        graph = onnx.load(packaged.path.parent / "unpacked" / tower, load_external_data=False).graph
        assert "Scan" not in {node.op_type for node in graph.node}


def test_texts_are_padded_only_for_a_tower_that_looks_at_the_padding(
    architecture: Architecture, model: Any, packaged: PackagedModel
) -> None:
    description = json.loads((packaged.path.parent / "unpacked" / "model.json").read_text("utf-8"))
    assert description["text"]["padding"] == {"clip": "longest", "siglip": "fixed"}[architecture.vectors]


def test_photographs_that_are_halved_while_they_are_decoded_keep_their_vectors(
    model: Any, tmp_path: Path
) -> None:
    settings, least = model._config.image, []
    needed = needed_length(settings)
    photographs = [path for path in gallery(tmp_path) if path.suffix in (".jpg", ".png")]
    for path in photographs:
        with Image.open(path) as opened:
            photograph = opened.convert("RGB")
        # Just large enough to be halved: where most of the detail that the tower sees is lost.
        longer = 2 * needed / min(photograph.size)
        enlarged = photograph.resize([ceil(longer * side) for side in photograph.size], Resampling.BICUBIC)
        data = encoded(enlarged, "JPEG", quality=90)
        whole, halved = decode(data), decode(data, needed=needed)
        assert (whole.scale, halved.scale) == (1, 2), path.name
        vectors = model._encode_pictures([resize(each, settings) for each in (whole, halved)])
        least.append(float(vectors[0] @ vectors[1]))
    assert len(least) >= 8
    assert min(least) >= SAME_PICTURE


@pytest.mark.parametrize("kind", ["texts", "images"])
def test_another_inputs_vector_would_not_pass(architecture: Architecture, kind: str) -> None:
    vectors = architecture.canonical(kind)
    assert (vectors @ vectors.T)[~np.eye(len(vectors), dtype=bool)].max() < SAME_VECTOR - 0.02


@pytest.mark.verified("SageMaker serving stack: toolkit and multi-model-server", on="genuine part")
def test_the_model_server_gives_the_references_vectors(
    architecture: Architecture, packaged: PackagedModel, java_for_servers: None, tmp_path: Path
) -> None:
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    with start_model_server(packaged.path, environment=environment, workdir=tmp_path) as server:
        for kind, count in product(("texts", "images"), BATCHES):
            answer = server.invoke(body(kind, count).encode())
            assert answer.status == 200, answer.body
            assert nearness(answer.body, architecture.canonical(kind)) >= SAME_VECTOR, (kind, count)
