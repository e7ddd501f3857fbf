"""Pages of a ranking that is made anew for each of them: nothing is kept between requests.

A page holds the hits behind a position, so that none is shown twice, whatever was written meanwhile. Pictures
of equal scores have an order too, that of their ids.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from imagesearch.errors import CursorExpiredError, CursorInvalidError
from imagesearch.models import IndexInfo
from imagesearch.queries import PictureExample, Position, Query, Wish
from imagesearch.searching.collapsing import Group
from imagesearch.searching.fusing import Lists, Ranked

WINDOW, DEPTH = 100, 1000
"""How many pictures a page is cut from, if it is not the first: what lies deeper than 1000 is not shown."""
FUSED_WINDOW = 200
"""How many of each way a hybrid search fuses; ranks in a longer list would change the first pages."""


def windows(query: Query) -> tuple[int, ...]:
    """Return how many pictures to ask for, until a page is full: few first, as reading each takes its time.

    Facets count in the largest window at once.
    """
    if query.hybrid:
        return (FUSED_WINDOW,)
    if query.facets:
        return (DEPTH,)
    is_top = query.after is None and not query.collapse
    return (query.k, WINDOW, DEPTH) if is_top and query.k < WINDOW else (WINDOW, DEPTH)


def floor_of(lists: Lists, *, asked: int) -> float | None:
    """Return the score above which no picture is missing, or None where the lists hold all that there are.

    A list that is as long as was asked for may have been cut, even between pictures of the same score.
    """
    return max((matches[-1].score for matches in lists.values() if len(matches) >= asked), default=None)


def behind(groups: Sequence[Group], after: Position | None) -> Sequence[Group]:
    """Return what of a ranking comes behind a position."""
    if after is None:
        return groups
    return groups[bisect_right(groups, (-after.score, after.id), key=lambda group: group.best.place) :]


def position_of(ranked: Ranked, *, query: Query, index: IndexInfo) -> Position:
    """Return the place behind a picture of this query's ranking."""
    return Position(index=index.name, query=digest(query), score=ranked.score, id=ranked.image.id)


def check_position(query: Query, index: IndexInfo) -> None:
    """Refuse a place in another ranking. Raises CursorInvalidError and CursorExpiredError."""
    if query.after is None:
        return
    if query.after.query != digest(query):
        raise CursorInvalidError(
            "The cursor belongs to another query; repeat the query that it came with, or leave it out."
        )
    if query.after.index != index.name:
        raise CursorExpiredError("The pictures have moved to another index since; search again.")


def digest(query: Query) -> str:
    """Return what names all of a query that its ranking depends on: 32 hex digits."""
    ranking = replace(
        query,
        wishes=tuple(_named(wish) for wish in query.wishes),
        facets=(),
        k=1,
        after=None,
        vectors=False,
        explain=False,
    )
    return hashlib.sha256(repr(ranking).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _named(wish: Wish) -> Wish:
    """Return a wish that names its picture's bytes by their digest."""
    if not isinstance(wish.example, PictureExample):
        return wish
    return replace(wish, example=PictureExample(content=hashlib.sha256(wish.example.content).digest()))
