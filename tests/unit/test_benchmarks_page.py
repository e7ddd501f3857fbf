"""The page of benchmarks: current, complete, and drawn to scale."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import page, results, svg
from benchmarks.results import Aim, Chart, Figure, Ratio, Section, section_document

ABOUT = {
    "date": "2026-01-02",
    "machine": {
        "cores": 2,
        "processor": "a processor",
        "memory_gib": 4.0,
        "system": "Linux",
        "load_before": 0.5,
    },
    "versions": {"python": "3.11"},
}
FAST = Figure(name="fast", unit="pictures/s", values=(40.0, 30.0, 50.0))
SLOW = Figure(name="slow", unit="pictures/s", values=(10.0,))
SIZE = Figure(name="size", unit="MB", values=(1234.5,))


def a_section(**more: Any) -> results.Document:
    return section_document(Section(method="Side by side.", figures=(FAST, SLOW, SIZE), **more), about=ABOUT)


def shapes(drawing: str, tag: str) -> list[dict[str, str]]:
    return [element.attrib for element in ElementTree.fromstring(drawing).iter() if element.tag.endswith(tag)]  # noqa: S314


def test_the_page_and_its_charts_are_current() -> None:
    files = page.render(results.read())
    for path, text in files.items():
        assert (page.DOCS / path).read_text(encoding="utf-8") == text, "run: make docs"
    assert page.charts_in() == sorted(set(files) - {page.PAGE})


def test_every_figure_of_a_part_is_told() -> None:
    text = page.render({"speed": a_section()})[page.PAGE]
    assert "| fast | pictures/s | 40 | 30 | 50 | 3 |" in text
    assert "| size | MB | 1,234 | 1,234 | 1,234 | 1 |" in text


def test_a_part_that_asks_for_no_chart_gets_one_for_each_unit_of_several_figures() -> None:
    assert list(page.render({"my_speed": a_section()})) == [
        "benchmarks.md",
        "benchmarks/my-speed-pictures-per-s.svg",
    ]


def test_the_figures_of_a_chart_stand_in_its_table_and_not_among_the_others() -> None:
    chart = Chart(
        name="rates", title="Rates", kind="lines", groups=("1", "2"), series={"ours": ("slow", "fast")}
    )
    files = page.render({"speed": a_section(charts=(chart,))})
    assert "| 1 | 10 |\n| 2 | 40 |" in files[page.PAGE]
    assert "| fast |" not in files[page.PAGE]
    assert "benchmarks/speed-rates.svg" in files


def test_a_missed_aim_is_told_as_missed() -> None:
    gain = Ratio(name="gain", numerator=FAST, denominator=SLOW, aim=Aim(value=5))
    told = Ratio(name="told", numerator=FAST, denominator=SLOW)
    text = page.render({"speed": a_section(ratios=(gain, told))})[page.PAGE]
    assert "| gain | 4 | ≥ 5 | **no** |" in text
    assert "| told | 4 |  |  |" in text


def test_a_chart_without_figures_is_removed(tmp_path: Path) -> None:
    page.write({"speed": a_section(), "other": a_section()}, tmp_path)
    page.write({"speed": a_section()}, tmp_path)
    assert page.charts_in(tmp_path) == ["benchmarks/speed-pictures-per-s.svg"]


def test_bars_are_as_long_as_their_values_and_none_is_drawn_for_what_was_not_measured() -> None:
    drawing = svg.bars("Rates <a & b>", "1/s", ("x", "y"), {"a": (1.0, 4.0), "b": (None, 2.0)})
    drawn = [bar for bar in shapes(drawing, "rect") if bar.get("height") == "14"]
    lengths = [float(bar["width"]) for bar in drawn]
    assert [length / lengths[0] for length in lengths] == pytest.approx([1, 4, 2], rel=1e-3)
    assert len({bar["fill"] for bar in drawn}) == 2
    assert len({bar["y"] for bar in drawn}) == 3


def test_points_of_a_line_are_as_high_as_their_values() -> None:
    drawing = svg.lines("Rates", "1/s", ("1", "2", "4"), {"a": (10.0, None, 40.0)})
    low, high = shapes(drawing, "circle")
    bottom = max(float(text["y"]) for text in shapes(drawing, "text")) - 18
    assert (bottom - float(high["cy"])) / (bottom - float(low["cy"])) == pytest.approx(4, rel=1e-2)
    assert float(low["cx"]) < float(high["cx"])


@pytest.mark.parametrize(("value", "above"), [(0.03, 0.05), (1.0, 1), (1.1, 2), (24, 25), (61, 100)])
def test_an_axis_ends_at_a_round_number(value: float, above: float) -> None:
    assert svg.nice(value) == pytest.approx(above)
