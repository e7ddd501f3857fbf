"""Asking the index in every way that a query wants, and making one ranking of what is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imagesearch.errors import RequestInvalidError
from imagesearch.models import IndexInfo, Vector
from imagesearch.ports import VectorIndex
from imagesearch.queries import VECTOR_PARTS, Leg, Nearest, Query, TextExample, Words
from imagesearch.searching.collapsing import Group, collapsed
from imagesearch.searching.fusing import Lists, Ranked, by_nearest, by_rank
from imagesearch.searching.paging import behind, floor_of, windows
from imagesearch.searching.stopwatch import Stopwatch

Legs = Mapping[Leg, Nearest | Words]

_ENGLISH = (
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these "
    "they this to was will with"
)
_STOP_WORDS = frozenset(_ENGLISH.split())
"""Lucene's own list. In other languages, a word that most pictures have counts little anyway."""


def legs_of(query: Query, vector: Vector) -> Legs:
    """Return the ways in which a query asks the index. Raises RequestInvalidError where it has no words."""
    legs: dict[Leg, Nearest | Words] = {
        part: Nearest(part=part, vector=vector) for part in VECTOR_PARTS[query.part]
    }
    if query.hybrid:
        legs["words"] = Words(text=_words(query))
    return legs


def _words(query: Query) -> str:
    """Return the words of what is to be found, without those that any sentence may have."""
    liked = (wish.example for wish in query.wishes if wish.weight > 0)
    words = " ".join(each.text for each in liked if isinstance(each, TextExample)).split()
    if not words:
        raise RequestInvalidError("A hybrid search looks for words: give a text that is to be found.")
    return " ".join(word for word in words if word.lower() not in _STOP_WORDS) or " ".join(words)


@dataclass(frozen=True, kw_only=True)
class Page:
    """The groups to show, all groups that they were cut from, and whether others may follow."""

    shown: Sequence[Group]
    found: Sequence[Group]
    may_follow: bool


class Retrieval:
    """Finds pages in one index; `watch` learns how long the index took."""

    def __init__(self, *, port: VectorIndex, index: IndexInfo, watch: Stopwatch) -> None:
        self._port = port
        self._index = index
        self._watch = watch

    def page(self, query: Query, legs: Legs, *, threshold: float | None) -> Page:
        """Return the query's page, cut from the smallest window that holds all of it."""
        *smaller, largest = windows(query)
        for window in smaller:
            page = self._cut(query, legs, threshold, window, is_largest=False)
            if not page.may_follow or len(page.shown) == query.k:
                return page
        return self._cut(query, legs, threshold, largest, is_largest=True)

    def vectors(self, document_ids: Sequence[str]) -> Mapping[str, Vector]:
        """Return the pictures' vectors by their ids."""
        with self._watch.part("search"):
            return self._port.vectors(self._index.name, document_ids)

    def _cut(
        self, query: Query, legs: Legs, threshold: float | None, window: int, *, is_largest: bool
    ) -> Page:
        # One more than the window, so that its last picture can be told from the next of the same score.
        asked = window if is_largest else window + 1
        with self._watch.part("search"):
            found = self._port.search(self._index.name, list(legs.values()), k=asked, where=query.filter)
        lists: Lists = dict(zip(legs, found, strict=True))
        floor = None if is_largest else floor_of(lists, asked=asked)
        ranking = [
            ranked
            for ranked in (by_rank if query.hybrid else by_nearest)(lists)
            if _is_meant(ranked, query, threshold) and (floor is None or ranked.score > floor)
        ]
        groups = (
            collapsed(ranking, vectors=self.vectors)
            if query.collapse
            else [Group(best=each) for each in ranking]
        )
        rest = behind(groups, query.after)
        is_over = floor is None or (threshold is not None and floor < threshold)
        return Page(shown=rest[: query.k], found=groups, may_follow=len(rest) > query.k or not is_over)


def _is_meant(ranked: Ranked, query: Query, threshold: float | None) -> bool:
    """Tell whether a picture is relevant enough.

    The cut-off that is found by itself judges vectors only, so what is found by its words stays.
    """
    if threshold is None:
        return True
    if query.cutoff == "auto" and query.hybrid:
        return "words" in ranked.scores or max(ranked.scores.values()) >= threshold
    return ranked.score >= threshold
