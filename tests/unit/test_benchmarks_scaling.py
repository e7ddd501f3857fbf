"""The plan for large libraries: figures worked out by hand, and the document made from it."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import results, scaling
from scripts.costs import library as plan
from scripts.costs.library import Rates
from stacks import prices
from stacks.settings import PROD

ROOT = Path(__file__).resolve().parents[2]
RATES = Rates(transform=100, plan_call=10, index_shard=2, documents_per_core=500, document_bytes=8192)
R6G_LARGE, R6G_12XLARGE = prices.NODES[0], prices.NODES[-1]


def test_the_document_is_current() -> None:
    document = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert document == scaling.render(results.read()), "run: python -m benchmarks.scaling > docs/scaling.md"


def test_a_million_pictures_are_a_hundred_pages_of_forty_shards_in_one_run() -> None:
    assert plan.counts(1_000_000) == plan.Counts(pictures=1_000_000, shards=4_000, plan_calls=100, runs=1)


def test_the_history_of_an_execution_bounds_a_run() -> None:
    # 24,900 events, seven a call: 3,557 calls of 10,000 keys.
    assert plan.keys_per_run() == 35_570_000
    assert plan.counts(35_570_000).runs == 1
    assert plan.counts(35_570_001).runs == 2
    assert plan.counts(1_000_000_000).runs == 29


@pytest.mark.parametrize(
    ("quantisation", "gigabytes"),
    [("none", 2393.6), ("fp16", 1267.2), ("byte", 704.0), ("on_disk", 211.2)],
)
def test_the_memory_of_a_billion_vectors_is_the_documented_estimate(
    quantisation: str, gigabytes: float
) -> None:
    # 1.1 × (4, 2, 1 or 1/8 × 512 + 8 × 16) × 10⁹
    bytes_each = plan.BYTES_PER_DIMENSION[quantisation]
    size = plan.memory_bytes(10**9, dimension=512, bytes_per_dimension=bytes_each)
    assert size / 1e9 == pytest.approx(gigabytes)


def test_graphs_have_half_of_what_the_heap_leaves() -> None:
    assert plan.graph_gib(R6G_LARGE) == 4  # 16, of which 8 are heap
    assert plan.graph_gib(R6G_12XLARGE) == 176  # 384, of which 32 are heap


def test_nodes_are_as_many_as_memory_needs_and_alike_in_each_zone() -> None:
    # 223 GiB a copy, two copies, 176 GiB a node: 2.5 nodes, and three zones.
    held = plan.domain(10**8, R6G_12XLARGE, bytes_per_dimension=4, dimension=512, settings=PROD, rates=RATES)
    assert (held.nodes, held.cores) == (3, 144)
    # 8 KiB a document, two copies, 76 % of the volumes: 2,008 GiB on three nodes.
    assert held.volume_gib == 670
    assert held.month == pytest.approx(3 * (4.016 + 0.128) * 730 + 3 * 670 * 0.122)


def test_a_small_library_is_held_by_the_domain_as_it_is_set() -> None:
    held = plan.cheapest_domain(10**6, bytes_per_dimension=4, dimension=512, settings=PROD, rates=RATES)
    domain = PROD.domain
    assert (held.node.name, held.nodes, held.volume_gib) == (
        *(domain.instance_type, domain.data_nodes, domain.volume_gib),
    )


def test_a_disk_that_is_too_small_asks_for_more_nodes() -> None:
    large = Rates(transform=1, plan_call=1, index_shard=1, documents_per_core=1, document_bytes=10**6)
    # A megabyte a document, two copies, 76 %: 2,451 GiB a million, 2,048 a node.
    held = plan.domain(5 * 10**6, R6G_LARGE, bytes_per_dimension=4, dimension=512, settings=PROD, rates=large)
    assert held.nodes == 6


def test_the_hours_and_dollars_of_a_million_pictures() -> None:
    library = plan.counts(1_000_000)
    held = plan.domain(10**6, R6G_LARGE, bytes_per_dimension=4, dimension=512, settings=PROD, rates=RATES)
    money = plan.costs(library, settings=PROD, rates=RATES)
    assert plan.plan_hours(library, RATES) * 3600 == pytest.approx(1_000)
    assert plan.transform_hours(library, settings=PROD, rates=RATES) * 3600 == pytest.approx(
        2_500
    )  # four instances
    # 4,000 shards of 2 s, eight at once: slower than 2 M documents into six cores.
    assert plan.index_hours(library, held, settings=PROD, rates=RATES) * 3600 == pytest.approx(1_000)
    assert money.transform == pytest.approx(10_000 / 3600 * 0.816)
    # 100 × 11 + 4,000 × 6 writes; 1,000,000 + 4,000 × 10 reads.
    assert money.s3 == pytest.approx(25.1 * 0.005 + 1_040 * 0.0004)
    # 100 × 10 s + 4,000 × 2 s of 1 GB; 4,100 calls.
    assert money.functions == pytest.approx(9_000 * 0.0000133334 + 4_100 * 0.0000002)
    assert money.states == pytest.approx((200 + 8_000 + 6) * 0.000025)
    assert money.total == pytest.approx(money.transform + money.s3 + money.functions + money.states)


def test_nodes_that_are_slower_than_the_functions_set_the_time_of_indexing() -> None:
    slow = Rates(transform=1, plan_call=1, index_shard=2, documents_per_core=50, document_bytes=8192)
    held = plan.domain(10**6, R6G_LARGE, bytes_per_dimension=4, dimension=512, settings=PROD, rates=slow)
    hours = plan.index_hours(plan.counts(10**6), held, settings=PROD, rates=slow)
    assert hours * 3600 == pytest.approx(2_000_000 / (50 * 6))


def test_rates_that_nobody_measured_are_called_assumed() -> None:
    found = scaling.find_rates({})
    assert not any(rate.is_measured for rate in found.values())
    assert "## Measured" not in scaling.render({})


def a_bulk_run(pictures: int) -> dict[str, Any]:
    figures = {"state_plan_seconds": 6.0, "state_index_seconds": 40.0}
    return {
        "date": "2026-01-02",
        "machine": {"cores": 2, "processor": "a processor"},
        "facts": {"pictures": pictures, "shards_indexed_at_once": 2},
        "figures": {name: {"median": value} for name, value in figures.items()},
    }


def test_measured_rates_say_where_and_when() -> None:
    found = scaling.find_rates({"bulk_run": a_bulk_run(20_480)})
    # 2.048 pages; 80 shards, two at once.
    assert found["plan_call"].value == pytest.approx(6 / 2.048)
    assert found["index_shard"].value == pytest.approx(1.0)
    assert found["plan_call"].is_measured
    assert "2 cores of a processor, 2026-01-02" in found["plan_call"].origin
    assert not found["transform"].is_measured


def test_a_run_of_less_than_a_page_tells_no_rate() -> None:
    found = scaling.find_rates({"bulk_run": a_bulk_run(600)})
    assert not found["plan_call"].is_measured
    assert not found["index_shard"].is_measured
