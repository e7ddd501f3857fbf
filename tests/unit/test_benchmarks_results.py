"""What is written of a measurement: figures, ratios, and the file that keeps them."""

import json
from pathlib import Path

import pytest

from benchmarks.measuring import interleaved
from benchmarks.results import (
    Aim,
    Document,
    Figure,
    Ratio,
    Section,
    read,
    replace_section,
    section_document,
)

FAST = Figure(name="fast", unit="documents/s", values=(300.0, 100.0, 200.0))
SLOW = Figure(name="slow", unit="documents/s", values=(50.0,))


def a_section(aim: Aim) -> Document:
    ratio = Ratio(name="gain", numerator=FAST, denominator=SLOW, aim=aim)
    section = Section(method="Side by side.", figures=(FAST, SLOW), ratios=(ratio,), facts={"documents": 7})
    return section_document(section, about={"date": "2026-01-02", "machine": {"cores": 2}})


def test_a_ratio_is_that_of_the_medians_and_stands_beside_its_raw_figures() -> None:
    section = a_section(Aim(value=4))
    assert section["ratios"]["gain"] == {
        "value": 4.0,
        "numerator": {"figure": "fast", "median": 200.0},
        "denominator": {"figure": "slow", "median": 50.0},
        "aim": {"value": 4, "is_most": False, "is_met": True},
    }
    assert section["figures"]["fast"] == {
        "unit": "documents/s",
        "median": 200.0,
        "values": [300.0, 100.0, 200.0],
    }
    assert (section["date"], section["facts"]) == ("2026-01-02", {"documents": 7})


@pytest.mark.parametrize(
    ("aim", "ratio", "is_met", "text"),
    [
        (Aim(value=0.9), 0.89, False, "≥ 0.9"),
        (Aim(value=0.9), 0.9, True, "≥ 0.9"),
        (Aim(value=0.1, is_most=True), 0.11, False, "≤ 0.1"),
        (Aim(value=0.1, is_most=True), 0.1, True, "≤ 0.1"),
    ],
)
def test_an_aim_is_the_least_or_the_most(aim: Aim, ratio: float, is_met: bool, text: str) -> None:
    assert (aim.is_met(ratio), str(aim)) == (is_met, text)


def test_a_part_that_is_measured_again_replaces_its_own_section_only(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    replace_section("first", {"figures": {"old": 1.0}}, path)
    replace_section("second", {"figures": {}}, path)
    document = replace_section("first", {"figures": {"new": 2.0}}, path)
    assert document == read(path) == {"first": {"figures": {"new": 2.0}}, "second": {"figures": {}}}


def test_the_file_has_sorted_keys_and_no_more_digits_than_a_clock_tells(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    replace_section("part", {"b": [0.123456789, 12345678.9], "a": 3}, path)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == {"part": {"a": 3, "b": [0.12346, 12346000.0]}}
    assert text.index('"a"') < text.index('"b"')
    assert text.endswith("}\n")


def test_there_is_nothing_to_read_before_the_first_measurement(tmp_path: Path) -> None:
    assert read(tmp_path / "results.json") == {}


def test_variants_take_turns_and_the_warm_up_is_forgotten() -> None:
    order: list[str] = []

    def measuring(name: str, *values: float) -> float:
        order.append(name)
        return values[order.count(name) - 1]

    measured = interleaved(
        {"a": lambda: measuring("a", 9, 1, 2), "b": lambda: measuring("b", 8, 3, 4)},
        repeats=2,
        say=lambda _: None,
    )
    assert order == ["a", "b"] * 3
    assert measured == {"a": (1, 2), "b": (3, 4)}
