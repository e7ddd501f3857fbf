"""Work ahead of its use: in parallel, in order, and never more than agreed."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from clip_inference.pipeline import ahead, batches

WINDOW = 4


def test_items_are_computed_in_parallel_and_given_in_order() -> None:
    together = threading.Barrier(WINDOW, timeout=10)

    def wait_for_the_others(number: int) -> int:
        together.wait()
        return number

    with ThreadPoolExecutor(WINDOW) as threads:
        results = ahead(threads, wait_for_the_others, range(2 * WINDOW), window=WINDOW)
        assert list(results) == list(range(2 * WINDOW))


def test_no_more_than_the_window_is_computed_ahead() -> None:
    taken = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(1) as threads:
        results = ahead(threads, lambda number: number, numbers(), window=WINDOW)
        assert [next(results), next(results)] == [0, 1]
    assert len(taken) == 2 + WINDOW


def test_nothing_gives_nothing() -> None:
    with ThreadPoolExecutor(1) as threads:
        assert list(ahead(threads, int, [], window=WINDOW)) == []


def test_batches_keep_order_and_the_last_may_be_smaller() -> None:
    pairs = [(place, str(place)) for place in range(5)]
    assert list(batches(iter(pairs), 2)) == [pairs[:2], pairs[2:4], pairs[4:]]
