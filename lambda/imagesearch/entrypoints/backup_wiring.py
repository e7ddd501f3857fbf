"""Building the parts of the backup's function, as `wiring` builds those of the others."""

import os
from functools import cache

from imagesearch.backups import Backups, IndexPolicy
from imagesearch.entrypoints import wiring
from imagesearch.settings import BackupSettings


@cache
def backups() -> Backups:
    """Return the parts of the function `backup`. Raises SettingsError."""
    from imagesearch.adapters.opensearch_snapshots import OpenSearchSnapshots
    from imagesearch.adapters.s3 import s3_client
    from imagesearch.adapters.s3_artifacts import S3ArtifactStore

    settings = BackupSettings.from_environment(os.environ)
    client = wiring.opensearch(settings)
    snapshots = OpenSearchSnapshots(
        client=client,
        alias=settings.index_alias,
        repository=settings.snapshot_repository,
        location=settings.snapshot_location,
    )
    return Backups(
        snapshots=snapshots,
        administration=wiring.administration(settings, client, settings.attributes),
        index=wiring.vector_index(settings, client),
        artifacts=S3ArtifactStore(client=s3_client(), bucket=settings.artifact_bucket),
        policy=IndexPolicy(
            alias=settings.index_alias,
            space=settings.vector_space,
            shards=settings.number_of_shards,
            replicas=settings.number_of_replicas,
            quantisation=settings.quantisation,
        ),
    )
