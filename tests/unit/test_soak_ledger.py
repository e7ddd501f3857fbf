"""When a change counts as settled: what the soak's verdicts rest on."""

import pytest

from imagesearch_client import ImageState
from tests.soak.ledger import NOTHING, Ledger, Version
from tests.soak.ledgers import KEY, Clock, shown

FIRST, SECOND = Version(etag="1", seed=1, tags=("a",)), Version(etag="2", seed=2)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return Ledger(settle_seconds=40, clock=clock)


def put(ledger: Ledger, version: Version) -> None:
    with ledger.writing(KEY, version):
        pass


def settle(ledger: Ledger, clock: Clock, version: Version) -> None:
    put(ledger, version)
    clock.now += 40
    assert ledger.observe(KEY, shown(version), asked=clock.now)


def test_what_the_api_has_shown_late_enough_is_settled(ledger: Ledger, clock: Clock) -> None:
    put(ledger, FIRST)
    assert ledger.settled(KEY, since=clock.now) is None

    clock.now += 40

    assert ledger.observe(KEY, shown(FIRST), asked=clock.now)
    assert ledger.settled(KEY, since=clock.now) == FIRST
    assert ledger.keys(settled_since=clock.now) == [KEY]


def test_what_was_shown_too_early_may_be_undone_by_who_looked_before(ledger: Ledger, clock: Clock) -> None:
    put(ledger, FIRST)
    clock.now += 39
    assert not ledger.observe(KEY, shown(FIRST), asked=clock.now)
    assert ledger.due() == []
    clock.now += 1
    assert ledger.due() == [KEY]


@pytest.mark.parametrize("state", [None, shown(SECOND), shown(Version(etag="1", tags=("b",)))])
def test_only_what_was_written_settles(ledger: Ledger, clock: Clock, state: ImageState | None) -> None:
    put(ledger, FIRST)
    clock.now += 40
    assert not ledger.observe(KEY, state, asked=clock.now)


def test_a_deletion_settles_once_the_key_is_unknown(ledger: Ledger, clock: Clock) -> None:
    put(ledger, FIRST)
    put(ledger, NOTHING)
    clock.now += 40
    assert not ledger.observe(KEY, shown(FIRST), asked=clock.now)
    assert ledger.observe(KEY, None, asked=clock.now)
    assert ledger.settled(KEY, since=clock.now) == NOTHING
    assert ledger.keys(settled_since=clock.now) == []


def test_a_damaged_picture_settles_as_a_reject(ledger: Ledger, clock: Clock) -> None:
    damaged = Version(etag="1", tags=("a",), is_damaged=True)
    settle(ledger, clock, damaged)
    assert ledger.keys(settled_since=clock.now) == []


def test_a_write_unsettles_from_its_very_beginning(ledger: Ledger, clock: Clock) -> None:
    settle(ledger, clock, FIRST)
    with ledger.writing(KEY, SECOND):
        assert ledger.settled(KEY, since=clock.now) is None
        assert not ledger.observe(KEY, shown(FIRST), asked=clock.now + 100)


def test_what_was_settled_later_than_asked_says_nothing_of_the_answer(ledger: Ledger, clock: Clock) -> None:
    settle(ledger, clock, FIRST)
    assert ledger.settled(KEY, since=clock.now - 1) is None


def test_nothing_settles_while_a_bulk_run_goes_on_and_what_is_settled_stays_so(
    ledger: Ledger, clock: Clock
) -> None:
    settle(ledger, clock, FIRST)
    with ledger.bulk_run():
        assert ledger.settled(KEY, since=clock.now) == FIRST
        put(ledger, SECOND)
        clock.now += 40
        assert not ledger.observe(KEY, shown(SECOND), asked=clock.now)
    assert ledger.observe(KEY, shown(SECOND), asked=clock.now)


def test_a_write_that_failed_leaves_a_key_of_which_nothing_is_known(ledger: Ledger, clock: Clock) -> None:
    with pytest.raises(OSError), ledger.writing(KEY, FIRST):  # noqa: PT011 - it says nothing
        raise OSError
    clock.now += 1000
    assert not ledger.observe(KEY, shown(FIRST), asked=clock.now)


def test_it_knows_what_was_ever_put(ledger: Ledger) -> None:
    put(ledger, FIRST)
    put(ledger, NOTHING)
    assert (ledger.was_put(KEY), ledger.was_put("other")) == (True, False)
    assert (ledger.had_etag(KEY, "1"), ledger.had_etag(KEY, "2")) == (True, False)
