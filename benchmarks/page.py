"""Write `docs/benchmarks.md` and its charts: what every part measured, as tables and pictures."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks import results, svg
from benchmarks.markdown import prose, table
from benchmarks.rendering import aim_text, is_met, of_text
from benchmarks.results import Document
from scripts.repository import ROOT

DOCS = ROOT / "docs"
PAGE, CHARTS = "benchmarks.md", "benchmarks"
_DRAWN = {"bars": svg.bars, "lines": svg.lines}

Chart = Mapping[str, Any]


def render(document: Document) -> dict[str, str]:
    """Return the files that these results make, by their paths below `docs/`."""
    parts = [_introduction(), _ratios(document)]
    files: dict[str, str] = {}
    for part, section in sorted(document.items()):
        charts = _charts(section)
        files |= {_chart_path(part, chart): _draw(section, chart) for chart in charts}
        parts.append(_part(part, section, charts))
    parts.append(_machines(document))
    return {PAGE: "\n\n".join(parts) + "\n", **files}


def write(document: Document, docs: Path = DOCS) -> None:
    """Write the page and its charts, and remove charts of which there are no figures any more."""
    files = render(document)
    (docs / CHARTS).mkdir(parents=True, exist_ok=True)
    for stale in set(charts_in(docs)) - set(files):
        (docs / stale).unlink()
    for path, text in files.items():
        (docs / path).write_text(text, encoding="utf-8")


def charts_in(docs: Path = DOCS) -> list[str]:
    """Return the charts that lie there, by their paths below `docs`."""
    return sorted(path.relative_to(docs).as_posix() for path in (docs / CHARTS).glob("*.svg"))


def _introduction() -> str:
    return "\n\n".join(
        [
            "# Benchmarks",
            prose(
                "What `make bench` measured: everything that a ratio compares was measured side by side, in "
                "turns, in one run on one machine, and a ratio is that of the medians. `make docs` writes "
                "this page from `benchmarks/results.json`. Ratios carry over to other machines better than "
                "figures; all of it is told below, what missed its aim included."
            ),
            prose(
                "The baseline is what the published recipe for CLIP on SageMaker does: eager PyTorch, PIL, "
                "one picture a request, a JSON list as the answer (`benchmarks/baseline/`). It has the same "
                "weights, newer libraries than the recipe, and a faster tokenizer."
            ),
            "Not measured:",
            "\n".join(
                [
                    "- instances in AWS: nothing here has run there;",
                    "- real weights: those here are random, which takes the same time; what a faster form "
                    "finds is judged when a model is packaged, and could not be judged here;",
                    "- SageMaker's container itself: its Hugging Face toolkit is measured as it is released, "
                    "beside PyPI's torch of the same version and transformers 4, the last that it supports.",
                ]
            ),
        ]
    )


def _ratios(document: Document) -> str:
    rows = [
        (name, f"{ratio['value']:.3g}", aim_text(ratio), _met(ratio), of_text(section, ratio))
        for _, section in sorted(document.items())
        for name, ratio in sorted(section["ratios"].items())
    ]
    return "\n\n".join(["## Ratios", table(("ratio", "value", "aim", "met", "of"), rows)])


def _met(ratio: Document) -> str:
    if ratio["aim"] is None:
        return ""
    return "yes" if is_met(ratio) else "**no**"


def _part(part: str, section: Document, charts: Sequence[Chart]) -> str:
    shown = [paragraph for chart in charts for paragraph in _chart_part(part, section, chart)]
    named = {name for chart in section.get("charts", ()) for name in _named(chart)}
    rest = {name: figure for name, figure in section["figures"].items() if name not in named}
    facts = "; ".join(f"{name.replace('_', ' ')}: {_fact(value)}" for name, value in section["facts"].items())
    paragraphs = [f"## {part.replace('_', ' ').capitalize()}", prose(section["method"])]
    if facts:
        paragraphs.append(prose(f"{facts[0].upper()}{facts[1:]}."))
    return "\n\n".join([*paragraphs, *shown, *([_figures(rest)] if rest else [])])


def _fact(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(each)}" for name, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_fact, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _charts(section: Document) -> list[Chart]:
    """Return the charts that the part asks for, or else one for each unit of several figures."""
    if "charts" in section:
        return list(section["charts"])
    by_unit = sorted((figure["unit"], name) for name, figure in section["figures"].items())
    groups = {unit: [name for _, name in names] for unit, names in groupby(by_unit, lambda pair: pair[0])}
    return [
        {
            "name": unit.replace("/", "-per-").replace(" ", "-"),
            "title": "Medians",
            "kind": "bars",
            "groups": names,
            "series": {"median": names},
        }
        for unit, names in groups.items()
        if len(names) > 1
    ]


def _named(chart: Chart) -> Iterator[str]:
    for names in chart["series"].values():
        yield from (name for name in names if name is not None)


def _chart_path(part: str, chart: Chart) -> str:
    return f"{CHARTS}/{part.replace('_', '-')}-{chart['name']}.svg"


def _values(section: Document, chart: Chart) -> dict[str, list[float | None]]:
    figures = section["figures"]
    return {
        label: [None if name is None else figures[name]["median"] for name in names]
        for label, names in chart["series"].items()
    }


def _unit(section: Document, chart: Chart) -> str:
    return str(section["figures"][next(_named(chart))]["unit"])


def _draw(section: Document, chart: Chart) -> str:
    drawn = _DRAWN[chart["kind"]]
    return drawn(chart["title"], _unit(section, chart), chart["groups"], _values(section, chart))


def _chart_part(part: str, section: Document, chart: Chart) -> Iterator[str]:
    """Yield the picture, and its figures as a table where none is written of all the part's figures."""
    title = f"{chart['title']} ({_unit(section, chart)})"
    yield f"![{title}]({_chart_path(part, chart)})"
    if "charts" in section:
        values = _values(section, chart)
        rows = [
            (group, *("" if each is None else svg.number(each) for each in of_group))
            for group, of_group in zip(chart["groups"], zip(*values.values(), strict=True), strict=True)
        ]
        yield table((title, *values), rows)


def _figures(figures: Document) -> str:
    rows = [
        (
            *(name, figure["unit"]),
            *(svg.number(each) for each in (figure["median"], min(figure["values"]), max(figure["values"]))),
            str(len(figure["values"])),
        )
        for name, figure in figures.items()
    ]
    return table(("figure", "unit", "median", "least", "most", "values"), rows)


def _machines(document: Document) -> str:
    """Return where and with what each part was measured."""
    rows = [
        (
            *(part, section["date"], _processors(section["machine"])),
            *(f"{section['machine']['memory_gib']:g} GiB", section["machine"]["system"]),
            f"{section['machine']['load_before']:g}",
            ", ".join(f"{name} {version}" for name, version in section["versions"].items()),
        )
        for part, section in sorted(document.items())
    ]
    headings = ("part", "date", "cores", "memory", "system", "load before", "versions")
    return "\n\n".join(["## Machine and versions", table(headings, rows)])


def _processors(machine: Mapping[str, Any]) -> str:
    """Return how many of which, and the instructions that decide how fast a precision is."""
    instructions = ", ".join(machine.get("instructions", ()))
    return f"{machine['cores']} × {machine['processor']}" + (f" ({instructions})" if instructions else "")


if __name__ == "__main__":
    write(results.read())
