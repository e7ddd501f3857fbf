"""How much of what is nearest searches find in a real OpenSearch, with and without a filter."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from opensearchpy import OpenSearch

from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_administration import OpenSearchAdministration
from imagesearch.adapters.opensearch_client import opensearch_client
from imagesearch.filters import BeginsWith, Between, Filter
from imagesearch.models import EmbeddedImage, IndexInfo
from imagesearch.queries import Nearest
from tests.builders import FINGERPRINT, an_image

COUNT, DIMENSION, CLUSTERS, QUERIES, K = 20_000, 64, 100, 50, 10
NAME = "recall-1"
Vectors = NDArray[Any]


def _unit(vectors: NDArray[Any]) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture(scope="module")
def pictures() -> tuple[Vectors, Vectors]:
    """Vectors in clusters, as those of photographs lie, and queries near some of them."""
    chance = np.random.default_rng(20261123)
    centres = chance.standard_normal((CLUSTERS, DIMENSION))
    near = centres[np.arange(COUNT) % CLUSTERS] + 0.5 * chance.standard_normal((COUNT, DIMENSION))
    asked = centres[chance.integers(CLUSTERS, size=QUERIES)]
    return _unit(near), _unit(asked + 0.5 * chance.standard_normal((QUERIES, DIMENSION)))


@pytest.fixture(
    scope="module",
    params=[
        "none",
        pytest.param(
            "byte",
            marks=pytest.mark.verified("Quantised vectors: `byte`, engine `lucene`", on="genuine part"),
        ),
    ],
)
def index(
    request: pytest.FixtureRequest, opensearch_url: str, pictures: tuple[Vectors, Vectors]
) -> Iterator[OpenSearchVectorIndex]:
    """20,000 pictures: `width` is drawn by lot from 0 to 99, the key begins with the cluster."""
    client = opensearch_client(endpoint=opensearch_url, engine="lucene", auth=None)
    administration = OpenSearchAdministration(client=client, alias="recall", engine="lucene", attributes={})
    administration.put_template(shards=1, replicas=0)
    administration.create(
        IndexInfo(
            name=NAME,
            fingerprint=FINGERPRINT,
            dimension=DIMENSION,
            space="cosinesimil",
            quantisation=request.param,
        )
    )
    index = OpenSearchVectorIndex(client=client, alias="recall")
    index.put_many(NAME, _documents(pictures[0]))
    client.indices.refresh(index=NAME)
    yield index
    _remove(client)


def _documents(vectors: Vectors) -> Iterator[EmbeddedImage]:
    for number, (width, vector) in enumerate(zip(_widths(), vectors, strict=True)):
        image = replace(an_image(f"{number % CLUSTERS:02}/{number:05}.jpg"), width=int(width))
        yield EmbeddedImage(image=image, vector=vector.tolist())


def _widths() -> NDArray[Any]:
    return np.random.default_rng(7).integers(100, size=COUNT)


def _remove(client: OpenSearch) -> None:
    client.indices.delete(index="recall-*")
    client.indices.delete_index_template(name="recall")
    client.close()


_LOT: dict[str, tuple[Filter | None, Callable[[], NDArray[np.bool_]]]] = {
    "unfiltered": (None, lambda: np.ones(COUNT, dtype=bool)),
    "1 %": (Between(field="width", lt=1), lambda: _widths() < 1),
    "10 %": (Between(field="width", lt=10), lambda: _widths() < 10),
    "50 %": (Between(field="width", lt=50), lambda: _widths() < 50),
    # The hardest: nearly every query lies far from all that the filter lets through.
    "one cluster": (BeginsWith(field="key", prefix="42/"), lambda: np.arange(COUNT) % CLUSTERS == 42),
}


@pytest.mark.parametrize("where", _LOT)
def test_searches_find_what_is_nearest_among_what_a_filter_lets_through(
    index: OpenSearchVectorIndex,
    pictures: tuple[Vectors, Vectors],
    where: str,
) -> None:
    vectors, queries = pictures
    condition, let_through = _LOT[where]
    allowed = np.flatnonzero(let_through())
    found = 0
    for query in queries:
        (matches,) = index.search(
            NAME, [Nearest(part="picture", vector=query.tolist())], k=K, where=condition
        )
        assert len(matches) == K
        nearest = allowed[np.argsort(-(vectors[allowed] @ query))[:K]]
        found += len({int(match.image.key[3:8]) for match in matches} & set(nearest.tolist()))
    assert found / (K * QUERIES) >= 0.99


def test_a_score_is_that_of_the_whole_vectors_however_the_graph_keeps_them(
    index: OpenSearchVectorIndex, pictures: tuple[Vectors, Vectors]
) -> None:
    vectors, queries = pictures
    for query in queries:
        (matches,) = index.search(NAME, [Nearest(part="picture", vector=query.tolist())], k=K)
        cosines = [float(vectors[int(match.image.key[3:8])] @ query) for match in matches]
        assert [match.score for match in matches] == pytest.approx(
            [(1 + each) / 2 for each in cosines], abs=1e-6
        )
