"""Asking the labelled queries of a deployment, through its API."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from imagesearch.migration.labels import Label
from imagesearch.models import Part
from imagesearch_client import ImageSearchClient, Indexed, Picture, SearchResult
from scripts.errors import CommandError
from scripts.evaluation.labels import picture_file, refuse
from scripts.evaluation.runs import Asked, Found, Run

AT_ONCE = 4
"""Few enough that no deployment's rate limit is met."""
MOST_HITS = 100
"""How many hits the API gives at once."""

T = TypeVar("T")
R = TypeVar("R")

OnProgress = Callable[[int, int], None]
"""Is told how many there are in all, and how many are done."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every query of a run is asked with."""

    k: int
    part: Part = "picture"
    prefix: str | None = None
    hybrid: bool = False
    cutoff: Literal["auto"] | None = None

    def told(self) -> dict[str, str | bool]:
        """What differs from asking plainly, as a run keeps it."""
        said = {"part": self.part, "prefix": self.prefix, "hybrid": self.hybrid, "cutoff": self.cutoff}
        return {name: value for name, value in said.items() if value}


def check_keys(labels: Sequence[Label], *, path: Path, client: ImageSearchClient, move: OnProgress) -> None:
    """Refuse labels that name pictures which the index does not hold: nothing could find these.

    Raises CommandError ``labels_invalid`` that lists them with their lines.
    """
    lines = dict[str, int]()
    for label in labels:
        own = label.picture is not None and picture_file(label, path) is None
        for key in (*label.relevant, *([str(label.picture)] if own else [])):
            lines.setdefault(key, label.line)
    known = dict(zip(lines, _at_once(lambda key: _is_indexed(client, key), list(lines), move), strict=True))
    refuse(
        path,
        [
            f"Line {line} of the labelled queries names {key}, which is no indexed picture."
            for key, line in lines.items()
            if not known[key]
        ],
    )


def ask_all(
    labels: Sequence[Label],
    *,
    path: Path,
    name: str,
    settings: Settings,
    client: ImageSearchClient,
    move: OnProgress,
) -> Run:
    """Ask every labelled query.

    A picture that is named by its key is not counted among its own hits. Raises CommandError
    ``index_changed`` where searches moved to another index meanwhile, and what the client does.
    """

    def ask(label: Label) -> tuple[Asked, str]:
        return _ask(label, path, settings, client)

    fingerprint = client.health().fingerprint
    answers = _at_once(ask, labels, move)
    indices = {index for _, index in answers}
    if len(indices) > 1:
        raise CommandError(
            "index_changed", "Another index was searched from some query on: evaluate again, it is over."
        )
    return Run(
        name=name,
        index=indices.pop(),
        fingerprint=fingerprint,
        k=settings.k,
        settings=settings.told(),
        queries=tuple(asked for asked, _ in answers),
    )


def _ask(label: Label, path: Path, settings: Settings, client: ImageSearchClient) -> tuple[Asked, str]:
    """Ask one query; returns it with its hits, and the index that was searched."""
    file = picture_file(label, path)
    own_key = label.picture if file is None else None
    picture: Picture | None = Indexed.of_key(own_key) if own_key is not None else file
    result = client.search(
        label.text,
        picture=picture,
        k=min(settings.k + (own_key is not None), MOST_HITS),
        prefix=settings.prefix,
        part=settings.part,
        # A picture has no words to rank by.
        hybrid=(settings.hybrid and label.text is not None) or None,
        cutoff=settings.cutoff,
    )
    return _asked(label, result, k=settings.k, without=own_key), result.index


def _asked(label: Label, result: SearchResult, *, k: int, without: str | None) -> Asked:
    hits = [hit for hit in result.hits if hit.key != without]
    return Asked(
        kind="picture" if label.text is None else "text",
        query=str(label.picture if label.text is None else label.text),
        relevant=dict(label.relevant),
        hits=tuple(Found(key=hit.key, score=hit.score, url=hit.url) for hit in hits[:k]),
    )


def _is_indexed(client: ImageSearchClient, key: str) -> bool:
    state = client.image(key)
    return state is not None and state.state == "indexed"


def _at_once(work: Callable[[T], R], items: Sequence[T], move: OnProgress) -> list[R]:
    """Do some work for every item, several at a time; after the first error nothing more is begun."""
    workers = ThreadPoolExecutor(AT_ONCE)
    results = list[R]()
    try:
        for done, result in enumerate(workers.map(work, items), start=1):
            results.append(result)
            move(len(items), done)
    finally:
        workers.shutdown(cancel_futures=True)
    return results
