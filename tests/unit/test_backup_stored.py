"""Runs made of what other runs have embedded: their files, on moto's S3, as the state machine reads them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.adapters.s3_artifacts import S3ArtifactStore
from imagesearch.bulk.entries import PictureEntry, ShardRequest
from imagesearch.bulk.preparing import Preparer
from imagesearch.bulk.run_files import RunFiles
from imagesearch.bulk.runs import Page, Plan, Reject, Run, RunKeys, shard_name
from imagesearch.models import IndexInfo, ObjectState
from scripts.backup import stored
from scripts.bulk.runs import Place
from scripts.errors import CommandError
from tests.builders import DIMENSION, FINGERPRINT, OTHER_FINGERPRINT

BUCKET = "artifacts"
OLD, NEW = f"images-{FINGERPRINT[:12]}-1", f"images-{FINGERPRINT[:12]}-2"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        yield Place(step_functions=None, s3=s3, state_machine="", bucket=BUCKET)


def files(place: Place, run: str) -> RunFiles:
    return RunFiles(S3ArtifactStore(client=place.s3, bucket=BUCKET), run)


def an_entry(key: str) -> PictureEntry:
    return PictureEntry(
        state=ObjectState(key=key, etag="e1", size=7, last_modified=datetime(2026, 3, 1, tzinfo=UTC))
    )


def a_run(
    place: Place, name: str, *, day: int = 1, shards: int = 2, planned: bool = True, **changes: Any
) -> RunFiles:
    """A run whose shards are planned and embedded, with a picture each."""
    run = files(place, name)
    run.begin(
        replace(
            Run(
                run=name,
                prefix="p/",
                source="prefix",
                check=False,
                index=OLD,
                fingerprint=FINGERPRINT,
                model="imagesearch-dev-model",
                started=f"2026-03-{day:02}T12:00:00+00:00",
            ),
            **changes,
        )
    )
    names = [shard_name(0, number) for number in range(shards)]
    for each in names:
        run.write_shard(each, ShardRequest(entries=[an_entry(f"{each}.jpg")], lines=[b"{}\n"]))
        place.s3.put_object(Bucket=BUCKET, Key=run.keys.output(each), Body=b'{"id": "a"}\n')
    run.write_rejects("00000", [Reject(key="b.jpg", code="picture_corrupt", message="No.")])
    page = Page(
        page=0,
        listed=10,
        skipped=7,
        described=0,
        planned=3,
        missing=3,
        stale=0,
        rejected=1,
        orphaned=2,
        undescribed=1,
        shards=tuple(names),
        token=None,
    )
    run.write_page(page)
    if planned:
        run.write_plan(Plan.of([page]))
    return run


def keys(place: Place, prefix: str) -> list[str]:
    listing = place.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    return [item["Key"] for item in listing.get("Contents", [])]


def test_a_copied_run_is_planned_and_embedded(place: Place) -> None:
    a_run(place, "20260301-a")
    (found,) = stored.stored_runs(place, ["20260301-a"])
    assert (found.shards, found.embedded) == (2, 2)

    name = stored.copy_run(place, found, index=NEW)

    copy = files(place, name)
    run = copy.run()
    assert (run.run, run.index, run.fingerprint, run.prefix) == (name, NEW, FINGERPRINT, "p/")
    plan = copy.plan()
    assert plan is not None
    # What the run before has described and removed is not counted as the copy's.
    assert (plan.listed, plan.planned, plan.skipped, plan.orphaned, plan.undescribed) == (3, 3, 0, 0, 0)
    assert sorted(copy.embedded()) == ["00000-000", "00000-001"]
    assert [entry.state.key for entry in copy.entries("00000-001")] == ["00000-001.jpg"]  # type: ignore[union-attr]


def test_nothing_of_a_copied_run_is_sent_to_the_model(place: Place) -> None:
    a_run(place, "20260301-a")
    name = stored.copy_run(place, stored.stored_runs(place, ["20260301-a"])[0], index=NEW)
    memory = InMemoryVectorIndex()
    memory.create(IndexInfo(name=NEW, fingerprint=FINGERPRINT, dimension=DIMENSION, space="cosinesimil"))
    memory.point_alias(NEW)
    preparer = Preparer(
        index=memory,
        loading=memory,
        artifacts=S3ArtifactStore(client=place.s3, bucket=BUCKET),
        model_names={FINGERPRINT[:12]: "imagesearch-dev-model"},
    )
    prepared = preparer.prepare(name)
    assert (prepared.shards, prepared.unfinished) == (0, 2)


def test_a_copy_that_is_whole_stays_as_it_is(place: Place) -> None:
    a_run(place, "20260301-a")
    (found,) = stored.stored_runs(place, ["20260301-a"])
    name = stored.copy_run(place, found, index=NEW)
    started = files(place, name).run().started
    assert stored.copy_run(place, found, index=NEW) == name
    assert files(place, name).run().started == started
    assert stored.copy_name("20260301-a", OLD) != name


def test_a_copy_that_was_interrupted_is_made_again(place: Place) -> None:
    a_run(place, "20260301-a")
    (found,) = stored.stored_runs(place, ["20260301-a"])
    name = stored.copy_run(place, found, index=NEW)
    copied = RunKeys(name)
    for key in (copied.plan, copied.output("00000-001")):
        place.s3.delete_object(Bucket=BUCKET, Key=key)
    stored.copy_run(place, found, index=NEW)
    assert sorted(files(place, name).embedded()) == ["00000-000", "00000-001"]
    assert files(place, name).plan() is not None


def test_copies_are_forgotten_and_the_originals_stay(place: Place) -> None:
    a_run(place, "20260301-a")
    name = stored.copy_run(place, stored.stored_runs(place, ["20260301-a"])[0], index=NEW)
    stored.forget_copies(place, name)
    assert keys(place, f"runs/{name}/embeddings/") == []
    assert keys(place, f"runs/{name}/shards/") == []
    assert keys(place, f"runs/{name}/run.json")
    assert len(keys(place, "runs/20260301-a/embeddings/")) == 2


def test_the_latest_runs_come_first_and_copies_are_no_runs_to_copy(place: Place) -> None:
    for day, name in ((1, "first"), (3, "third"), (2, "second")):
        a_run(place, name, day=day, shards=1)
    stored.copy_run(place, stored.stored_runs(place, ["first"])[0], index=NEW)
    a_run(place, "empty", shards=0)
    a_run(place, "checked", check=True)
    a_run(place, "unplanned", planned=False)
    assert [each.run.run for each in stored.all_stored_runs(place)] == ["third", "second", "first"]


@pytest.mark.parametrize(
    ("name", "code"),
    [("nobody", "run_unknown"), ("empty", "run_not_stored"), ("unplanned", "run_not_stored")],
)
def test_a_run_that_has_nothing_to_give_is_refused_where_it_is_named(
    place: Place, name: str, code: str
) -> None:
    a_run(place, "empty", shards=0)
    a_run(place, "unplanned", planned=False)
    with pytest.raises(CommandError) as raised:
        stored.stored_runs(place, [name])
    assert raised.value.code == code


def test_a_run_of_another_model_is_told_apart(place: Place) -> None:
    a_run(place, "other", fingerprint=OTHER_FINGERPRINT)
    (found,) = stored.all_stored_runs(place)
    assert found.run.fingerprint == OTHER_FINGERPRINT
