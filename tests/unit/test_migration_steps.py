"""The steps of a migration: their order, what each refuses, and that each may be killed and taken again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from imagesearch.adapters import opensearch
from imagesearch.adapters.in_memory import InMemoryEmbedder
from imagesearch.errors import (
    ArtifactDamagedError,
    DrainNotOverError,
    GateFailedError,
    GateMissingError,
    IndexMissingError,
    IndexRetiredError,
    MigrationActiveError,
    MigrationMissingError,
    MigrationOutdatedError,
    ModelMismatchError,
    ModelUnavailableError,
    NotSwitchedError,
)
from imagesearch.migration.records import RecordFiles
from imagesearch.migration.steps import REMEMBERED_SECONDS
from imagesearch.models import document_id
from tests.builders import FINGERPRINT, OTHER_FINGERPRINT, PNG
from tests.migration import (
    BEGUN,
    DIMENSION,
    DRAIN,
    NEW,
    OLD,
    PICTURES,
    SETTLING,
    MigrationHouse,
    checked,
    loaded,
    migration_house,
    switched,
)


class KilledError(Exception):
    """The function was ended here."""


def begin(house: MigrationHouse, before: Callable[[str], None] = lambda _: None) -> None:
    house.migration(before).begin(fingerprint=OTHER_FINGERPRINT, dimension=DIMENSION)


def drained() -> MigrationHouse:
    house = switched()
    house.wait(DRAIN)
    return house


def retired() -> MigrationHouse:
    house = drained()
    house.migration().finish()
    house.wait(SETTLING)
    return house


def test_without_a_migration_the_status_names_the_indices_and_nothing_to_wait_for() -> None:
    status = migration_house().migration().status()
    assert status.active is not None
    assert (status.active.name, [each.name for each in status.written]) == (OLD, [OLD])
    assert (status.migration, status.wait_seconds, status.drain_until) == (None, 0.0, None)


def test_without_an_index_the_status_says_so() -> None:
    house = migration_house()
    house.house.index._alias = None
    status = house.migration().status()
    assert (status.active, status.written) == (None, ())


def test_to_begin_makes_an_empty_index_that_live_ingest_writes_beside_the_old_one() -> None:
    house = migration_house()
    begin(house)
    assert (house.active, house.written, house.indices) == (OLD, {OLD, NEW}, {OLD, NEW})
    house.put("live.png")
    assert house.house.index.count(NEW) == 1


def test_to_begin_says_how_long_functions_may_still_know_one_index_only() -> None:
    house = migration_house()
    status = house.migration().begin(fingerprint=OTHER_FINGERPRINT, dimension=DIMENSION)
    assert status.wait_seconds == SETTLING.total_seconds()
    house.wait(timedelta(seconds=30))
    assert house.migration().status().wait_seconds == 5
    house.wait(timedelta(seconds=30))
    assert house.migration().status().wait_seconds == 0


def test_functions_remember_the_aliases_no_longer_than_the_steps_reckon_with() -> None:
    assert opensearch._REMEMBERED_SECONDS == REMEMBERED_SECONDS


def test_to_begin_again_changes_nothing() -> None:
    house = loaded()
    record = house.record()
    begin(house)
    assert house.record() == record
    assert house.house.index.count(NEW) == len(PICTURES)


def test_a_second_model_waits_for_the_first_ones_migration_to_end() -> None:
    house = loaded()
    with pytest.raises(MigrationActiveError, match=NEW):
        house.migration().begin(fingerprint="aa" * 32, dimension=8)
    assert house.written == {OLD, NEW}


def test_the_model_that_made_the_index_builds_it_anew_under_the_next_number() -> None:
    house = migration_house()
    house.migration().begin(fingerprint=FINGERPRINT, dimension=32)
    assert house.written == {OLD, f"images-{FINGERPRINT[:12]}-2"}


def test_the_name_of_an_index_that_was_removed_is_not_used_again() -> None:
    house = retired()
    house.migration().finish()
    house.migration().begin(fingerprint=FINGERPRINT, dimension=32)
    # Its record stands under the name of the new index; the old one never had a record.
    assert house.written == {NEW, OLD}
    house.migration().finish(forced_by="Ada")
    house.wait(SETTLING)
    house.migration().finish()
    house.migration().begin(fingerprint=FINGERPRINT, dimension=32)
    assert house.written == {NEW, f"images-{FINGERPRINT[:12]}-2"}


def test_a_model_without_an_endpoint_would_stop_ingest_and_is_refused() -> None:
    house = migration_house()
    del house.models.deployed[OTHER_FINGERPRINT]
    with pytest.raises(ModelUnavailableError):
        begin(house)
    assert (house.record(), house.written, house.indices) == (None, {OLD}, {OLD})


def test_an_endpoint_that_answers_as_another_model_is_refused() -> None:
    house = migration_house()
    house.models.deployed[OTHER_FINGERPRINT] = InMemoryEmbedder(
        fingerprint=FINGERPRINT, dimension=32, pictures=house.house.pictures
    )
    with pytest.raises(ModelMismatchError):
        begin(house)
    assert house.record() is None


def test_there_is_nothing_to_migrate_without_an_index() -> None:
    house = migration_house()
    house.house.index._alias = None
    with pytest.raises(IndexMissingError):
        begin(house)


def test_bulk_runs_are_remembered_in_their_order_and_once() -> None:
    house = loaded()
    for run in ("first", "second", "first"):
        house.migration().note_run(run)
    assert house.known_record().runs == ("first", "second")


def test_a_check_is_remembered_with_all_its_figures() -> None:
    house = loaded()
    status = house.migration().check()
    assert status.migration is not None
    check = status.migration.check
    assert check == house.known_record().check
    assert check is not None
    assert (check.passed, check.counts.old, check.counts.new, check.recall.value) == (True, 12, 12, 1.0)


def test_a_switch_moves_the_alias_and_keeps_both_indices_written() -> None:
    house = switched()
    assert (house.active, house.written) == (NEW, {OLD, NEW})
    assert house.known_record().switched_at == house.now
    assert house.migration().status().drain_until == house.now + DRAIN


def test_an_index_that_was_not_checked_does_not_take_over_even_when_forced() -> None:
    house = loaded()
    for forced_by in (None, "Ada"):
        with pytest.raises(GateMissingError):
            house.migration().switch(forced_by=forced_by)
    assert house.active == OLD


def test_an_index_that_lacks_a_picture_does_not_take_over() -> None:
    house = loaded()
    house.house.index.delete(NEW, document_id(PICTURES[3]))
    house.migration().check()
    with pytest.raises(GateFailedError, match=PICTURES[3]):
        house.migration().switch()
    assert house.active == OLD


def test_a_forced_switch_says_who_forced_what() -> None:
    house = loaded()
    house.house.index.delete(NEW, document_id(PICTURES[3]))
    house.migration().check()
    house.migration().switch(forced_by="Ada")
    (forced,) = house.known_record().forced
    assert house.active == NEW
    assert (forced.by, PICTURES[3] in forced.refusal, forced.at) == ("Ada", True, house.now)


def test_to_switch_again_changes_nothing() -> None:
    house = switched()
    record = house.record()
    house.wait(timedelta(minutes=5))
    house.migration().switch()
    assert house.record() == record


def test_after_a_rollback_the_old_index_answers_with_everything_that_came_since() -> None:
    house = switched()
    house.put("since.png")
    house.house.pictures.remove(PICTURES[0])
    house.indexer.bring_in_line(PICTURES[0])
    house.migration().rollback()
    assert (house.active, house.written) == (OLD, {OLD, NEW})
    keys = set(house.house.index.keys(OLD))
    assert keys == {*PICTURES[1:], "since.png"} == set(house.house.index.keys(NEW))


def test_after_a_rollback_the_new_index_is_checked_again_before_it_takes_over() -> None:
    house = switched()
    house.migration().rollback()
    with pytest.raises(GateMissingError):
        house.migration().switch()
    house.migration().check()
    house.migration().switch()
    assert house.active == NEW


def test_a_switch_that_was_not_made_is_not_rolled_back() -> None:
    house = checked()
    with pytest.raises(NotSwitchedError, match=OLD):
        house.migration().rollback()
    assert house.known_record().check is not None


def test_the_old_index_stays_until_the_drain_is_over() -> None:
    house = switched()
    house.wait(DRAIN - timedelta(seconds=1))
    with pytest.raises(DrainNotOverError, match="2026-03-01T14:3"):
        house.migration().finish()
    assert (house.known_record().retired, house.written) == (None, {OLD, NEW})


def test_a_forced_finish_says_who_forced_what() -> None:
    house = switched()
    house.migration().finish(forced_by="Ada")
    record = house.known_record()
    assert (record.retired, house.written) == (OLD, {NEW})
    assert (record.forced[0].by, "rollback" in record.forced[0].refusal) == ("Ada", True)


def test_the_old_index_is_removed_only_when_no_function_can_remember_it() -> None:
    house = drained()
    status = house.migration().finish()
    assert (house.written, house.indices, status.wait_seconds) == ({NEW}, {OLD, NEW}, 35)
    for forced_by in (None, "Ada"):
        with pytest.raises(DrainNotOverError, match="35 s"):
            house.migration().finish(forced_by=forced_by)
    house.wait(SETTLING)
    house.migration().finish()
    assert (house.active, house.written, house.indices) == (NEW, {NEW}, {NEW})
    assert house.record() is None


def test_a_finished_migration_makes_room_for_the_next() -> None:
    house = retired()
    house.migration().finish()
    with pytest.raises(MigrationMissingError):
        house.migration().finish()
    house.migration().begin(fingerprint=FINGERPRINT, dimension=32)
    assert house.active == NEW
    assert len(house.written) == 2


def test_a_migration_that_is_not_switched_is_given_up_only_by_force() -> None:
    house = loaded()
    with pytest.raises(NotSwitchedError, match=NEW):
        house.migration().finish()
    assert house.written == {OLD, NEW}
    house.migration().finish(forced_by="Ada")
    house.wait(SETTLING)
    house.migration().finish()
    assert (house.active, house.written, house.indices) == (OLD, {OLD}, {OLD})
    assert house.record() is None


def test_a_retired_index_neither_comes_back_nor_takes_over() -> None:
    back, forward = retired(), loaded()
    with pytest.raises(IndexRetiredError, match=OLD):
        back.migration().rollback()
    forward.migration().check()
    forward.migration().finish(forced_by="Ada")
    with pytest.raises(IndexRetiredError, match=NEW):
        forward.migration().switch()
    with pytest.raises(MigrationActiveError, match="--finish"):
        begin(forward)
    assert (back.active, forward.active) == (NEW, OLD)


def test_an_alias_that_somebody_else_moved_stops_the_migration() -> None:
    house = checked()
    other = replace(house.house.index.active(), name="images-by-hand")
    house.house.index.create(other)
    house.house.index.point_alias(other.name)
    for step in (house.migration().switch, house.migration().finish):
        with pytest.raises(MigrationOutdatedError, match="images-by-hand"):
            step()
    assert house.active == "images-by-hand"


@pytest.mark.parametrize("step", ["check", "switch", "rollback", "finish"])
def test_a_step_without_a_migration_says_how_to_begin_one(step: str) -> None:
    with pytest.raises(MigrationMissingError, match="imagesearch migrate --model"):
        getattr(migration_house().migration(), step)()


def test_a_damaged_record_is_named_and_stops_everything() -> None:
    house = loaded()
    house.artifacts.write(f"migrations/{NEW}.json", b'{"old": 1}')
    for step in (house.migration().status, house.migration().check):
        with pytest.raises(ArtifactDamagedError, match=f"migrations/{NEW}.json"):
            step()


def test_records_of_ended_migrations_stay() -> None:
    house = retired()
    house.migration().finish()
    assert list(RecordFiles(house.artifacts).names()) == [NEW]
    assert (house.artifacts.read(f"migrations/{NEW}.json") or b"").count(b"finished_at") == 1


Take = Callable[[MigrationHouse, Callable[[str], None]], object]


def outcome(house: MigrationHouse) -> tuple[object, ...]:
    record = house.record()
    told = None
    if record is not None:
        told = (record.check and record.check.passed, record.switched_at is None, record.retired)
    return (house.active, house.written, house.indices, told)


CHANGES = {"write", "put_template", "create", "write_to", "point_alias", "remove"}
STEPS: dict[str, tuple[Callable[[], MigrationHouse], Take]] = {
    "begin": (migration_house, begin),
    "check": (loaded, lambda house, before: house.migration(before).check()),
    "switch": (checked, lambda house, before: house.migration(before).switch()),
    "rollback": (switched, lambda house, before: house.migration(before).rollback()),
    "retire": (drained, lambda house, before: house.migration(before).finish()),
    "remove": (retired, lambda house, before: house.migration(before).finish()),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_was_killed_before_any_of_its_changes_is_completed_by_the_same_call(name: str) -> None:
    make, take = STEPS[name]
    undisturbed, changes = make(), list[str]()
    take(undisturbed, lambda call: changes.append(call) if call in CHANGES else None)
    assert changes
    for survived in range(len(changes)):
        house = make()
        take_and_die(house, take, survived)
        take(house, lambda _: None)
        assert outcome(house) == outcome(undisturbed), f"killed before change {survived + 1} of {changes}"


def take_and_die(house: MigrationHouse, take: Take, survived: int) -> None:
    """Take a step that is killed before it makes one change more than it survives."""
    made = 0

    def count(call: str) -> None:
        nonlocal made
        if call in CHANGES:
            made += 1
            if made > survived:
                raise KilledError

    with pytest.raises(KilledError):
        take(house, count)


@pytest.mark.parametrize("survived", range(3))
def test_an_index_whose_retirement_was_killed_never_becomes_searched(survived: int) -> None:
    house = drained()
    take_and_die(house, lambda house, before: house.migration(before).finish(), survived)
    if house.known_record().retired is None:
        house.migration().rollback()
        assert house.active == OLD
        return
    with pytest.raises(IndexRetiredError):
        house.migration().rollback()
    with pytest.raises(MigrationActiveError):
        begin(house)
    assert house.active == NEW


def test_a_switch_that_was_killed_half_way_can_be_rolled_back() -> None:
    house = checked()
    take_and_die(house, lambda house, before: house.migration(before).switch(), 1)
    assert (house.active, house.known_record().switched_at) == (NEW, None)
    house.migration().rollback()
    assert house.active == OLD


def test_the_drain_of_a_switch_that_was_killed_half_way_begins_when_that_is_seen() -> None:
    house = checked()
    take_and_die(house, lambda house, before: house.migration(before).switch(), 1)
    house.wait(DRAIN)
    with pytest.raises(DrainNotOverError):
        house.migration().finish()
    house.wait(DRAIN)
    house.migration().finish()
    assert house.known_record().retired == OLD


def test_the_wait_begins_when_both_indices_are_really_written() -> None:
    house = migration_house()
    take_and_die(house, begin, 4)
    assert house.written == {OLD, NEW}
    house.wait(timedelta(hours=1))
    begin(house)
    assert house.migration().status().wait_seconds == SETTLING.total_seconds()
    assert house.known_record().begun_at == BEGUN


def test_live_ingest_keeps_both_indices_equal_from_begin_to_finish() -> None:
    house = migration_house()
    steps: list[Callable[[], object]] = [
        lambda: begin(house),
        house.load,
        lambda: house.migration().check(),
        lambda: house.migration().switch(),
        lambda: house.migration().rollback(),
        lambda: house.migration().check(),
        lambda: house.migration().switch(),
    ]
    for number, step in enumerate(steps):
        step()
        house.put(f"{number}.new.png")
        house.put(PICTURES[number], PNG + b"replaced")
        house.house.pictures.remove(f"{number - 1}.new.png")
        house.indexer.bring_in_line(f"{number - 1}.new.png")
    present = {state.key: state.etag for state in house.house.pictures.listing()}
    for name in (OLD, NEW):
        documents = house.house.index.known(name, [document_id(key) for key in present])
        assert {each.key: each.etag for each in documents.values()} == present
        assert set(house.house.index.keys(name)) == set(present)
