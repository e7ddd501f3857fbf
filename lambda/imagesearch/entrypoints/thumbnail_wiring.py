"""Building the thumbnail function's parts from their settings, once, on first use: importing does nothing."""

import os
from functools import cache

from imagesearch.settings import ThumbnailSettings
from imagesearch.thumbnails import Thumbnails


@cache
def thumbnails() -> Thumbnails:
    """Return what makes thumbnails. Raises SettingsError."""
    from imagesearch.adapters.s3 import s3_client
    from imagesearch.adapters.s3_artifacts import S3ArtifactStore
    from imagesearch.adapters.s3_linked import S3LinkedPictures
    from imagesearch.adapters.s3_links import bucket_address
    from imagesearch.adapters.thumbnail_maker import PillowThumbnailMaker

    settings, client = ThumbnailSettings.from_environment(os.environ), s3_client()
    return Thumbnails(
        pictures=S3LinkedPictures(bucket_address(client, settings.image_bucket)),
        maker=PillowThumbnailMaker(),
        kept=S3ArtifactStore(client=client, bucket=settings.artifact_bucket),
        max_bytes=settings.max_picture_bytes,
    )
