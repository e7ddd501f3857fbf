"""Write `docs/scaling.md`: one bulk run planned for a million, a hundred million and a billion pictures."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import results
from benchmarks.indexing import CONCURRENCIES
from benchmarks.markdown import prose, table
from benchmarks.results import Document
from imagesearch.bulk.entries import SHARD_RECORDS
from imagesearch.bulk.sources import PAGE_KEYS
from scripts.costs import library as plan
from scripts.costs.library import Domain, Rates
from stacks import limits, prices
from stacks.settings import PROD

SIZES = (1_000_000, 100_000_000, 1_000_000_000)
DIMENSION = 512
NAMES = ("1 M", "100 M", "1 B")


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A rate with its unit and where it comes from; `is_measured` tells the two kinds apart."""

    name: str
    value: float
    unit: str
    origin: str
    is_measured: bool


def find_rates(document: Document) -> dict[str, Rate]:
    """Return every rate by its name in `Rates`: measured where results.json has it, else assumed."""
    return {
        "transform": Rate(
            name=f"CLIP ViT-B/32 on one {PROD.bulk.instance_type}",
            value=120,
            unit="pictures/s",
            origin="25 ms a picture in float32 on 2 cores, 8 ms to decode it, 8 physical cores, some loss",
            is_measured=False,
        ),
        **_plan_rates(document.get("bulk_run")),
        **_index_rates(document.get("indexing")),
    }


def _plan_rates(section: Document | None) -> dict[str, Rate]:
    """Return the seconds of plan calls and shards; a run of less than a page tells nothing of either."""
    plan_name, index_name = f"a plan call of {PAGE_KEYS:,} keys", f"indexing a shard of {SHARD_RECORDS}"
    if section is None or section["facts"]["pictures"] < PAGE_KEYS:
        return {
            "plan_call": _assumed(plan_name, 10, "s", "ten pages of a listing, 40 shards written"),
            "index_shard": _assumed(index_name, 1, "s", "two listings and one bulk request"),
        }
    facts = section["facts"]
    plan_seconds = _median(section, "state_plan_seconds") / (facts["pictures"] / PAGE_KEYS)
    shards = facts["pictures"] / SHARD_RECORDS
    index_seconds = _median(section, "state_index_seconds") * facts["shards_indexed_at_once"] / shards
    origin = f"bulk_run, {facts['pictures']:,} pictures, everything on {_machine(section)}"
    return {
        "plan_call": _measured(plan_name, plan_seconds, "s", origin),
        "index_shard": _measured(index_name, index_seconds, "s", origin),
    }


def _index_rates(section: Document | None) -> dict[str, Rate]:
    rate_name, size_name = "documents into OpenSearch, a core", "a document on the disk"
    if section is None:
        return {
            "documents_per_core": _assumed(rate_name, 500, "documents/s", "512 dimensions"),
            "document_bytes": _assumed(size_name, 9_200, "bytes", "512 dimensions, the vector twice"),
        }
    per_core = _median(section, f"bulk_writer_{max(CONCURRENCIES)}") / section["machine"]["cores"]
    origin = f"indexing, engine lucene, {section['facts']['dimension']} dimensions, {_machine(section)}"
    return {
        "documents_per_core": _measured(rate_name, per_core, "documents/s", origin),
        "document_bytes": _measured(size_name, _median(section, "store_bytes_per_document"), "bytes", origin),
    }


def _assumed(name: str, value: float, unit: str, origin: str) -> Rate:
    return Rate(name=name, value=value, unit=unit, origin=origin, is_measured=False)


def _measured(name: str, value: float, unit: str, origin: str) -> Rate:
    return Rate(name=name, value=value, unit=unit, origin=origin, is_measured=True)


def _median(section: Document, figure: str) -> float:
    return float(section["figures"][figure]["median"])


def _machine(section: Document) -> str:
    machine = section["machine"]
    return f"{machine['cores']} cores of {machine['processor']}, {section['date']}"


def render(document: Document) -> str:
    """Return the document that these results make."""
    found = find_rates(document)
    rates = Rates(**{name: rate.value for name, rate in found.items()})
    parts = [
        *_introduction(),
        *_rates_part("Measured", [rate for rate in found.values() if rate.is_measured]),
        *_rates_part("Assumed", [rate for rate in found.values() if not rate.is_measured]),
        *_run_part(rates),
        *_memory_part(),
        *_domain_part(rates),
        *_changes_part(rates),
    ]
    return "\n\n".join(parts) + "\n"


def _introduction() -> list[str]:
    bulk = PROD.bulk
    return [
        "# Scaling",
        prose(
            "The same bulk run, planned for three libraries with the settings of `prod`: "
            f"{bulk.instance_count} instances {bulk.instance_type}, {bulk.index_concurrency} shards "
            f"indexed at once, {1 + PROD.index.replicas} copies of the index, and {DIMENSION} dimensions. "
            "Written by `python -m benchmarks.scaling > docs/scaling.md` from the settings, the table of "
            "limits and `benchmarks/results.json`. Nothing here has been run in AWS."
        ),
        prose(
            f"Prices are list prices of {prices.AS_OF}, in dollars, from {prices.SOURCE}: check them before "
            "relying on a figure. Left out are the storage of pictures and embeddings, logs and transfers."
        ),
    ]


def _rates_part(title: str, rates: Sequence[Rate]) -> list[str]:
    if not rates:
        return []
    rows = [(rate.name, f"{_number(rate.value)} {rate.unit}", rate.origin) for rate in rates]
    where = "where" if rates[0].is_measured else "why"
    return [f"## {title} rates", table(("rate", "value", where), rows)]


def _run_part(rates: Rates) -> list[str]:
    libraries = [plan.counts(size) for size in SIZES]
    domains = [_domain(size, "none", rates) for size in SIZES]
    money = [plan.costs(library, settings=PROD, rates=rates) for library in libraries]
    rows = [
        ("shards", *(f"{each.shards:,}" for each in libraries)),
        (f"plan calls ({PAGE_KEYS:,} keys each)", *(f"{each.plan_calls:,}" for each in libraries)),
        (
            f"runs (at most {_millions(plan.keys_per_run())} keys each)",
            *(f"{each.runs:,}" for each in libraries),
        ),
        (
            "hours of planning, one run after the other",
            *(_number(plan.plan_hours(each, rates)) for each in libraries),
        ),
        (
            f"hours of transform, {PROD.bulk.instance_count} instances",
            *(_number(plan.transform_hours(each, settings=PROD, rates=rates)) for each in libraries),
        ),
        (
            "hours of indexing, float32",
            *(
                _number(plan.index_hours(each, domain, settings=PROD, rates=rates))
                for each, domain in zip(libraries, domains, strict=True)
            ),
        ),
        ("dollars: transform", *(_number(each.transform) for each in money)),
        ("dollars: S3 requests", *(_number(each.s3) for each in money)),
        ("dollars: Lambda", *(_number(each.functions) for each in money)),
        ("dollars: Step Functions", *(_number(each.states) for each in money)),
        ("**dollars: the run, once**", *(f"**{_number(each.total)}**" for each in money)),
    ]
    return [
        "## The run",
        table(("", *NAMES), rows),
        prose(
            f"A plan call makes {plan.EVENTS_PER_PLAN_CALL} events of an execution's history, which holds "
            f"{limits.STATE_HISTORY.value:,}: that bounds a run. Twice the instances halve the hours of "
            "transform at the same cost. Counted are pictures without sidecars; each sidecar is one more "
            "GET, and an entry more in the listings."
        ),
    ]


def _memory_part() -> list[str]:
    rows = [
        (
            *(name, f"{bytes_each:g}"),
            *(
                _gib(plan.memory_bytes(size, dimension=DIMENSION, bytes_per_dimension=bytes_each))
                for size in SIZES
            ),
        )
        for name, bytes_each in plan.BYTES_PER_DIMENSION.items()
    ]
    return [
        "## Memory of the index",
        prose(
            "Native memory of the graphs of one copy, by the k-NN documentation's estimate for HNSW: "
            f"1.1 × (bytes per dimension × d + 8 × M) × n, with d = {DIMENSION} and M = {plan.NEIGHBOURS}. "
            "A picture with a caption has a second vector and counts twice."
        ),
        table(("quantisation", "bytes per dimension", *NAMES), rows),
        prose(
            "The setting is `index.quantisation`; another one takes a new index, which a migration to the "
            "same model makes. fp16 and on_disk are faiss's, byte is lucene's. on_disk walks a graph of one "
            "bit a dimension. All of them compare the best candidates again with the whole vectors on the "
            "disk, so scores stay what they are."
        ),
    ]


def _domain_part(rates: Rates) -> list[str]:
    default = next(node for node in prices.NODES if node.name == PROD.domain.instance_type)
    rows = []
    for name, bytes_each in plan.BYTES_PER_DIMENSION.items():
        for size, label in zip(SIZES, NAMES, strict=True):
            as_set = plan.domain(
                size, default, bytes_per_dimension=bytes_each, dimension=DIMENSION, settings=PROD, rates=rates
            )
            best = _domain(size, name, rates)
            rows.append(
                (
                    *(label, name, f"{as_set.nodes:,}", f"{best.nodes:,} × {best.node.name}"),
                    *(f"{best.volume_gib:,}", f"{best.month:,.0f}"),
                )
            )
    headings = (
        *("pictures", "quantisation", f"nodes of {default.name}", "cheapest nodes"),
        *("GiB each", "dollars a month"),
    )
    return [
        "## Data nodes",
        prose(
            f"Of a node's memory half is heap, {plan.LARGEST_HEAP_GIB} GiB at most, and graphs have half "
            "of the rest: the plug-in's circuit breaker. Disk is the measured size of a document, all "
            f"copies, in the share of a volume that the service leaves. With {plan.MANAGER_NODES} manager "
            "nodes and gp3 volumes."
        ),
        table(headings, rows),
    ]


def _changes_part(rates: Rates) -> list[str]:
    shards = [plan.index_shards(size, rates=rates) for size in SIZES]
    runs = [plan.counts(size).runs for size in SIZES]
    days = plan.transform_hours(plan.counts(SIZES[2]), settings=PROD, rates=rates) / 24
    graphs = (1 + PROD.index.replicas) * plan.memory_bytes(
        SIZES[2], dimension=DIMENSION, bytes_per_dimension=plan.BYTES_PER_DIMENSION["none"]
    )
    return [
        "## What changes at each size",
        "**1 M.** Nothing: one run, and `prod` as it is deployed holds the index.",
        prose(
            f"**100 M.** {runs[1]} runs, each over a prefix with at most {_millions(plan.keys_per_run())} "
            "keys. They may go side by side: each has its own files, and needs its own instances. "
            f"`index.shards` of {shards[1]}, so that none is larger than {plan.SHARD_GIB} GiB, set before "
            "the index is made. float32 still fits into memory; fp16 halves it."
        ),
        prose(
            f"**1 B.** {runs[2]} runs. Where planning takes too long, S3 Inventory lists the keys instead: "
            "a run takes a file of keys, one JSON line each, in place of a prefix. More instances than "
            f"{PROD.bulk.instance_count}, with which transform takes {_number(days)} days, and more than "
            f"{PROD.bulk.index_concurrency} shards indexed at once. `index.shards` of {shards[2]}. "
            f"on_disk, because float32 graphs fill {_gib(graphs)} of memory. The service's first quotas of "
            "data nodes a domain and of instances for transform jobs are to be raised."
        ),
    ]


def _domain(size: int, quantisation: str, rates: Rates) -> Domain:
    return plan.cheapest_domain(
        size,
        bytes_per_dimension=plan.BYTES_PER_DIMENSION[quantisation],
        dimension=DIMENSION,
        settings=PROD,
        rates=rates,
    )


def _number(value: float) -> str:
    """Return two significant digits or all whole ones: more would claim what an estimate cannot."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _millions(value: int) -> str:
    return f"{value / 1e6:.1f} M"


def _gib(size: float) -> str:
    return f"{_number(size / plan.GIB)} GiB"


if __name__ == "__main__":
    sys.stdout.write(render(results.read()))
