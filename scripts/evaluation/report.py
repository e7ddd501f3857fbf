"""A page that shows how an evaluation went: figures, and the queries that failed, with their pictures.

It holds all that it needs but the pictures. These are the files of a folder, kept inside the page, where one
is given; else the links of the hits, which work for a limited time.
"""

import base64
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from scripts.evaluation.figures import RANKED_BY, Change, Comparison, failures, figures
from scripts.evaluation.intervals import Interval
from scripts.evaluation.runs import Asked, Run
from scripts.html_pages import html_page

EMBEDDED = "data:"

Sources = Mapping[str, str]
"""Where a picture is shown from, by its key: a link, or the picture itself as a data URI."""

QUERIES_SHOWN = 100

_STYLE = """
:root { color-scheme: light dark; --good: #1a7f37; --bad: #b3261e; --dim: #6b6b6b; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .9rem .2rem 0; text-align: left; }
td { font-variant-numeric: tabular-nums; } .dim { color: var(--dim); }
section.query { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); margin-top: 1.5rem; }
ol { display: flex; flex-wrap: wrap; gap: .6rem; list-style: none; margin: 0; padding: 0; }
li { border: 3px solid transparent; border-radius: .4rem; padding: .3rem; width: 8.5rem; }
li.relevant { border-color: var(--good); } li.missing { border: 3px dashed var(--bad); }
li img, li div { background: color-mix(in srgb, currentColor 8%, transparent); display: block;
  height: 7.5rem; object-fit: contain; width: 100%; }
li div { background-position: center; background-repeat: no-repeat; background-size: contain; }
li span { display: block; font-size: .75rem; overflow-wrap: anywhere; }
"""


def sources_of(runs: Sequence[Run], folder: Path | None) -> dict[str, str]:
    """Where every picture of the runs can be shown from: a file of the folder, or the link of a hit."""
    links = {hit.key: hit.url for run in runs for asked in run.queries for hit in asked.hits if hit.url}
    if folder is None:
        return links
    keys = {*links, *(key for run in runs for asked in run.queries for key in _keys(asked))}
    return links | {key: _inside(folder / key) for key in keys if _is_inside(folder, key)}


def page(
    run: Run, *, comparison: Comparison | None, exact: Interval | None, sources: Mapping[str, str]
) -> str:
    """The page, as HTML."""
    embedded = [source for source in dict.fromkeys(sources.values()) if source.startswith(EMBEDDED)]
    classes = {source: f"p{number}" for number, source in enumerate(embedded)}
    pictures = "".join(
        f".{name} {{ background-image: url({source}); }}\n" for source, name in classes.items()
    )
    shown = {key: classes.get(source, source) for key, source in sources.items()}
    body = "".join(_body(run, comparison, exact, shown))
    title = escape(f"Evaluation of {run.name}")
    return html_page(title=title, style=_STYLE + pictures, body=f"<h1>{title}</h1>\n{body}")


def _body(run: Run, comparison: Comparison | None, exact: Interval | None, sources: Sources) -> Iterator[str]:
    told = ", ".join(f"{name} {value}" for name, value in run.settings.items())
    yield f"<p>{len(run.queries)} queries, {run.k} hits each ({escape(told)}). "
    yield f"Index <code>{escape(run.index)}</code>, model <code>{escape(run.fingerprint[:12])}</code>.</p>\n"
    yield from _figures(figures(run), exact)
    if comparison is not None:
        yield from _comparison(comparison, run.k, sources)
    failed = failures(run)
    yield f"<h2>Failures</h2>\n<p>{len(failed)} of {len(run.queries)} queries were not answered perfectly"
    yield f", the first {QUERIES_SHOWN} are shown" if len(failed) > QUERIES_SHOWN else ""
    yield ", the worst first. Green: relevant. Dashed: relevant, and not found.</p>\n"
    for asked, value in failed[:QUERIES_SHOWN]:
        yield _section(
            asked, f"{RANKED_BY} {value:.2f}", [_hits(asked, sources), _missing(asked, run.k, sources)]
        )


def _figures(found: Mapping[str, Interval], exact: Interval | None) -> Iterator[str]:
    rows = [*found.items(), *([("graph against exact", exact)] if exact else [])]
    yield _table(
        ("measure", "mean", "95 % interval"),
        [(name, f"{each.mean:.3f}", f"{each.low:.3f} to {each.high:.3f}") for name, each in rows],
    )


def _comparison(comparison: Comparison, k: int, sources: Sources) -> Iterator[str]:
    yield f"<h2>Against {escape(comparison.against.name)}</h2>\n"
    yield f"<p>{comparison.queries} queries in common.</p>\n"
    yield _table(
        ("measure", "before", "now", "difference", "95 % interval"),
        [
            (
                name,
                f"{before.mean:.3f}",
                f"{after.mean:.3f}",
                f"{gain.mean:+.3f}",
                f"{gain.low:+.3f} to {gain.high:+.3f}",
            )
            for name, (before, after, gain) in comparison.figures.items()
        ],
    )
    for heading, changes in (("Worse", comparison.worse), ("Better", comparison.better)):
        yield f"<h3>{heading}: {len(changes)}</h3>\n"
        for change in changes[:QUERIES_SHOWN]:
            yield _changed(change, k, sources)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [_row("th", head), *(_row("td", row) for row in rows)]
    return f"<table>\n{''.join(lines)}</table>\n"


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>\n"


def _changed(change: Change, k: int, sources: Sources) -> str:
    now = ["<h4>now</h4>", _hits(change.query, sources), _missing(change.query, k, sources)]
    before = ["<h4>before</h4>", _hits(change.before, sources)]
    return _section(change.query, f"{RANKED_BY} {change.difference:+.2f}", [*now, *before])


def _section(asked: Asked, value: str, parts: Sequence[str]) -> str:
    quoted = f"“{asked.query}”" if asked.kind == "text" else f"like {asked.query}"
    heading = f'<h3>{escape(quoted)} <span class="dim">{escape(value)}</span></h3>'
    return f'<section class="query">\n{heading}\n{"".join(parts)}</section>\n'


def _hits(asked: Asked, sources: Sources) -> str:
    items = (
        _item(
            hit.key,
            f"{rank} · {hit.score:.3f}",
            "relevant" if hit.key in asked.relevant else "other",
            sources,
        )
        for rank, hit in enumerate(asked.hits, start=1)
    )
    return _list(items) or "<p>Nothing was found.</p>\n"


def _missing(asked: Asked, k: int, sources: Sources) -> str:
    missing = [key for key in asked.relevant if key not in asked.ranking[:k]]
    return _list(_item(key, "not found", "missing", sources) for key in missing)


def _list(items: Iterator[str]) -> str:
    inner = "".join(items)
    return f"<ol>\n{inner}</ol>\n" if inner else ""


def _item(key: str, note: str, kind: str, sources: Sources) -> str:
    spans = f'<span>{escape(note)}</span><span class="dim">{escape(key)}</span>'
    return f'<li class="{kind}">{_picture(key, sources.get(key))}{spans}</li>\n'


def _picture(key: str, source: str | None) -> str:
    """The picture behind a link, or, by the name of its class, one that stands once in the page's style."""
    name = escape(key)
    if source is None:
        return "<div></div>"
    if "/" in source:
        return f'<img src="{escape(source)}" alt="{name}" loading="lazy">'
    return f'<div class="{source}" role="img" aria-label="{name}"></div>'


def _keys(asked: Asked) -> Iterator[str]:
    yield from asked.relevant
    yield from asked.ranking


def _is_inside(folder: Path, key: str) -> bool:
    """Whether a key names a file of the folder: keys come from elsewhere, and may climb out of it."""
    path = (folder / key).resolve()
    return path.is_relative_to(folder.resolve()) and path.is_file()


def _inside(path: Path) -> str:
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{EMBEDDED}{content_type};base64,{base64.b64encode(path.read_bytes()).decode()}"
