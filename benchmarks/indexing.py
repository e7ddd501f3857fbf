"""How fast documents get into OpenSearch: one by one, as a bulk run writes them, and at best."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from benchmarks import writers
from benchmarks.measuring import interleaved, progress
from benchmarks.results import Aim, Figure, Ratio, Section
from benchmarks.search import Search, opensearch
from benchmarks.writers import COUNT, DIMENSION, SHARDS
from stacks.settings import DEV, LOCAL

PART = "indexing"
REPEATS = 3
ONE_BY_ONE, ONE_BY_ONE_LIVE = "one_by_one", "one_by_one_live"
CONCURRENCIES = (LOCAL.bulk.index_concurrency, DEV.bulk.index_concurrency)
"""How many shards the map of a bulk run indexes at once: on this machine, and in AWS."""

Submit = Callable[[ProcessPoolExecutor, str, str], list[Future[None]]]


def measure() -> Section:
    """Return documents a second by each way of writing; each writes into a new index and refreshes it."""
    ways: dict[str, Submit] = {ONE_BY_ONE: _one_by_one, ONE_BY_ONE_LIVE: _one_by_one}
    for count in CONCURRENCIES:
        ways[f"bulk_writer_{count}"] = partial(_shared, writers.write_shards, count)
        ways[f"bulk_answers_{count}"] = partial(_shared, writers.write_answers, count)
        ways[f"prepared_bodies_{count}"] = partial(_shared, writers.send_bodies, count)
    ways[f"library_helper_{count}"] = partial(_by_library, count)
    with (
        opensearch() as search,
        ProcessPoolExecutor(
            max(CONCURRENCIES), get_context("spawn"), initializer=writers.prepare, initargs=(search.url,)
        ) as pool,
        progress(PART, steps=len(ways) * (REPEATS + 1)) as say,
    ):
        bytes_each: list[float] = []
        variants = {
            name: partial(_rate, search, pool, submit, bytes_each, is_loading=name != ONE_BY_ONE_LIVE)
            for name, submit in ways.items()
        }
        measured = interleaved(variants, repeats=REPEATS, say=say)
        facts = {"opensearch": search.version, "documents": COUNT, "dimension": DIMENSION}
    figures = {
        name: Figure(name=name, unit="documents/s", values=values) for name, values in measured.items()
    }
    size = Figure(name="store_bytes_per_document", unit="bytes", values=tuple(bytes_each))
    return Section(
        method=(
            f"{COUNT} documents of {DIMENSION} dimensions into a new index each time, with the final "
            "refresh. one_by_one: one index() call each by a plain client. All refresh every 30 s, as while "
            "a bulk run loads, but one_by_one_live: the same calls into an index that refreshes every "
            "second, as while pictures arrive by themselves. bulk_writer_N: put_many as the index function "
            "calls it, a shard a call, from N processes, with documents made beforehand of the model's "
            "answers. bulk_answers_N: the documents are made meanwhile. prepared_bodies_N: the same "
            "requests, written beforehand, by a plain client. library_helper_N: opensearch-py's "
            "parallel_bulk with N threads."
        ),
        figures=(*figures.values(), size),
        ratios=_ratios(figures),
        facts=facts,
    )


def _ratios(figures: dict[str, Figure]) -> tuple[Ratio, ...]:
    names = ("bulk_writer", "bulk_answers", "prepared_bodies")
    ours, answers, ceiling = (figures[f"{name}_{max(CONCURRENCIES)}"] for name in names)
    return (
        Ratio(name="index_ratio", numerator=ours, denominator=figures[ONE_BY_ONE], aim=Aim(value=4)),
        Ratio(
            name="index_ratio_to_live",
            numerator=ours,
            denominator=figures[ONE_BY_ONE_LIVE],
            aim=Aim(value=4),
        ),
        Ratio(name="index_ceiling_fraction", numerator=ours, denominator=ceiling, aim=Aim(value=0.9)),
        Ratio(
            name="index_ceiling_fraction_from_answers",
            numerator=answers,
            denominator=ceiling,
            aim=Aim(value=0.9),
        ),
    )


def _rate(
    search: Search, pool: ProcessPoolExecutor, submit: Submit, bytes_each: list[float], *, is_loading: bool
) -> float:
    """Return documents a second, the final refresh included."""
    index = search.fresh_index(DIMENSION, is_loading=is_loading)
    began = time.perf_counter()
    for done in submit(pool, search.url, index):
        done.result()
    search.refresh(index)
    seconds = time.perf_counter() - began
    if search.count(index) != COUNT:
        raise RuntimeError(f"{search.count(index)} documents arrived, not {COUNT}")
    bytes_each.append(search.store_bytes(index) / COUNT)
    search.delete(index)
    return COUNT / seconds


def _shared(
    write: Callable[[str, str, range], None], count: int, pool: ProcessPoolExecutor, url: str, index: str
) -> list[Future[None]]:
    """Let `count` processes write, each its share of the shards."""
    return [pool.submit(write, url, index, range(first, SHARDS, count)) for first in range(count)]


def _one_by_one(pool: ProcessPoolExecutor, url: str, index: str) -> list[Future[None]]:
    return [pool.submit(writers.write_one_by_one, url, index)]


def _by_library(threads: int, pool: ProcessPoolExecutor, url: str, index: str) -> list[Future[None]]:
    return [pool.submit(writers.write_by_library, url, index, threads)]
