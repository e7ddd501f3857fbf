"""A run leaves the index equal to the bucket: what it describes, what it removes, and what it only checks."""

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from imagesearch.bulk import sources
from imagesearch.bulk.entries import PictureEntry
from imagesearch.errors import EventInvalidError, RunOutdatedError
from imagesearch.metadata import sidecar_key
from imagesearch.models import ImageRecord, Metadata, document_id
from tests.builders import JPEG, PNG
from tests.bulk import RUN, BulkHouse, bulk_house
from tests.watched import document_of

KEYS = [f"a/{letter}.png" for letter in "bcdef"]
COUNTS = ("listed", "skipped", "described", "planned", "missing", "stale", "orphaned", "undescribed")


@pytest.fixture
def bulk() -> BulkHouse:
    """Five pictures, all of them indexed."""
    bulk = bulk_house(contents={key: PNG + key.encode() for key in KEYS})
    for key in KEYS:
        bulk.house.indexer.bring_in_line(key)
    return bulk


def _say(bulk: BulkHouse, key: str, **document: Any) -> None:
    bulk.house.pictures.put(sidecar_key(key), json.dumps(document).encode())


def _counts(bulk: BulkHouse, **given: Any) -> dict[str, int]:
    """Plan the run; return those of its counts that are not 0."""
    bulk.plan(**given)
    plan = vars(bulk.files.plan())
    return {name: plan[name] for name in COUNTS if plan[name]}


def _record(bulk: BulkHouse, key: str) -> ImageRecord:
    document = document_of(bulk.house, key)
    assert isinstance(document, ImageRecord)
    return document


def _forget(bulk: BulkHouse, key: str) -> None:
    bulk.house.index.delete(bulk.house.index.active().name, document_id(key))


def test_a_picture_of_which_something_else_is_said_is_described_without_a_vector(bulk: BulkHouse) -> None:
    _say(bulk, KEYS[0], title="Sea", tags=["blue"])
    assert _counts(bulk) == {"listed": 5, "skipped": 4, "described": 1}
    assert _record(bulk, KEYS[0]).metadata == Metadata(title="Sea", tags=("blue",))
    assert bulk.preparer().prepare(RUN).unfinished == 0


def test_s3s_own_metadata_is_read_anew_where_only_the_time_tells(bulk: BulkHouse) -> None:
    bulk.house.pictures.put(KEYS[0], PNG + KEYS[0].encode(), user_metadata={"title": "Sea"})
    assert _counts(bulk) == {"listed": 5, "skipped": 4, "described": 1}
    assert _record(bulk, KEYS[0]).metadata.title == "Sea"


def test_a_description_that_is_gone_leaves_the_index(bulk: BulkHouse) -> None:
    _say(bulk, KEYS[0], caption="a boat")
    bulk.house.indexer.bring_in_line(KEYS[0])
    bulk.house.pictures.remove(sidecar_key(KEYS[0]))
    assert _counts(bulk) == {"listed": 5, "skipped": 4, "described": 1}
    assert _record(bulk, KEYS[0]).metadata == Metadata()
    assert bulk.captioned("a boat") == []


def test_a_new_caption_is_embedded_and_the_picture_is_not(bulk: BulkHouse) -> None:
    _say(bulk, KEYS[0], caption="a boat", title="Sea")
    assert _counts(bulk) == {"listed": 5, "skipped": 4, "planned": 1, "stale": 1}
    state = bulk.house.pictures.look(KEYS[0])
    assert state is not None
    assert bulk.files.entries("00000-000") == [PictureEntry(state=state, embed=False, caption="a boat")]
    records = [json.loads(line) for line in bulk.artifacts.lines(bulk.files.keys.shard("00000-000"))]
    assert records == [{"id": KEYS[0], "text": "a boat"}]
    report = bulk.run_through()
    assert (report.status, report.indexed) == ("complete", 1)
    assert _record(bulk, KEYS[0]).metadata == Metadata(title="Sea", caption="a boat")
    assert bulk.captioned("a boat") == [KEYS[0]]


def test_the_caption_of_a_new_picture_is_embedded_beside_it(bulk: BulkHouse) -> None:
    bulk.house.pictures.put("a/a.png", PNG + b"new")
    _say(bulk, "a/a.png", caption="a boat")
    report = bulk.run_through()
    assert (report.planned, report.missing, report.indexed, report.skipped) == (1, 1, 1, 5)
    assert bulk.captioned("a boat") == ["a/a.png"]


@pytest.mark.parametrize(
    ("sidecar", "sentence"),
    [
        (b'{"colour": "blue"}', "unknown field 'colour'"),
        (b"no JSON", "not valid JSON"),
        (b'{"attributes": {"price": "cheap"}}', "price must be a number"),
    ],
)
@pytest.mark.parametrize("key", [KEYS[0], "a/new.png"])
def test_invalid_metadata_never_stops_a_picture_and_is_told(
    bulk: BulkHouse, key: str, sidecar: bytes, sentence: str
) -> None:
    if key == "a/new.png":
        bulk.house.pictures.put(key, PNG)
    bulk.house.pictures.put(sidecar_key(key), sidecar)
    report = bulk.run_through()
    assert (report.status, report.undescribed, report.rejected) == ("complete", 1, 0)
    assert (report.described, report.indexed) == ((1, 0) if key == KEYS[0] else (0, 1))
    assert bulk.rejects() == {key: "metadata_invalid"}
    assert sentence in (_record(bulk, key).metadata_fault or "")
    assert _record(bulk, key).metadata == Metadata()


def test_a_document_without_an_object_is_removed(bulk: BulkHouse) -> None:
    for key in (KEYS[0], KEYS[2], KEYS[4]):
        bulk.house.pictures.remove(key)
    assert _counts(bulk) == {"listed": 2, "skipped": 2, "orphaned": 3}
    assert [document_of(bulk.house, key) is None for key in KEYS] == [True, False, True, False, True]


def test_only_orphans_of_the_prefix_are_removed(bulk: BulkHouse) -> None:
    bulk.house.pictures.put("b/1.png", PNG)
    bulk.house.indexer.bring_in_line("b/1.png")
    bulk.house.pictures.remove("b/1.png")
    bulk.house.pictures.remove(KEYS[0])
    assert _counts(bulk, prefix="a/") == {"listed": 4, "skipped": 4, "orphaned": 1}
    assert document_of(bulk.house, "b/1.png") is not None


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_orphans_are_found_on_every_page_and_behind_the_last_object(size: int) -> None:
    bulk = bulk_house(contents={f"{number:02}.png": PNG + bytes([number]) for number in range(20)})
    for number in range(20):
        bulk.house.indexer.bring_in_line(f"{number:02}.png")
    gone = [*range(3), 9, 10, *range(15, 20)]
    for number in gone:
        bulk.house.pictures.remove(f"{number:02}.png")
    with patch.object(sources, "PAGE_KEYS", size):
        assert _counts(bulk) == {"listed": 10, "skipped": 10, "orphaned": 10}
    assert bulk.house.index.count(bulk.house.index.active().name) == 10


def test_an_index_whose_bucket_is_empty_is_emptied(bulk: BulkHouse) -> None:
    for key in KEYS:
        bulk.house.pictures.remove(key)
    assert _counts(bulk) == {"orphaned": 5}
    assert bulk.house.index.is_empty(bulk.house.index.active().name)


def test_a_document_that_has_an_object_after_all_stays(bulk: BulkHouse) -> None:
    content = PNG + KEYS[2].encode()
    bulk.house.pictures.remove(KEYS[2])

    def put_back(method: str) -> None:
        if method == "known":
            bulk.house.pictures.put(KEYS[2], content)

    bulk.plan(planner=bulk.planner(put_back))
    plan = bulk.files.plan()
    assert plan is not None
    assert (plan.listed, plan.orphaned) == (4, 0)
    document, state = document_of(bulk.house, KEYS[2]), bulk.house.pictures.look(KEYS[2])
    assert (document and document.last_modified) == (state and state.last_modified)


def _spoil(bulk: BulkHouse) -> None:
    """One document lost, one stale, one picture otherwise described, one with a caption, one orphan."""
    _forget(bulk, KEYS[0])
    bulk.house.pictures.put(KEYS[1], JPEG + b"replaced")
    _say(bulk, KEYS[2], title="Sea")
    _say(bulk, KEYS[3], caption="a boat")
    bulk.house.pictures.remove(KEYS[4])


DIFFERENCES = {"listed": 4, "described": 1, "planned": 3, "missing": 1, "stale": 2, "orphaned": 1}


def test_a_check_counts_what_a_run_would_mend_and_changes_nothing(bulk: BulkHouse) -> None:
    _spoil(bulk)
    before = [document_of(bulk.house, key) for key in KEYS]
    assert _counts(bulk, check=True) == DIFFERENCES
    preparation = bulk.preparer().prepare(RUN)
    report = bulk.finisher().finish(RUN)
    assert [document_of(bulk.house, key) for key in KEYS] == before
    assert (preparation.shards, preparation.unfinished) == (0, 0)
    assert (report.status, report.check, report.missing, report.indexed) == ("complete", True, 1, 0)
    assert list(bulk.artifacts.keys(bulk.files.keys.shards)) == []


def test_a_run_mends_what_a_check_counts_and_the_next_check_finds_nothing(bulk: BulkHouse) -> None:
    _spoil(bulk)
    report = bulk.run_through()
    assert {name: value for name, value in vars(report).items() if name in DIFFERENCES} == DIFFERENCES
    assert (report.status, report.indexed) == ("complete", 3)
    again = BulkHouse(house=bulk.house, artifacts=type(bulk.artifacts)())
    assert _counts(again, check=True) == {"listed": 4, "skipped": 4}


def test_a_check_tells_invalid_metadata_too(bulk: BulkHouse) -> None:
    bulk.house.pictures.put(sidecar_key(KEYS[0]), b"{]")
    assert _counts(bulk, check=True) == {"listed": 5, "skipped": 4, "described": 1, "undescribed": 1}
    assert _record(bulk, KEYS[0]).metadata_fault is None


def test_a_run_into_another_index_that_is_kept_fills_that_one_only(bulk: BulkHouse) -> None:
    second = bulk.second_index()
    bulk.house.index.write_to([second])
    _forget(bulk, KEYS[0])
    report = bulk.run_through(index=second)
    assert (report.index, report.indexed) == (second, 5)
    assert bulk.house.index.count(second) == 5
    assert document_of(bulk.house, KEYS[0]) is None


def test_a_run_into_an_index_that_is_not_kept_is_refused(bulk: BulkHouse) -> None:
    second = bulk.second_index()
    with pytest.raises(RunOutdatedError, match=f"{second}.*images-5e5e5e5e5e5e-1"):
        bulk.plan(index=second)
    assert list(bulk.artifacts.keys("")) == []


def test_a_run_goes_on_after_the_switch_while_its_index_is_kept(bulk: BulkHouse) -> None:
    first = bulk.house.index.active().name
    _forget(bulk, KEYS[0])
    bulk.embed()
    bulk.move_alias()
    bulk.house.index.write_to([first])
    bulk.load()
    assert bulk.finisher().finish(RUN).index == first
    assert bulk.house.index.get(first, document_id(KEYS[0])) is not None


@pytest.mark.parametrize("given", [{"source": "file"}, {"check": True}, {"index": "images-5e5e5e5e5e5e-2"}])
def test_a_run_stays_what_it_was_begun_as(bulk: BulkHouse, given: dict[str, Any]) -> None:
    with patch.object(sources, "PAGE_KEYS", 2):
        with pytest.raises(_StopError):
            bulk.plan(planner=bulk.planner(_stop_at("known")))
        with pytest.raises(EventInvalidError, match=next(iter(given))):
            bulk.plan(**given)


class _StopError(Exception):
    pass


def _stop_at(name: str) -> Callable[[str], None]:
    def before(method: str) -> None:
        if method == name:
            raise _StopError

    return before


@pytest.mark.parametrize("moment", ["describe", "look", "user_metadata", "sidecar"])
@pytest.mark.parametrize("what", ["sidecar", "picture", "gone", "sidecar gone"])
def test_what_changes_while_it_is_described_is_settled(bulk: BulkHouse, moment: str, what: str) -> None:
    _say(bulk, KEYS[0], title="Sea")
    changes: dict[str, Callable[[], object]] = {
        "sidecar": lambda: _say(bulk, KEYS[0], title="Ocean", caption="a boat"),
        "picture": lambda: bulk.house.pictures.put(KEYS[0], JPEG + b"replaced"),
        "gone": lambda: bulk.house.pictures.remove(KEYS[0]),
        "sidecar gone": lambda: bulk.house.pictures.remove(sidecar_key(KEYS[0])),
    }
    left = [changes[what]]

    def before(method: str) -> None:
        if method == moment and left:
            left.pop()()

    bulk.plan(planner=bulk.planner(before))
    bulk.preparer().prepare(RUN)
    bulk.transform()
    bulk.load()
    document, state = document_of(bulk.house, KEYS[0]), bulk.house.pictures.look(KEYS[0])
    seen = document and (document.etag, document.last_modified, document.sidecar)
    assert seen == (state and (state.etag, state.last_modified, state.sidecar))
    if isinstance(document, ImageRecord):
        titles = {"sidecar": "Ocean", "picture": "Sea", "sidecar gone": None}
        assert document.metadata.title == titles[what]
