"""Work done ahead of its use."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Key = TypeVar("Key")
Result = TypeVar("Result")
Value = TypeVar("Value")


def ahead(
    executor: Executor, function: Callable[[Item], Result], items: Iterable[Item], *, window: int
) -> Iterator[Result]:
    """`function` of each item, in order; at most `window` results are computed before they are asked for."""
    rest = iter(items)
    pending: deque[Future[Result]] = deque(executor.submit(function, item) for item in islice(rest, window))
    while pending:
        result = pending.popleft().result()
        pending.extend(executor.submit(function, item) for item in islice(rest, 1))
        yield result


def batches(pairs: Iterator[tuple[Key, Value]], size: int) -> Iterator[list[tuple[Key, Value]]]:
    """`pairs` in lists of at most `size`, each made only when it is asked for."""
    while batch := list(islice(pairs, size)):
        yield batch
