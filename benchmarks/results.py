"""`results.json`: what each part measured when it was last run, and the ratios that are named in it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

RESULTS = Path(__file__).with_name("results.json")

Document = Mapping[str, Any]
"""The file's content: a section by the name of its part."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured quantity: the values of all repeats in `unit`, of which the median counts."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one of the values."""
        return median(self.values)


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What a ratio should be: at least or at most `value`."""

    value: float
    is_most: bool = False

    def __str__(self) -> str:
        return f"{'≤' if self.is_most else '≥'} {self.value:g}"

    def is_met(self, ratio: float) -> bool:
        """Whether the ratio is as it should be."""
        return ratio <= self.value if self.is_most else ratio >= self.value


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A named quotient of the medians of two figures; without an aim it is only told."""

    name: str
    numerator: Figure
    denominator: Figure
    aim: Aim | None = None

    @property
    def value(self) -> float:
        """The quotient."""
        return self.numerator.median / self.denominator.median


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Figures of one unit that are shown together: each series names one figure for each group, or none."""

    name: str
    title: str
    kind: Literal["bars", "lines"]
    groups: tuple[str, ...]
    series: Mapping[str, tuple[str | None, ...]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one part measured; `method` says how in a sentence, `facts` are what is counted, not measured."""

    method: str
    figures: tuple[Figure, ...]
    ratios: tuple[Ratio, ...] = ()
    charts: tuple[Chart, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def section_document(section: Section, *, about: Document) -> Document:
    """Return a section as it stands in the file; `about` says when, where and with which versions."""
    return {
        **about,
        "method": section.method,
        "facts": dict(section.facts),
        "figures": {
            figure.name: {"unit": figure.unit, "median": figure.median, "values": list(figure.values)}
            for figure in section.figures
        },
        "ratios": {
            ratio.name: {
                "value": ratio.value,
                "numerator": {"figure": ratio.numerator.name, "median": ratio.numerator.median},
                "denominator": {"figure": ratio.denominator.name, "median": ratio.denominator.median},
                "aim": _aim(ratio),
            }
            for ratio in section.ratios
        },
        **({"charts": [asdict(chart) for chart in section.charts]} if section.charts else {}),
    }


def _aim(ratio: Ratio) -> Document | None:
    if ratio.aim is None:
        return None
    return {**asdict(ratio.aim), "is_met": ratio.aim.is_met(ratio.value)}


def read(path: Path = RESULTS) -> Document:
    """Return the file's content; empty where there is none yet."""
    document: Document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return document


def replace_section(name: str, section: Document, path: Path = RESULTS) -> Document:
    """Write one part's section, leaving the others as they are, and return the whole content."""
    document = {**read(path), name: section}
    text = json.dumps(_rounded(document), indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")
    return document


def _rounded(node: Any) -> Any:
    """Return the document with its fractions cut to five digits: no clock tells more."""
    if isinstance(node, Mapping):
        return {name: _rounded(value) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [_rounded(value) for value in node]
    return float(f"{node:.5g}") if isinstance(node, float) else node
