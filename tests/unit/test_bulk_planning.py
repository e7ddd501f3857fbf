"""Planning a bulk run: what is left out, how it is cut, and what a second attempt finds."""

import json
from collections.abc import Iterator
from datetime import datetime
from unittest.mock import patch

import pytest

from imagesearch.adapters.in_memory import InMemoryArtifactStore
from imagesearch.bulk import entries, sources
from imagesearch.bulk.entries import PictureEntry
from imagesearch.bulk.planning import PlanStep, RunInput
from imagesearch.bulk.runs import Page, Plan, Run
from imagesearch.errors import (
    ArtifactDamagedError,
    EventInvalidError,
    IndexMissingError,
    ModelNotDeployedError,
    RunOutdatedError,
    RunUnknownError,
)
from tests.builders import FINGERPRINT, PNG
from tests.bulk import BEGUN, MODELS, RUN, BulkHouse, bulk_house

KEYS = [f"a/{number:04}.png" for number in range(600)]


SUMS: dict[str, int] = {
    "listed": 600,
    "skipped": 0,
    "described": 0,
    "planned": 600,
    "missing": 600,
    "stale": 0,
    "rejected": 0,
    "orphaned": 0,
    "undescribed": 0,
}
NOTHING = dict.fromkeys(SUMS, 0)


@pytest.fixture
def bulk() -> BulkHouse:
    return bulk_house(contents={key: PNG + key.encode() for key in KEYS} | {"b/1.png": PNG})


@pytest.fixture
def _small_pages() -> Iterator[None]:
    with patch.object(sources, "PAGE_KEYS", 100), patch.object(entries, "SHARD_RECORDS", 30):
        yield


def _records(bulk: BulkHouse, name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in bulk.artifacts.lines(bulk.files.keys.shard(name))]


def test_shards_hold_all_keys_of_the_prefix_in_order(bulk: BulkHouse) -> None:
    (page,) = bulk.plan("a/")
    assert page == Page(
        page=0,
        **SUMS,
        shards=("00000-000", "00000-001", "00000-002"),
        token=None,
    )
    shards = [_records(bulk, name) for name in page.shards]
    assert [len(shard) for shard in shards] == [256, 256, 88]
    assert [record["id"] for shard in shards for record in shard] == KEYS
    assert shards[0][0] == {"id": KEYS[0], "s3_uri": f"s3://pictures/{KEYS[0]}"}


def test_what_the_run_is_about_is_written_first_and_its_sums_last(bulk: BulkHouse) -> None:
    bulk.plan("a/")
    assert bulk.files.run() == Run(
        run=RUN,
        prefix="a/",
        source="prefix",
        check=False,
        index="images-5e5e5e5e5e5e-1",
        fingerprint=FINGERPRINT,
        model=MODELS[FINGERPRINT[:12]],
        started=BEGUN.isoformat(),
    )
    assert bulk.files.plan() == Plan(**SUMS, shards=3)


def test_what_the_listing_saw_is_kept_beside_each_shard(bulk: BulkHouse) -> None:
    bulk.plan("b/")
    state = bulk.house.pictures.look("b/1.png")
    assert state is not None
    assert bulk.files.entries("00000-000") == [PictureEntry(state=state)]


def test_what_the_index_already_holds_is_left_out(bulk: BulkHouse) -> None:
    for key in KEYS[:400]:
        bulk.house.indexer.bring_in_line(key)
    bulk.house.pictures.put(KEYS[3], PNG + b"replaced")
    (page,) = bulk.plan("a/")
    assert (page.listed, page.skipped, page.planned, page.shards) == (600, 399, 201, ("00000-000",))
    assert [record["id"] for record in _records(bulk, "00000-000")] == [KEYS[3], *KEYS[400:]]


def test_a_reject_is_left_out_until_its_object_changes() -> None:
    bulk = bulk_house(contents={"a.txt": b"text", "b.txt": b"text"})
    for key in ("a.txt", "b.txt"):
        bulk.house.indexer.bring_in_line(key)
    bulk.house.pictures.put("b.txt", b"text")
    (page,) = bulk.plan()
    assert (page.skipped, page.planned) == (1, 1)


def test_a_prefix_without_any_object_is_a_plan_of_nothing(bulk: BulkHouse) -> None:
    (page,) = bulk.plan("nothing/")
    assert (page.listed, page.planned, page.shards, page.token) == (0, 0, (), None)
    assert bulk.files.plan() == Plan(**NOTHING, shards=0)


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_pages_cover_the_listing_without_gap_or_overlap(count: int) -> None:
    keys = [f"{number:04}" for number in range(count)]
    bulk = bulk_house(contents=dict.fromkeys(keys, PNG))
    pages = bulk.plan()
    planned = [record["id"] for page in pages for name in page.shards for record in _records(bulk, name)]
    assert planned == keys
    assert [page.token for page in pages if page.token] == keys[99::100]
    plan = bulk.files.plan()
    assert plan is not None
    assert (plan.listed, plan.planned) == (count, count)


@pytest.mark.usefixtures("_small_pages")
def test_a_step_says_where_to_go_on(bulk: BulkHouse) -> None:
    step = bulk.planner().plan(run=RUN, given=RunInput(prefix="a/"), page=0, token=None)
    assert step == PlanStep(run=RUN, prefix="a/", page=1, token=KEYS[99], done=False)


@pytest.mark.usefixtures("_small_pages")
def test_a_page_planned_twice_stays_as_it_was(bulk: BulkHouse) -> None:
    first = bulk.planner().plan(run=RUN, given=RunInput(prefix="a/"), page=0, token=None)
    before = {key: bulk.artifacts.read(key) for key in bulk.artifacts.keys("")}
    bulk.house.pictures.put("a/0000-new.png", PNG)
    bulk.house.pictures.remove(KEYS[5])
    assert bulk.planner().plan(run=RUN, given=RunInput(prefix="a/"), page=0, token=None) == first
    assert {key: bulk.artifacts.read(key) for key in bulk.artifacts.keys("")} == before


@pytest.mark.usefixtures("_small_pages")
def test_a_page_that_was_cut_short_is_planned_anew(bulk: BulkHouse) -> None:
    """Killed among its shards, it has no page file: what lies there already is replaced or not counted."""

    class CrashError(Exception):
        pass

    class Crashing(InMemoryArtifactStore):
        writes = 0

        def write(self, key: str, content: bytes) -> None:
            self.writes += 1
            if self.writes == 6:
                raise CrashError
            super().write(key, content)

    crashing = BulkHouse(house=bulk.house, artifacts=Crashing())
    with pytest.raises(CrashError):
        crashing.plan("a/")
    for key in KEYS[:80]:
        bulk.house.pictures.remove(key)
    pages = crashing.plan("a/")
    names = [name for page in pages for name in page.shards]
    assert [record["id"] for name in names for record in _records(crashing, name)] == KEYS[80:]


def test_a_planned_run_is_done_at_once(bulk: BulkHouse) -> None:
    bulk.plan("a/")
    bulk.house.pictures.put("a/new.png", PNG)
    step = bulk.planner().plan(run=RUN, given=RunInput(prefix="a/"), page=0, token=None)
    assert (step.done, step.token) == (True, None)
    assert bulk.files.plan() == Plan(**SUMS, shards=3)


def test_a_run_that_never_began_has_no_second_page(bulk: BulkHouse) -> None:
    with pytest.raises(RunUnknownError, match=RUN):
        bulk.planner().plan(run=RUN, given=RunInput(prefix=""), page=1, token="a")


@pytest.mark.usefixtures("_small_pages")
def test_a_run_ends_where_its_index_does(bulk: BulkHouse) -> None:
    bulk.planner().plan(run=RUN, given=RunInput(prefix="a/"), page=0, token=None)
    bulk.move_alias()
    with pytest.raises(RunOutdatedError, match=r"images-5e5e5e5e5e5e-1.*images-5e5e5e5e5e5e-2"):
        bulk.planner().plan(run=RUN, given=RunInput(prefix="a/"), page=1, token=KEYS[99])


@pytest.mark.usefixtures("_small_pages")
def test_a_run_keeps_its_prefix(bulk: BulkHouse) -> None:
    bulk.planner().plan(run=RUN, given=RunInput(prefix="a/"), page=0, token=None)
    with pytest.raises(EventInvalidError, match="'b/'"):
        bulk.planner().plan(run=RUN, given=RunInput(prefix="b/"), page=0, token=None)


def test_an_index_of_a_model_that_is_not_deployed_is_refused_before_anything_is_written(
    bulk: BulkHouse,
) -> None:
    with pytest.raises(ModelNotDeployedError, match=r"5e5e5e5e5e5e.*deployed are 0f0f"):
        bulk.plan(planner=bulk.planner(models={"0f0f": "m"}))
    assert list(bulk.artifacts.keys("")) == []


def test_without_an_index_there_is_no_plan() -> None:
    bulk = bulk_house()
    with (
        patch.object(bulk.house.index, "active", side_effect=IndexMissingError("The alias leads nowhere.")),
        pytest.raises(IndexMissingError),
    ):
        bulk.plan()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"page": 0}', b"\xff"])
def test_a_damaged_file_is_named(bulk: BulkHouse, content: bytes) -> None:
    bulk.artifacts.write(bulk.files.keys.page(0), content)
    bulk.artifacts.write(bulk.files.keys.states("00000-000"), b'{"state": "a"}\n')
    with pytest.raises(ArtifactDamagedError, match=f"runs/{RUN}/pages/00000.json"):
        bulk.plan()
    with pytest.raises(ArtifactDamagedError, match=f"runs/{RUN}/states/00000-000.jsonl"):
        bulk.files.entries("00000-000")


def test_a_run_begins_at_a_time_with_its_zone(bulk: BulkHouse) -> None:
    bulk.plan("b/")
    assert datetime.fromisoformat(bulk.files.run().started) == BEGUN
