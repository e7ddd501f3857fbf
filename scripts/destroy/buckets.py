"""Emptying buckets, with every version that they keep."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.aws_errors import aws_errors
from scripts.destroy.aws import Place
from scripts.errors import CommandError

AT_ONCE = 1000


def buckets(place: Place) -> list[str]:
    """The environment's buckets, by their names: `imagesearch-dev-images-123456789012-eu-central-1`."""
    pattern = re.compile(rf"{re.escape(place.prefix)}[a-z]+-\d{{12}}-{re.escape(place.region)}")
    with aws_errors():
        found = place.client("s3").list_buckets()["Buckets"]
    return [bucket["Name"] for bucket in found if pattern.fullmatch(bucket["Name"])]


def silence(place: Place, bucket: str) -> None:
    """Let a bucket tell nobody what happens to it: emptying it must not set ingest to work."""
    with aws_errors():
        place.client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})


def empty(place: Place, bucket: str) -> int:
    """Delete every version of every object, and unfinished uploads; return how many versions there were.

    Raises CommandError (``bucket_not_emptied``) where S3 refuses to delete some.
    """
    s3, deleted = place.client("s3"), 0
    with aws_errors():
        while some := _first_versions(s3, bucket):
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
            _refuse_faults(bucket, answer.get("Errors", []))
            deleted += len(some)
        for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    return deleted


def _first_versions(s3: Any, bucket: str) -> list[dict[str, str]]:
    """The first versions that there are: what lies behind them is first once they are deleted."""
    page = s3.list_object_versions(Bucket=bucket)
    found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found[:AT_ONCE]]


def _refuse_faults(bucket: str, errors: Sequence[Mapping[str, str]]) -> None:
    if errors:
        first = errors[0]
        raise CommandError(
            "bucket_not_emptied",
            f"{bucket} keeps {first.get('Key')}: {first.get('Message')} ({first.get('Code')}). Check the "
            "rights of your credentials and the bucket's policy, then run the same command again.",
        )
