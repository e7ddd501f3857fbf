"""Cutting what streams by into pieces, and working on the items of a piece at once."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_THREADS = 10
"""How many requests are under way at once: as many as boto3 and opensearch-py keep connections."""


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of `size`, the last one shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return the result for each item, in their order. Raises what the first one that failed raised.

    What is known here by context, such as the id of the work, is known to each.
    """

    def in_context(context: Context, item: T) -> R:
        return context.run(work, item)

    each = list(items)
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(in_context, [copy_context() for _ in each], each))
