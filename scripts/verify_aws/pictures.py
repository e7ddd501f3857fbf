"""Put the demo's pictures into the bucket while nobody hears of it, so that a bulk run has them to index.

python -m scripts.verify_aws.pictures FOLDER
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from scripts.aws_errors import aws_errors
from scripts.errors import CommandError
from scripts.gallery import gallery
from scripts.target import LOCAL_CREDENTIALS, Target, find_target

SETTLING_SECONDS = 90.0
"""How long a rule may still match after it was disabled, and an event be under way, in AWS."""


def put_pictures(folder: Path, *, target: Target) -> int:
    """Copy the demo's pictures into ``folder`` and from there into the bucket; return how many there are."""
    pictures, bucket, s3 = gallery(folder), target.image_bucket(), target.s3()
    settling = SETTLING_SECONDS if target.aws_endpoint_url is None else 0.0
    with aws_errors(), unheard(_events(target), bucket, settling=settling):
        for picture in pictures:
            s3.upload_file(str(picture), bucket, picture.name)
    return len(pictures)


@contextmanager
def unheard(events: Any, bucket: str, *, settling: float) -> Iterator[None]:
    """Disable the rules that hear of the bucket's objects meanwhile; CommandError (``rule_missing``).

    It waits for ``settling`` seconds after each change and before the next.
    """
    pages = events.get_paginator("list_rules").paginate()
    rules = [rule["Name"] for page in pages for rule in page["Rules"] if _hears_of(rule, bucket)]
    if not rules:
        raise CommandError("rule_missing", f"No rule hears of the objects of {bucket}: is Ingest deployed?")
    for rule in rules:
        events.disable_rule(Name=rule)
    try:
        time.sleep(settling)
        yield
        time.sleep(settling)
    finally:
        for rule in rules:
            events.enable_rule(Name=rule)


def _hears_of(rule: dict[str, Any], bucket: str) -> bool:
    pattern = rule.get("EventPattern", "")
    return "Object Created" in pattern and f'"{bucket}"' in pattern


def _events(target: Target) -> Any:
    credentials = {} if target.aws_endpoint_url is None else LOCAL_CREDENTIALS
    session = boto3.Session(region_name=target.region, **credentials)
    factory: Any = session.client
    return factory("events", endpoint_url=target.aws_endpoint_url)


if __name__ == "__main__":
    try:
        print(f"{put_pictures(Path(sys.argv[1]), target=find_target())} pictures put, unheard")  # noqa: T201
    except CommandError as error:
        sys.exit(f"{error.code}: {error.message}")
