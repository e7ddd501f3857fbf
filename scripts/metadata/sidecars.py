"""The sidecars of a bucket: which there are, and one written where its bytes differ."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from imagesearch.bulk.batches import batched
from imagesearch.metadata import sidecar_key
from scripts.aws_errors import aws_errors

WORKERS = 10
"""As many as boto3 keeps connections."""
_KEYS_A_WALK = 500
AT_ONCE = 1_000
"""How many sidecars wait at most; an interrupt drops those that wait."""

Outcome = Literal["written", "removed", "unchanged"]


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """What the sidecar of the picture ``key`` is to hold; None: there is to be none."""

    key: str
    content: bytes | None


@aws_errors()
def present(s3: Any, *, bucket: str, keys: Iterable[str]) -> dict[str, str]:
    """Key → ETag of those of the keys that the bucket holds.

    It costs at most a listing request for each key, and fewer where the keys lie together in the bucket.
    """
    walks = batched(sorted(keys), _KEYS_A_WALK)
    with ThreadPoolExecutor(WORKERS) as workers:
        found = workers.map(lambda some: dict(_walk(s3, bucket, some)), walks)
        return {key: etag for each in found for key, etag in each.items()}


def write_all(
    s3: Any, *, bucket: str, sidecars: Iterable[Sidecar], etags: Mapping[str, str], dry_run: bool = False
) -> Iterator[Outcome]:
    """Let every picture have the sidecar given here, and no other; yield what became of each.

    ``etags`` are those of the bucket's present sidecars; with ``dry_run`` nothing is written.
    """

    def write(sidecar: Sidecar) -> Outcome:
        outcome = _outcome(sidecar, etags.get(sidecar_key(sidecar.key)))
        if outcome != "unchanged" and not dry_run:
            put(s3, bucket=bucket, sidecar=sidecar)
        return outcome

    with aws_errors(), ThreadPoolExecutor(WORKERS) as workers:
        for some in batched(sidecars, AT_ONCE):
            yield from workers.map(write, some)


def send(s3: Any, *, bucket: str, sidecar: Sidecar, etag: str | None) -> bool:
    """Let a picture have this sidecar where ``etag`` says that it has not; return whether that was so."""
    changed = _outcome(sidecar, etag) != "unchanged"
    if changed:
        put(s3, bucket=bucket, sidecar=sidecar)
    return changed


def put(s3: Any, *, bucket: str, sidecar: Sidecar) -> None:
    """Write a sidecar, or remove it."""
    key = sidecar_key(sidecar.key)
    if sidecar.content is None:
        s3.delete_object(Bucket=bucket, Key=key)
    else:
        s3.put_object(Bucket=bucket, Key=key, Body=sidecar.content, ContentType="application/json")


def _outcome(sidecar: Sidecar, etag: str | None) -> Outcome:
    if sidecar.content is None:
        return "unchanged" if etag is None else "removed"
    # An ETag is the content's MD5 unless KMS or multipart made it; then the sidecar is written anew.
    same = hashlib.md5(sidecar.content, usedforsecurity=False).hexdigest() == etag
    return "unchanged" if same else "written"


def _walk(s3: Any, bucket: str, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """List from one of the sorted keys to the next that the listing did not reach."""
    at, after = 0, ""
    while at < len(keys):
        # A key without its last character sorts before it, and mostly with nothing in between.
        start = max(after, keys[at][:-1])
        page = s3.list_objects_v2(Bucket=bucket, **({"StartAfter": start} if start else {}))
        listed = {item["Key"]: item["ETag"].strip('"') for item in page.get("Contents", [])}
        after = max(listed) if page["IsTruncated"] else ""
        while at < len(keys) and (not after or keys[at] <= after):
            if keys[at] in listed:
                yield keys[at], listed[keys[at]]
            at += 1
