"""The command `evaluate`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from imagesearch.errors import ImageSearchError
from imagesearch.migration.labels import Label
from imagesearch.models import Part
from scripts.errors import CommandError
from scripts.evaluation.asking import Settings, ask_all, check_keys
from scripts.evaluation.exact import graph_recalls, local_parts
from scripts.evaluation.figures import compare, figures, minimum_of, missed
from scripts.evaluation.intervals import Interval, interval
from scripts.evaluation.labels import read_labels
from scripts.evaluation.render import document, show_comparison, show_figures
from scripts.evaluation.report import page, sources_of
from scripts.evaluation.runs import Run, load_run, save_run
from scripts.render import complaints, rows_progress
from scripts.target import Target, client_of, find_target
from scripts.whole_files import write_whole

MISSED = 2
"""The exit status where a minimum was not reached."""


def evaluate_command(
    labels: Annotated[
        Path,
        typer.Argument(
            help="JSON Lines: text, or picture with a key or a file, and relevant, keys or keys with grades."
        ),
    ],
    k: Annotated[int, typer.Option(min=1, max=100, help="How many hits of each query count.")] = 10,
    part: Annotated[
        Part, typer.Option(help="Compare with the pictures, their captions, or both.")
    ] = "picture",
    prefix: Annotated[str | None, typer.Option(help="Only pictures whose key begins so.")] = None,
    hybrid: Annotated[bool, typer.Option("--hybrid", help="Rank by the words of the texts, too.")] = False,
    cutoff: Annotated[
        Literal["auto"] | None, typer.Option(help="Leave out what is no better than chance.")
    ] = None,
    minimum: Annotated[
        list[str] | None,
        typer.Option("--min", help="What must be reached, such as recall@10=0.8; else exit status 2."),
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Keep this run in a file.")] = None,
    against: Annotated[Path | None, typer.Option(help="Compare with a run that was kept.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page that shows the queries that failed.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="A folder of the pictures by their keys, kept in the page; else it has links."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare the index's graph with a comparison with every vector.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    url: Annotated[
        str | None, typer.Option(help="The API's URL; else IMAGESEARCH_URL, else this machine's environment.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(help="The API's key; else IMAGESEARCH_API_KEY.")] = None,
) -> None:
    """Judge searches by LABELS: recall, nDCG and MRR with 95 % confidence intervals.

    Compare models or settings by keeping a run of one (--save) and naming it for the other (--against). All
    LABELS are checked, against the index too, before anything is asked.
    """
    minima = [minimum_of(text) for text in minimum or ()]
    before = load_run(against) if against is not None else None
    asked = read_labels(labels)
    target = find_target(url=url, api_key=api_key)
    run = _ask(
        asked,
        path=labels,
        name=(save or labels).stem,
        target=target,
        settings=Settings(k=k, part=part, prefix=prefix, hybrid=hybrid, cutoff=cutoff),
    )
    graph = _graph(asked, path=labels, target=target, k=k) if exact else None
    found = figures(run)
    comparison = compare(run, before) if before is not None else None
    faults = missed(found, minima)
    if save is not None:
        save_run(run, save)
    if html is not None:
        sources = sources_of([run] if before is None else [before, run], pictures)
        write_whole(html, page(run, comparison=comparison, exact=graph, sources=sources))
    if as_json:
        written = document(run, found, comparison=comparison, exact=graph)
        typer.echo(json.dumps(written | {"missed": faults}, indent=2))
    else:
        show_figures(run, found, graph)
        if comparison is not None:
            show_comparison(comparison)
    for fault in faults:
        complaints.print(f"[red]missed[/red]: {escape(fault)}", highlight=False)
    if faults:
        raise typer.Exit(MISSED)


def _ask(asked: tuple[Label, ...], *, path: Path, name: str, target: Target, settings: Settings) -> Run:
    with client_of(target) as client:
        with rows_progress("labels checked") as move:
            check_keys(asked, path=path, client=client, move=move)
        with rows_progress("queries asked") as move:
            return ask_all(asked, path=path, name=name, settings=settings, client=client, move=move)


def _graph(asked: tuple[Label, ...], *, path: Path, target: Target, k: int) -> Interval | None:
    """The recall of the index's graph; None, with the reason told, where nobody can ask for it."""
    try:
        behind = local_parts(target)
    except CommandError as error:
        complaints.print(f"--exact is left out: {escape(error.message)}", highlight=False, soft_wrap=True)
        return None
    try:
        with rows_progress("compared with all") as move:
            return interval(graph_recalls(asked, path=path, k=k, behind=behind, move=move))
    except ImageSearchError as error:
        raise CommandError(error.code, error.message) from error
