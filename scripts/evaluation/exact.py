"""How much of what a comparison with every vector finds the graph of the index finds too.

Equally near pictures are equally right: copies of one picture would otherwise lower the share by chance.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imagesearch.fingerprints import refuse_other_model
from imagesearch.migration.labels import Label
from imagesearch.models import IndexInfo, Vector, document_id
from imagesearch.ports import Embedder, IndexProbe, VectorIndex
from imagesearch.queries import Nearest
from scripts.errors import CommandError
from scripts.evaluation.labels import picture_file
from scripts.target import LOCAL_CREDENTIALS, Target, local_directory

AT_ONCE = 4
_TOLERANCE = 1e-6
"""How much scores of the same picture may differ between the graph and the comparison with all."""


@dataclass(frozen=True, kw_only=True)
class Behind:
    """What lies behind an API: the model and the index, asked directly."""

    embedder: Embedder
    index: VectorIndex
    probe: IndexProbe


def graph_recalls(
    labels: Sequence[Label], *, path: Path, k: int, behind: Behind, move: Callable[[int, int], None]
) -> list[float]:
    """For every labelled query, the share of the exactly nearest pictures that a search finds.

    Raises what the ports raise.
    """
    index = behind.index.active()
    share = partial(_share, path=path, k=k, behind=behind, index=index)
    shares = list[float]()
    with ThreadPoolExecutor(AT_ONCE) as workers:
        for done, each in enumerate(workers.map(share, labels), start=1):
            shares.append(each)
            move(len(labels), done)
    return shares


def local_parts(target: Target) -> Behind:
    """The parts of this machine's environment. CommandError ``exact_unreachable`` for any other."""
    path = local_directory() / "environment.json"
    environment = json.loads(path.read_text()) if path.is_file() else {}
    if environment.get("api_url") != target.url:
        raise CommandError(
            "exact_unreachable",
            "only this machine's own environment lets its index and model be asked directly; in AWS, the "
            "check of a migration compares them (imagesearch migrate).",
        )
    return _parts(environment)


def _parts(environment: dict[str, str]) -> Behind:
    import boto3

    from imagesearch.adapters.opensearch import OpenSearchVectorIndex
    from imagesearch.adapters.opensearch_client import opensearch_client
    from imagesearch.adapters.opensearch_probe import OpenSearchProbe
    from imagesearch.adapters.sagemaker import SageMakerEmbedder
    from stacks.names import INDEX_ALIAS
    from stacks.settings import LOCAL

    index = LOCAL.index
    client = opensearch_client(endpoint=environment["opensearch_url"], engine=index.engine, auth=None)
    runtime = boto3.Session(region_name=environment["region"], **LOCAL_CREDENTIALS).client(
        "sagemaker-runtime", endpoint_url=environment["aws_endpoint_url"]
    )
    return Behind(
        embedder=SageMakerEmbedder(
            client=runtime,
            endpoint_prefix=LOCAL.endpoint_prefix,
            bucket=environment["image_bucket"],
            max_payload_bytes=LOCAL.endpoint.max_payload_bytes,
            invoke_timeout_seconds=60,
        ),
        index=OpenSearchVectorIndex(client=client, alias=INDEX_ALIAS, ef_search=index.ef_search),
        probe=OpenSearchProbe(client=client),
    )


def _share(label: Label, *, path: Path, k: int, behind: Behind, index: IndexInfo) -> float:
    vector = _vector(label, path, behind, index)
    nearest = behind.probe.exact(index.name, vector, k=k)
    if not nearest:
        return 1.0
    ids, least = {match.image.id for match in nearest}, nearest[-1].score - _TOLERANCE
    (found,) = behind.index.search(index.name, [Nearest(part="picture", vector=vector)], k=len(nearest))
    return sum(match.image.id in ids or match.score >= least for match in found) / len(nearest)


def _vector(label: Label, path: Path, behind: Behind, index: IndexInfo) -> Vector:
    file = picture_file(label, path)
    if label.picture is not None and file is None:
        id_ = document_id(label.picture)
        return behind.index.vectors(index.name, [id_])[id_]
    texts = [label.text] if label.text is not None else []
    pictures = [file.read_bytes()] if file is not None else []
    (embedding,) = behind.embedder.embed(fingerprint=index.fingerprint, texts=texts, pictures=pictures)
    refuse_other_model(index, embedding)
    return embedding.vector
