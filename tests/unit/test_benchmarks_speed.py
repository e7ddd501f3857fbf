"""README's table of speeds: it holds what `results.json` holds, and says how many times better it is."""

from pathlib import Path

import pytest

from benchmarks import results, speed
from scripts.generated import block

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture
def lines() -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in speed.render(results.read()).splitlines()
    ]


def test_the_readmes_table_is_current() -> None:
    assert block(speed.BLOCK, speed.render(results.read())) in README.read_text("utf-8"), "run: make docs"


def test_its_ratios_are_those_that_the_benchmark_names(lines: list[list[str]]) -> None:
    named = {
        name: ratio["value"] for part in results.read().values() for name, ratio in part["ratios"].items()
    }
    quick = {line[0]: line[-1] for line in lines}
    assert f"({named['bulk_pictures_ratio']:.1f} ×)" in quick["JPEGs of 2 megapixels to vectors, in bulk"]
    assert f"({named['text_query_ratio']:.1f} ×)" in quick["a text of 8 tokens to its vector"]
    assert f"({1 / named['memory_ratio']:.1f} ×)" in quick["model code alone: memory"]


def test_containers_are_not_compared_with_the_recipe(lines: list[list[str]]) -> None:
    containers = [line for line in lines if line[0].startswith("container ")]
    assert len(containers) == 4
    for _, baseline, *ours in containers:
        assert baseline == ""
        assert not any("×" in cell for cell in ours)
