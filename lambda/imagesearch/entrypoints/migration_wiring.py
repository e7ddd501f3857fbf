"""Building the parts of the migration's function, as `wiring` builds those of the others."""

import os
from functools import cache

from imagesearch.entrypoints import wiring
from imagesearch.migration.gate import Gate
from imagesearch.migration.steps import Migration, Policy
from imagesearch.settings import MigrationSettings


@cache
def migration() -> Migration:
    """Return the parts of the function `migration`. Raises SettingsError."""
    from imagesearch.adapters.opensearch import OpenSearchVectorIndex
    from imagesearch.adapters.opensearch_probe import OpenSearchProbe
    from imagesearch.adapters.s3 import s3_client
    from imagesearch.adapters.s3_artifacts import S3ArtifactStore

    settings = MigrationSettings.from_environment(os.environ)
    client = wiring.opensearch(settings)
    embedder = wiring.embedder(settings)
    artifacts = S3ArtifactStore(client=s3_client(), bucket=settings.artifact_bucket)
    gate = Gate(
        index=OpenSearchVectorIndex(client=client, alias=settings.index_alias, ef_search=settings.ef_search),
        probe=OpenSearchProbe(client=client),
        embedder=embedder,
        artifacts=artifacts,
        min_recall=settings.min_recall,
        sample=settings.sample,
    )
    return Migration(
        administration=wiring.administration(settings, client, settings.attributes),
        embedder=embedder,
        artifacts=artifacts,
        gate=gate,
        policy=_policy(settings),
    )


def _policy(settings: MigrationSettings) -> Policy:
    return Policy(
        alias=settings.index_alias,
        space=settings.vector_space,
        quantisation=settings.quantisation,
        shards=settings.number_of_shards,
        replicas=settings.number_of_replicas,
        drain_hours=settings.drain_hours,
        longest_invocation_seconds=settings.longest_invocation_seconds,
    )
