"""The command `search`."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from imagesearch.models import Part
from imagesearch_client import Filter, ImageSearchClient, SearchOptions, SearchResult
from scripts.errors import CommandError
from scripts.render import complaints
from scripts.search.conditions import Fields, all_of
from scripts.search.contact_sheet import embedded, page
from scripts.search.examples import Given, indexed_example
from scripts.search.pages import joined
from scripts.search.render import show_result
from scripts.target import client_of, find_target
from scripts.whole_files import write_whole

_PICTURE = "a file, an https:// address, or key:KEY of an indexed one"
_EXAMPLES, _PICTURES, _ANSWER = "What to look for", "Among which pictures", "How the answer is shown"


def search_command(
    text: Annotated[str | None, typer.Argument(help="What the pictures show, in words.")] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(help=f"Like this picture: {_PICTURE}.", rich_help_panel=_EXAMPLES),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(help="Like this text too; beach^2 counts twice.", rich_help_panel=_EXAMPLES),
    ] = None,
    unlike: Annotated[
        list[str] | None, typer.Option(help="Unlike this text.", rich_help_panel=_EXAMPLES)
    ] = None,
    unlike_image: Annotated[
        list[str] | None, typer.Option(help=f"Unlike this picture: {_PICTURE}.", rich_help_panel=_EXAMPLES)
    ] = None,
    similar_to: Annotated[
        str | None,
        typer.Option(
            help="Like the indexed picture of this key or id, which is left out.", rich_help_panel=_EXAMPLES
        ),
    ] = None,
    part: Annotated[
        Part,
        typer.Option(help="Compare with the pictures, their captions, or both.", rich_help_panel=_EXAMPLES),
    ] = "picture",
    hybrid: Annotated[
        bool,
        typer.Option(
            "--hybrid",
            help="Rank by words in titles, captions and tags too.",
            rich_help_panel=_EXAMPLES,
        ),
    ] = False,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            help="tags=beach,sea · price>=10 · taken<2020-01-01 · key^=album/ · title? · !tags=sea",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    filter_json: Annotated[
        str | None, typer.Option(help="A filter as the API takes it.", rich_help_panel=_PICTURES)
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Only pictures whose key begins so.", rich_help_panel=_PICTURES)
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Leave out weaker hits.", rich_help_panel=_PICTURES)
    ] = None,
    cutoff: Annotated[
        Literal["auto"] | None,
        typer.Option(help="Leave out what is irrelevant to this search.", rich_help_panel=_PICTURES),
    ] = None,
    collapse: Annotated[
        bool,
        typer.Option("--collapse", help="Of near duplicates, show only the best.", rich_help_panel=_PICTURES),
    ] = False,
    k: Annotated[
        int | None,
        typer.Option(
            "-k",
            min=1,
            max=100,
            help="How many hits a page has: 10; with --limit or --all, 100.",
            rich_help_panel=_ANSWER,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Go on page by page to so many hits.", rich_help_panel=_ANSWER),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Go on to the last hit that the API shows.", rich_help_panel=_ANSWER),
    ] = False,
    cursor: Annotated[
        str | None,
        typer.Option(help="The hits behind those of an answer in JSON.", rich_help_panel=_ANSWER),
    ] = None,
    facets: Annotated[
        str,
        typer.Option(help="Count the values of these fields: tags,category.", rich_help_panel=_ANSWER),
    ] = "",
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show the score by every way of asking.", rich_help_panel=_ANSWER),
    ] = False,
    embedding: Annotated[
        bool, typer.Option("--embedding", help="With --json: the hits' vectors.", rich_help_panel=_ANSWER)
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the answer as JSON.", rich_help_panel=_ANSWER)
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with the pictures.", rich_help_panel=_ANSWER)
    ] = None,
    embed_pictures: Annotated[
        bool,
        typer.Option(
            "--embed-pictures",
            help="Keep small pictures in the page, whose links would expire.",
            rich_help_panel=_ANSWER,
        ),
    ] = False,
    url: Annotated[
        str | None, typer.Option(help="The API's URL; else IMAGESEARCH_URL, else this machine's environment.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(help="The API's key; else IMAGESEARCH_API_KEY.")] = None,
) -> None:
    """Find pictures by TEXT, by pictures, or by several of them together, like some and unlike others."""
    _check(everything=everything, limit=limit, html=html, embed_pictures=embed_pictures)
    given = Given(
        text=text,
        image=tuple(image or ()),
        like=tuple(like or ()),
        unlike=tuple(unlike or ()),
        unlike_image=tuple(unlike_image or ()),
        similar_to=similar_to,
    )
    ranked: SearchOptions = {
        "part": part,
        "hybrid": hybrid or None,
        "prefix": prefix,
        "min_score": min_score,
        "cutoff": cutoff,
        "collapse": collapse or None,
    }
    target = find_target(url=url, api_key=api_key)
    with client_of(target) as client:
        fields = Fields(client)
        options: SearchOptions = {
            **ranked,
            "like": given.likes(),
            "unlike": given.unlikes(),
            "filter": all_of(
                [*fields.filters(conditions or (), filter_json), *_others(client, given.similar_to)]
            ),
            "facets": fields.named(facets) or None,
            "k": k,
            "cursor": cursor,
            "explain": explain or None,
            "embedding": embedding or None,
        }
        result = _search(client, text, options, limit=limit, everything=everything)
        if html is not None:
            conditions_told = [*(conditions or ()), *([filter_json] if filter_json else [])]
            told = [*given.told(), *(("filter", each) for each in conditions_told), *_told(ranked)]
            _write_sheet(html, client, result, title=given.title(), told=told, embed_pictures=embed_pictures)
    if as_json:
        typer.echo(result.model_dump_json(indent=2, exclude_none=True))
    else:
        show_result(result, title=given.title())
    if html is not None:
        complaints.print(f"Contact sheet: {escape(str(html))}", highlight=False, soft_wrap=True)


def _check(*, everything: bool, limit: int | None, html: Path | None, embed_pictures: bool) -> None:
    if everything and limit is not None:
        raise CommandError("options_conflict", "Give --limit or --all, not both.")
    if embed_pictures and html is None:
        raise CommandError("options_conflict", "--embed-pictures goes with --html FILE.")


def _search(
    client: ImageSearchClient,
    text: str | None,
    options: SearchOptions,
    *,
    limit: int | None,
    everything: bool,
) -> SearchResult:
    if everything or limit is not None:
        return joined(client.search_pages(text, limit=limit, **options))
    return client.search(text, **options)


def _others(client: ImageSearchClient, similar_to: str | None) -> Iterator[Filter]:
    """The filter that leaves out the picture that others resemble."""
    if similar_to is None:
        return
    state = client.image(indexed_example(similar_to))
    if state is None:
        raise CommandError("image_unknown", f"The index knows no picture {similar_to}.")
    yield {"not": {"field": "key", "in": [state.key]}}


def _told(ranked: SearchOptions) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), "yes" if value is True else str(value))
        for name, value in ranked.items()
        if value is not None
    ]


def _write_sheet(
    file: Path,
    client: ImageSearchClient,
    result: SearchResult,
    *,
    title: str,
    told: Sequence[tuple[str, str]],
    embed_pictures: bool,
) -> None:
    pictures, faults = embedded(client, result.hits) if embed_pictures else (None, [])
    write_whole(file, page(result, title=title, asked=told, made=datetime.now(UTC), pictures=pictures))
    if faults:
        complaints.print(
            f"Pictures that are not in the page: {len(faults)} ({escape(faults[0].message)})",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
