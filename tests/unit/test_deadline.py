"""The time that is left for the work under way."""

import threading

import pytest

from imagesearch.deadline import deadline, seconds_left
from imagesearch.errors import DeadlineError


def test_without_a_deadline_everything_may_take_what_it_is_given() -> None:
    assert seconds_left(at_most=60) == 60


def test_a_deadline_shortens_what_would_end_behind_it() -> None:
    with deadline(20):
        assert seconds_left(at_most=10) == 10
        assert 19 < seconds_left(at_most=60) <= 20
    assert seconds_left(at_most=60) == 60


@pytest.mark.parametrize("seconds", [0.1, 0, -3])
def test_nothing_is_begun_shortly_before_the_end_or_behind_it(seconds: float) -> None:
    with deadline(seconds), pytest.raises(DeadlineError, match="Try again") as caught:
        seconds_left(at_most=60)
    assert caught.value.retry_after > 0


def test_a_later_end_does_not_replace_a_sooner_one() -> None:
    with deadline(5), deadline(20):
        assert seconds_left(at_most=60) <= 5


def test_a_deadline_is_its_own_threads() -> None:
    left: list[float] = []
    with deadline(1):
        thread = threading.Thread(target=lambda: left.append(seconds_left(at_most=60)))
        thread.start()
        thread.join()
    assert left == [60]
