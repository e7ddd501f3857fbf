"""Building the parts of the bulk run's functions, as `wiring` builds those of the others."""

import os
from functools import cache

from imagesearch.bulk.finishing import Finisher
from imagesearch.bulk.loading import Loader
from imagesearch.bulk.planning import Planner
from imagesearch.bulk.preparing import Preparer
from imagesearch.entrypoints import wiring
from imagesearch.indexing import Indexer
from imagesearch.ports import ArtifactStore
from imagesearch.settings import (
    BulkFinishSettings,
    BulkIndexSettings,
    BulkPlanSettings,
    BulkPrepareSettings,
)


@cache
def planner() -> Planner:
    """Return the parts of the function `bulk_plan`. Raises SettingsError."""
    settings = BulkPlanSettings.from_environment(os.environ)
    index = wiring.vector_index(settings, wiring.opensearch(settings))
    pictures = wiring.pictures(settings.image_bucket)
    return Planner(
        pictures=pictures,
        index=index,
        indexer=Indexer(
            embedder=wiring.embedder(settings),
            index=index,
            pictures=pictures,
            attributes=settings.attributes,
        ),
        attributes=settings.attributes,
        artifacts=_artifacts(settings.artifact_bucket),
        image_bucket=settings.image_bucket,
        model_names=settings.model_names,
        max_request_bytes=settings.max_shard_bytes,
    )


@cache
def preparer() -> Preparer:
    """Return the parts of the function `bulk_prepare`. Raises SettingsError."""
    from imagesearch.adapters.opensearch_loading import OpenSearchLoading

    settings = BulkPrepareSettings.from_environment(os.environ)
    client = wiring.opensearch(settings)
    return Preparer(
        index=wiring.vector_index(settings, client),
        loading=OpenSearchLoading(client=client),
        artifacts=_artifacts(settings.artifact_bucket),
        model_names=settings.model_names,
    )


@cache
def loader() -> Loader:
    """Return the parts of the function `bulk_index`. Raises SettingsError."""
    from imagesearch.adapters import sagemaker_answers

    settings = BulkIndexSettings.from_environment(os.environ)
    index = wiring.vector_index(settings, wiring.opensearch(settings))
    pictures = wiring.pictures(settings.image_bucket)
    embedder = wiring.embedder(settings)
    return Loader(
        artifacts=_artifacts(settings.artifact_bucket),
        index=index,
        pictures=pictures,
        indexer=Indexer(embedder=embedder, index=index, pictures=pictures, attributes=settings.attributes),
        embedder=embedder,
        attributes=settings.attributes,
        read=sagemaker_answers,
    )


@cache
def finisher() -> Finisher:
    """Return the parts of the function `bulk_finish`. Raises SettingsError."""
    from imagesearch.adapters.opensearch_loading import OpenSearchLoading

    settings = BulkFinishSettings.from_environment(os.environ)
    return Finisher(
        loading=OpenSearchLoading(client=wiring.opensearch(settings)),
        artifacts=_artifacts(settings.artifact_bucket),
        instances=settings.instances,
    )


def _artifacts(bucket: str) -> ArtifactStore:
    from imagesearch.adapters.s3 import s3_client
    from imagesearch.adapters.s3_artifacts import S3ArtifactStore

    return S3ArtifactStore(client=s3_client(), bucket=bucket)
