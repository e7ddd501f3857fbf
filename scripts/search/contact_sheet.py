"""A contact sheet: one page with the pictures that a search found, that opens without anything else.

The pictures are either links, which work for a limited time, or kept inside the page.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html import escape

from imagesearch_client import ClientError, Hit, ImageSearchClient, SearchResult
from scripts.html_pages import html_page
from scripts.search.render import counts_of, matched_by, written

AT_ONCE = 4
"""Few enough that no deployment's rate limit is met."""

_POLICY = "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'"
"""The page shows pictures and runs nothing, whatever the pictures are called."""

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 90rem; padding: 1.5rem; }
h1 { font-size: 1.4rem; margin: 0 0 .6rem; overflow-wrap: anywhere; }
dl { margin: 0; } dl div { display: flex; gap: .6rem; } dt { flex: none; min-width: 5.5rem; opacity: .65; }
dd { margin: 0; overflow-wrap: anywhere; }
header, footer { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; padding-bottom: 1rem; }
footer { border: 0; font-size: .85rem; opacity: .75; }
ol { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr));
  list-style: none; margin: 0 0 2rem; padding: 0; }
li { border: 1px solid var(--line); border-radius: .5rem; font-size: .85rem; overflow: hidden; }
a { color: inherit; }
li img, li .none { background: color-mix(in srgb, currentColor 6%, transparent); display: block;
  height: 14rem; object-fit: contain; width: 100%; }
li .none { align-content: center; text-align: center; }
li h2 { font-size: .95rem; margin: .6rem .8rem .3rem; overflow-wrap: anywhere; }
li p { margin: .3rem .8rem; } li dt { min-width: 4.5rem; } li dl { margin: .3rem .8rem .8rem; }
.score { display: flex; gap: .5rem; align-items: center; font-variant-numeric: tabular-nums; }
meter { flex: auto; }
@media print { li { break-inside: avoid; } }
"""


def embedded(client: ImageSearchClient, hits: Sequence[Hit]) -> tuple[dict[str, str], list[ClientError]]:
    """The thumbnails as data URIs, by the hits' ids, and why others cannot be had."""

    def fetch(hit: Hit) -> str | ClientError:
        try:
            return "data:image/webp;base64," + base64.b64encode(client.thumbnail(hit)).decode()
        except ClientError as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as workers:
        fetched = dict(zip((hit.id for hit in hits), workers.map(fetch, hits), strict=True))
    kept = {identifier: each for identifier, each in fetched.items() if isinstance(each, str)}
    return kept, [each for each in fetched.values() if isinstance(each, ClientError)]


def page(
    result: SearchResult,
    *,
    title: str,
    asked: Sequence[tuple[str, str]],
    made: datetime,
    pictures: Mapping[str, str] | None = None,
) -> str:
    """The page, as HTML.

    ``asked`` is what was searched, by name. ``pictures`` are shown instead of the links to thumbnails; those
    that it lacks are not shown.
    """
    shown = {hit.id: hit.thumbnail_url for hit in result.hits} if pictures is None else pictures
    hits = "".join(_hit(rank, hit, shown.get(hit.id)) for rank, hit in enumerate(result.hits, start=1))
    name = escape(title)
    head = (
        # The links carry the right to read the pictures.
        '<meta name="referrer" content="no-referrer">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    )
    body = (
        f"<header>\n<h1>{name}</h1>\n{_list([*asked, *_found(result)])}</header>\n"
        f"<main>\n{f'<ol>{chr(10)}{hits}</ol>' if hits else '<p>Nothing was found.</p>'}\n</main>\n"
        f"<footer>\n{_list(_made(result, made, is_linked=pictures is None))}</footer>\n"
    )
    return html_page(title=name, style=_STYLE, head=head, body=body)


def _found(result: SearchResult) -> Iterator[tuple[str, str]]:
    more = "; there are more" if result.cursor is not None else ""
    yield "shown", f"{len(result.hits)}{more}"
    if result.threshold is not None:
        yield "scores from", f"{result.threshold:.3f}"
    yield from counts_of(result)


def _made(result: SearchResult, made: datetime, *, is_linked: bool) -> Iterator[tuple[str, str]]:
    yield "made", _moment(made)
    yield "index", result.index
    yield "model", result.model.fingerprint
    yield "took", ", ".join(f"{part} {ms:.0f} ms" for part, ms in result.took_ms.items())
    yield "links", f"{'Pictures and their' if is_linked else 'The'} links work for a limited time."


def _hit(rank: int, hit: Hit, picture: str | None) -> str:
    score = f"{hit.score:.3f}"
    return (
        f"<li>\n{_linked(hit, picture)}"
        f'<p class="score"><span>{rank}</span> '
        f'<meter min="0" max="1" value="{score}">{score}</meter> <span>{score}</span></p>\n'
        f"<h2>{escape(hit.title or hit.key)}</h2>\n"
        f"{f'<p>{escape(hit.caption)}</p>{chr(10)}' if hit.caption else ''}{_list(_told(hit))}</li>\n"
    )


def _linked(hit: Hit, picture: str | None) -> str:
    name = escape(hit.title or hit.key)
    shown = '<span class="none">not available</span>'
    if picture is not None:
        shown = f'<img src="{escape(picture)}" alt="{name}" loading="lazy">'
    return f'<a href="{escape(hit.url)}">{shown}</a>\n'


def _told(hit: Hit) -> Iterator[tuple[str, str]]:
    if hit.title is not None:
        yield "key", hit.key
    yield "found by", matched_by(hit)
    yield "size", f"{hit.width} × {hit.height} px, {_bytes(hit.size)}, {hit.content_type}"
    yield "modified", _moment(hit.last_modified)
    if hit.tags:
        yield "tags", ", ".join(hit.tags)
    for name, value in hit.attributes.items():
        yield name, written(value)
    for duplicate in hit.duplicates:
        yield "duplicate", f"{duplicate.key} ({duplicate.score:.3f})"


def _list(rows: Sequence[tuple[str, str]] | Iterator[tuple[str, str]]) -> str:
    lines = (f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>\n" for name, value in rows)
    return f"<dl>\n{''.join(lines)}</dl>\n"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _bytes(size: int) -> str:
    """A size in the unit that leaves at least one digit before the point."""
    for unit, factor in (("MB", 1_000_000), ("kB", 1_000)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
