"""The index against the bucket, once every event has been handled: what is lost, left over, out of date."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.bulk.runs import Run
from tests.soak.account import Account
from tests.soak.ledger import Version
from tests.soak.site import Site

PATIENCE_SECONDS = 1800.0
QUIET_SECONDS = 3.0
"""For so long the queue must have been empty: what has just been put is on its way there."""


@dataclass(frozen=True, kw_only=True)
class Differences:
    """Keys by what is wrong with their documents."""

    lost: tuple[str, ...]
    orphaned: tuple[str, ...]
    stale: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How it ended: ``drained_after`` so many seconds, with so many events given up.

    ``reconcile`` is what ``imagesearch reconcile --check`` finds.
    """

    objects: int
    drained_after: float | None
    dead_letters: int
    differences: Differences
    reconcile: Mapping[str, int]


def end(site: Site, account: Account) -> Ending:
    """Wait until no event is left, and compare."""
    drained = drain(site.waiting)
    objects, expected = site.house.objects(site.library), site.ledger.versions()
    if unexpected := against_ledger(objects, expected):
        account.broken.append(f"the bucket is not what was written: {unexpected[:3]}")
    found = compare(objects, expected, site.house.documents(site.library))
    checked = site.imagesearch("reconcile", site.library.prefix, "--check", "--json")
    run = Run.model_validate_json(checked.stdout)
    return Ending(
        objects=len(objects),
        drained_after=drained,
        dead_letters=site.dead_letters(),
        differences=found,
        reconcile={name: getattr(run, name) for name in ("missing", "stale", "orphaned")},
    )


def drain(
    waiting: Callable[[], int],
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> float | None:
    """Seconds until nothing had waited for a while; None where that never came."""
    began = empty_since = clock()
    while clock() - began < PATIENCE_SECONDS:
        if waiting():
            empty_since = clock()
        elif clock() - empty_since >= QUIET_SECONDS:
            return empty_since - began
        pause(0.5)
    return None


def against_ledger(objects: Mapping[str, str], expected: Mapping[str, Version]) -> Sequence[str]:
    """The pictures that the bucket holds otherwise than those who wrote it know."""
    pictures = {key: etag for key, etag in objects.items() if not key.endswith(".json")}
    wanted = {key: version.etag for key, version in expected.items() if version.etag is not None}
    return sorted(key for key in pictures | wanted if pictures.get(key) != wanted.get(key))


def compare(
    objects: Mapping[str, str], expected: Mapping[str, Version], documents: Sequence[Mapping[str, Any]]
) -> Differences:
    """What the index's documents say otherwise than the bucket's objects, given as ETags by key."""
    pictures = {key: etag for key, etag in objects.items() if not key.endswith(".json")}
    held = {document["key"]: document for document in documents}
    return Differences(
        lost=tuple(sorted(pictures.keys() - held.keys())),
        orphaned=tuple(sorted(held.keys() - pictures.keys())),
        stale=tuple(
            sorted(
                key
                for key in pictures.keys() & held.keys()
                if not _is_current(held[key], objects, expected[key])
            )
        ),
    )


def _is_current(document: Mapping[str, Any], objects: Mapping[str, str], version: Version) -> bool:
    key = document["key"]
    present = (objects[key], objects.get(f"{key}.json"))
    tags = () if version.is_damaged else version.tags
    state = "rejected" if version.is_damaged else "indexed"
    said = (document["etag"], document.get("sidecar"))
    return said == present and (document["state"], tuple(document.get("tags") or ())) == (state, tags)
