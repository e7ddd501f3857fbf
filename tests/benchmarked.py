"""The rates of `scripts/costs/rates.py` beside what `benchmarks/results.json` has of them."""

from benchmarks import results, scaling
from scripts.costs import rates


def figures() -> dict[str, tuple[float, float]]:
    """Of each rate that was measured: the constant, and the latest measurement."""
    found = scaling.find_rates(results.read())
    return {
        name: (getattr(rates.LIBRARY, name), rate.value) for name, rate in found.items() if rate.is_measured
    }
