"""Write README's table of speeds from `results.json`, between its two comments: it claims nothing else."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import cold_start, results, serving
from benchmarks.contestants import BASELINE, EXACT, FAST
from benchmarks.markdown import table
from benchmarks.results import Document
from scripts.generated import replace_block

BLOCK = "speed"
FORMS = (EXACT, FAST)


class Row(NamedTuple):
    """A line of the table: which figures of which part it shows, of the baseline and of each form."""

    title: str
    part: str
    baseline: str | None
    ours: str
    """The figure's name without the form's, which stands before it."""
    more_is_better: bool = False


ROWS = (
    Row("JPEGs of 2 megapixels to vectors, in bulk", serving.PART, f"{BASELINE}_pictures", "bulk", True),
    Row("a picture to its vector", serving.PART, f"{BASELINE}_picture", "picture"),
    Row("a text of 8 tokens to its vector", serving.PART, f"{BASELINE}_text", "text"),
    Row(
        "model code alone: start to the first picture's vector",
        cold_start.PART,
        f"{BASELINE}_handler_picture",
        "handler_picture",
    ),
    Row("model code alone: memory", cold_start.PART, f"{BASELINE}_handler_memory", "handler_memory"),
    Row("container `slim`: start to a text's vector", cold_start.PART, None, "server_text"),
    Row("container `slim`: memory", cold_start.PART, None, "server_memory"),
    Row(
        "container `huggingface`: start to a text's vector", cold_start.PART, None, "huggingface_server_text"
    ),
    Row("container `huggingface`: memory", cold_start.PART, None, "huggingface_server_memory"),
)


def render(document: Document) -> str:
    """Return the table: what the baseline takes, and each form with how many times better it is."""
    machine = document[serving.PART]["machine"]
    headings = (
        f"CLIP ViT-B/32 on {machine['cores']} cores of {machine['processor']}",
        "the published recipe",
        *(f"`{form.name}`" for form in FORMS),
    )
    return table(headings, (tuple(_cells(document, row)) for row in ROWS))


def _cells(document: Document, row: Row) -> Iterator[str]:
    figures = document[row.part]["figures"]
    yield row.title
    yield _shown(figures[row.baseline]) if row.baseline else ""
    for form in FORMS:
        figure = figures[f"{form.name}_{row.ours}"]
        yield _shown(figure) + (_times(figures[row.baseline], figure, row) if row.baseline else "")


def _shown(figure: Document) -> str:
    digits = ",.0f" if figure["median"] >= 100 else ".3g"
    return f"{figure['median']:{digits}} {figure['unit']}"


def _times(baseline: Document, figure: Document, row: Row) -> str:
    better = figure["median"] / baseline["median"]
    return f" ({better if row.more_is_better else 1 / better:.1f} ×)"


if __name__ == "__main__":
    replace_block(Path(sys.argv[1]), BLOCK, render(results.read()))
