"""Whether pictures a second and memory stay as they are, however many pictures there are."""

import tempfile
from pathlib import Path

from benchmarks.contestants import FAST, contestants
from benchmarks.loops import handler_loop
from benchmarks.measuring import progress
from benchmarks.requests import Requests
from benchmarks.results import Aim, Figure, Ratio, Section
from imagesearch.bulk.entries import SHARD_RECORDS

PART = "linear_cost"
FEW, MANY = 100, 10_000
BLOCKS = 10
"""The many are cut into so many blocks, with the few before each, so that both see the same machine."""


def measure() -> Section:
    """Return pictures a second of a hundred records and of ten thousand, and the memory along the way."""
    few_rates, many_rates, memory = [], [], []
    with (
        tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder,
        handler_loop(contestants()[FAST.name]) as handler,
        progress(PART, steps=BLOCKS + 1) as say,
    ):
        requests = Requests(Path(folder))
        few, shard = requests.small_lines(FEW), requests.small_lines(SHARD_RECORDS)
        shards_a_block = round(MANY / SHARD_RECORDS / BLOCKS)
        say("warm-up")
        handler.seconds(few)
        handler.seconds(shard)
        for number in range(BLOCKS):
            say(f"block {number + 1} of {BLOCKS}")
            few_rates.append(handler.rate(few))
            many_rates.append(handler.rate(*[shard] * shards_a_block))
            memory.append(handler.memory_mb)
    few_rate = Figure(name=f"rate_of_{FEW}", unit="pictures/s", values=tuple(few_rates))
    many_rate = Figure(name=f"rate_of_{MANY}", unit="pictures/s", values=tuple(many_rates))
    first = Figure(name="memory_first", unit="MB", values=(memory[0],))
    last = Figure(name="memory_last", unit="MB", values=(memory[-1],))
    return Section(
        method=(
            f"{FAST.name}, small pictures as JSON Lines through the whole handler, in one process. "
            f"rate_of_{MANY}: that many in requests of {SHARD_RECORDS}, in ten blocks; rate_of_{FEW}: a "
            f"request of {FEW} before each block. memory: after the first block and after the last."
        ),
        figures=(few_rate, many_rate, first, last),
        ratios=(
            Ratio(name="linear_cost_ratio", numerator=many_rate, denominator=few_rate, aim=Aim(value=0.9)),
            Ratio(
                name="memory_growth_ratio",
                numerator=last,
                denominator=first,
                aim=Aim(value=1.1, is_most=True),
            ),
        ),
        facts={"pictures": BLOCKS * shards_a_block * SHARD_RECORDS},
    )
