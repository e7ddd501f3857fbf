"""Ending a bulk run: the sums, what is missing, and the release of a run that failed."""

import json
from dataclasses import replace

import pytest

from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.bulk.finishing import Finisher
from imagesearch.bulk.runs import Report
from imagesearch.errors import (
    ArtifactDamagedError,
    BulkIncompleteError,
    RunUnknownError,
    SearchUnavailableError,
)
from tests.builders import FINGERPRINT, PNG
from tests.bulk import BEGUN, INSTANCES, RUN, BulkHouse, bulk_house


@pytest.fixture
def bulk() -> BulkHouse:
    """A run of three shards, all of them indexed."""
    pictures = {f"{number:04}.png": PNG + bytes([number % 7]) for number in range(600)}
    bulk = bulk_house(contents=pictures | {"note.txt": b"text"})
    bulk.house.indexer.bring_in_line("0000.png")
    bulk.embed()
    bulk.load()
    return bulk


def _report(bulk: BulkHouse) -> dict[str, object]:
    return dict(json.loads(bulk.artifacts.read(f"runs/{RUN}/report.json") or b""))


def _counts(indexed: int) -> bytes:
    return json.dumps({"indexed": indexed, "kept": 0, "rejected": 0, "undescribed": 0}).encode()


def _without(bulk: BulkHouse, name: str) -> BulkHouse:
    """The same run, one of its results missing."""
    artifacts = type(bulk.artifacts)()
    for key in bulk.artifacts.keys(""):
        if key != bulk.files.keys.result(name):
            artifacts.write(key, bulk.artifacts.read(key) or b"")
    return BulkHouse(house=bulk.house, artifacts=artifacts)


def test_a_complete_run_is_reported_with_its_sums(bulk: BulkHouse) -> None:
    report = bulk.finisher(seconds=8).finish(RUN)
    assert report == Report(
        run=RUN,
        status="complete",
        prefix="",
        source="prefix",
        check=False,
        index="images-5e5e5e5e5e5e-1",
        fingerprint=FINGERPRINT,
        listed=601,
        skipped=1,
        described=0,
        planned=600,
        missing=600,
        stale=0,
        orphaned=0,
        indexed=599,
        kept=0,
        rejected=1,
        undescribed=0,
        missing_shards=(),
        started=BEGUN.isoformat(),
        finished="2026-03-01T12:30:08+00:00",
        seconds=8.0,
        pictures_per_second=75.0,
        instance_type="ml.c6i.large",
        instance_count=2,
        instance_seconds=0,
        cost_usd=0,
        job_seconds={},
    )
    assert _report(bulk) == vars(report) | {"missing_shards": []}


def test_searches_see_new_pictures_at_once_again(bulk: BulkHouse) -> None:
    assert bulk.house.index.loading
    bulk.finisher().finish(RUN)
    assert not bulk.house.index.loading


def test_a_run_of_nothing_is_complete() -> None:
    bulk = bulk_house()
    bulk.embed()
    report = bulk.finisher(seconds=0).finish(RUN)
    assert (report.status, report.planned, report.pictures_per_second) == ("complete", 0, 0.0)


def test_the_cost_is_that_of_all_transform_jobs_each_counted_once(bulk: BulkHouse) -> None:
    bulk.finisher().release(RUN, job_seconds={"first": 360})
    bulk.finisher().finish(RUN, job_seconds={"second": 1440})
    report = bulk.finisher().finish(RUN, job_seconds={"second": 1440})
    assert report.job_seconds == {"first": 360, "second": 1440}
    assert (report.instance_seconds, report.cost_usd) == (3600, 0.5)


def test_without_a_price_there_is_no_cost(bulk: BulkHouse) -> None:
    instances = replace(INSTANCES, usd_per_hour=None)
    finisher = Finisher(loading=bulk.house.index, artifacts=bulk.artifacts, instances=instances)
    report = finisher.finish(RUN, job_seconds={"job": 60})
    assert (report.instance_seconds, report.cost_usd) == (120, None)


def test_a_missing_shard_fails_the_run_by_name_after_the_report(bulk: BulkHouse) -> None:
    incomplete = _without(bulk, "00000-001")
    with pytest.raises(BulkIncompleteError, match=r"600 .* were planned, 343 indexed.*00000-001"):
        incomplete.finisher().finish(RUN)
    report = _report(incomplete)
    assert (report["status"], report["missing_shards"]) == ("failed", ["00000-001"])
    assert not bulk.house.index.loading


def test_many_missing_shards_are_counted_in_the_sentence_and_named_in_the_report() -> None:
    bulk = bulk_house(contents={f"{number:04}.png": PNG for number in range(12 * 256)})
    bulk.embed()
    with pytest.raises(BulkIncompleteError, match=r"00000-009 and 2 more\. Resume the run\.$"):
        bulk.finisher().finish(RUN)
    missing = _report(bulk)["missing_shards"]
    assert isinstance(missing, list)
    assert len(missing) == 12


@pytest.mark.parametrize("indexed", [255, 257])
def test_sums_that_do_not_meet_fail_the_run(bulk: BulkHouse, indexed: int) -> None:
    bulk.artifacts.write(bulk.files.keys.result("00000-001"), _counts(indexed))
    with pytest.raises(BulkIncompleteError, match="shards without a result: none"):
        bulk.finisher().finish(RUN)
    assert _report(bulk)["status"] == "failed"


def test_a_missing_shard_fails_the_run_even_where_the_sums_meet(bulk: BulkHouse) -> None:
    incomplete = _without(bulk, "00000-001")
    incomplete.artifacts.write(bulk.files.keys.result("00000-000"), _counts(512))
    with pytest.raises(BulkIncompleteError, match=r"600 .* were planned, 599 indexed, 0 kept and 1 rejected"):
        incomplete.finisher().finish(RUN)


def test_a_result_that_no_page_planned_is_not_counted(bulk: BulkHouse) -> None:
    bulk.artifacts.write(bulk.files.keys.result("00099-000"), _counts(7))
    assert bulk.finisher().finish(RUN).indexed == 599


def test_a_damaged_result_is_named(bulk: BulkHouse) -> None:
    bulk.artifacts.write(bulk.files.keys.result("00000-001"), b'{"indexed": 7')
    with pytest.raises(ArtifactDamagedError, match="indexed/00000-001"):
        bulk.finisher().finish(RUN)


def test_an_unknown_run_cannot_be_finished_but_released() -> None:
    bulk = bulk_house()
    with pytest.raises(RunUnknownError):
        bulk.finisher().finish(RUN)
    assert bulk.finisher().release(RUN) is None
    assert list(bulk.artifacts.keys("")) == []


def test_a_failed_run_is_released_and_reported_with_what_it_did(bulk: BulkHouse) -> None:
    failed = _without(bulk, "00000-001")
    report = failed.finisher().release(RUN)
    assert report is not None
    assert (report.status, report.indexed, report.missing_shards) == ("failed", 343, ("00000-001",))
    assert _report(failed)["status"] == "failed"
    assert not bulk.house.index.loading


def test_a_run_that_failed_while_it_was_planned_is_reported(bulk: BulkHouse) -> None:
    half = bulk_house()
    half.files.begin(bulk.files.run())
    report = half.finisher().release(RUN)
    assert report is not None
    assert (report.status, report.planned) == ("failed", 0)
    with pytest.raises(BulkIncompleteError):
        half.finisher().finish(RUN)


def test_a_failed_run_that_did_all_its_work_is_failed_all_the_same(bulk: BulkHouse) -> None:
    report = bulk.finisher().release(RUN)
    assert report is not None
    assert (report.status, report.missing_shards) == ("failed", ())


def test_a_release_that_fails_has_written_its_report_and_can_be_made_again(bulk: BulkHouse) -> None:
    class Down(InMemoryVectorIndex):
        def end_loading(self, index: str) -> None:
            raise SearchUnavailableError("OpenSearch cannot be reached.", retry_after=5)

    with pytest.raises(SearchUnavailableError):
        Finisher(loading=Down(), artifacts=bulk.artifacts, instances=INSTANCES).release(RUN)
    assert _report(bulk)["status"] == "failed"
    assert bulk.finisher().release(RUN) is not None
    assert not bulk.house.index.loading


def test_a_run_is_released_though_the_alias_has_moved(bulk: BulkHouse) -> None:
    bulk.move_alias()
    bulk.finisher().release(RUN)
    assert not bulk.house.index.loading


def test_a_resumed_run_finishes_what_is_missing(bulk: BulkHouse) -> None:
    resumed = _without(bulk, "00000-001")
    resumed.plan()
    assert resumed.preparer().prepare(RUN).shards == 0
    resumed.load()
    assert resumed.finisher().finish(RUN).status == "complete"
