"""The embeddings that bulk runs have left in the artifact bucket, made the input of a run of their own.

A run's files are copied, within S3, under the name of a new run that writes to another index. To the state
machine this is a run that is planned and embedded: it goes straight to indexing, which compares each picture
with the bucket. Nothing is embedded but what has changed since.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from imagesearch.bulk.runs import Page, Plan, Run, RunKeys
from scripts.aws_errors import aws_errors
from scripts.bulk.files import known_runs
from scripts.bulk.runs import Place
from scripts.errors import CommandError

AT_ONCE = 16
COPIES = "rebuild-"
"""What the names of these runs begin with: copies of copies would be embedded no better."""


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """A planned run whose embeddings are kept, and how many of its shards have some."""

    run: Run
    shards: int
    embedded: int


def stored_runs(place: Place, names: Iterable[str]) -> list[StoredRun]:
    """The runs of these names, the latest first; each must be one that was planned, and embedded something.

    Raises CommandError (``run_unknown``, ``run_not_stored``).
    """
    found = [_required(place, name) for name in dict.fromkeys(names)]
    return sorted(found, key=lambda each: each.run.started, reverse=True)


def all_stored_runs(place: Place) -> list[StoredRun]:
    """Every planned run that has stored embeddings, the latest first."""
    names = [name for name in known_runs(place.s3, bucket=place.bucket) if not name.startswith(COPIES)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [each for each in pool.map(lambda name: _stored(place, name), names) if each is not None]
    return sorted(found, key=lambda each: each.run.started, reverse=True)


def copy_name(run: str, index: str) -> str:
    """The name of the run that indexes what ``run`` has embedded into ``index``: the same one every time."""
    digest = hashlib.sha256(f"{run} {index}".encode()).hexdigest()[:8]
    return f"{COPIES}{digest}-{run[:40]}"


def copy_run(place: Place, stored: StoredRun, *, index: str) -> str:
    """Have a run's files under a name of its own, and return that; a copy that is whole stays as it is."""
    name = copy_name(stored.run.run, index)
    old, new = RunKeys(stored.run.run), RunKeys(name)
    if place.files(name).read(new.plan) is not None:
        return name
    with aws_errors():
        _write(place, new.description, asdict(_description(stored.run, name, index)))
        for source, target in ((old.shards, new.shards), (_states(old), _states(new))):
            _copy_all(place, source, target)
        _copy_all(place, old.embeddings, new.embeddings)
        _copy_all(place, old.all_rejects, new.all_rejects)
        pages = [_rewritten(page) for page in _pages(place, old)]
        for page in pages:
            _write(place, new.page(page.page), asdict(page))
        # Written last: it says that the run is planned.
        _write(place, new.plan, asdict(Plan.of(pages)))
    return name


def forget_copies(place: Place, run: str) -> None:
    """Remove the copied shards and embeddings of a run that is complete; its report stays."""
    keys = RunKeys(run)
    with aws_errors():
        for prefix in (keys.shards, _states(keys), keys.embeddings):
            for some in _batches(_keys(place, prefix)):
                place.s3.delete_objects(
                    Bucket=place.bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
                )


def _required(place: Place, name: str) -> StoredRun:
    if place.files(name).read(RunKeys(name).description) is None:
        raise CommandError(
            "run_unknown", f"There is no run {name} in this deployment. See: imagesearch runs list."
        )
    stored = _stored(place, name)
    if stored is None:
        raise CommandError(
            "run_not_stored",
            f"The run {name} was not planned to its end, or has embedded nothing. Go on with it: imagesearch "
            f"bulk --resume {name}",
        )
    return stored


def _stored(place: Place, name: str) -> StoredRun | None:
    """A run with what it has embedded; None for one that was not planned, or has embedded nothing."""
    files, keys = place.files(name), RunKeys(name)
    description, plan = files.read(keys.description), files.read(keys.plan)
    if description is None or plan is None or description.get("check"):
        return None
    embedded = len(files.names(keys.embeddings))
    return StoredRun(run=Run(**description), shards=plan["shards"], embedded=embedded) if embedded else None


def _description(run: Run, name: str, index: str) -> Run:
    return replace(run, run=name, index=index, started=datetime.now(UTC).isoformat())


def _pages(place: Place, keys: RunKeys) -> Iterator[Page]:
    files = place.files(keys.run)
    for name in files.names(keys.pages):
        content = files.read(keys.pages + name)
        if content is not None:
            yield Page(**content | {"shards": tuple(content["shards"])})


def _rewritten(page: Page) -> Page:
    """The page with what it planned: the copy describes and removes nothing."""
    planned = page.planned
    return replace(page, listed=planned, skipped=0, described=0, orphaned=0, undescribed=0)


def _states(keys: RunKeys) -> str:
    return keys.states("").removesuffix(".jsonl")


def _copy_all(place: Place, source: str, target: str) -> None:
    """Copy every file below a prefix to another, without bringing it here."""

    def copy(key: str) -> None:
        place.s3.copy_object(
            Bucket=place.bucket,
            Key=target + key.removeprefix(source),
            CopySource={"Bucket": place.bucket, "Key": key},
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(copy, _keys(place, source)):
            pass


def _keys(place: Place, prefix: str) -> Iterator[str]:
    pages = place.s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=prefix)
    return (item["Key"] for page in pages for item in page.get("Contents", []))


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for key in keys:
        batch.append(key)
        if len(batch) == 1000:
            yield batch
            batch = []
    if batch:
        yield batch


def _write(place: Place, key: str, content: dict[str, Any]) -> None:
    place.s3.put_object(Bucket=place.bucket, Key=key, Body=json.dumps(content).encode())
