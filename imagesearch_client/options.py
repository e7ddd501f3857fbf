"""What searches can be told, as types of keyword arguments; None is as good as leaving one out."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from imagesearch.models import Part
from imagesearch_client.examples import Example, Weighted

Filter = Mapping[str, Any]
"""A condition on a field, or ``{"all": [...]}``, ``{"any": [...]}`` or ``{"not": ...}`` of such.

Conditions are ``{"field": "tags", "in": ["sea"]}``, ``{"field": "width", "gte": 800, "lt": 900}``,
``{"field": "title", "exists": True}`` and ``{"field": "key", "prefix": "album/"}``. Declared attributes are
the fields ``attributes.<name>``.
"""


class RankingOptions(TypedDict, total=False):
    """How pictures are ranked, cut and shown.

    ``k`` hits are shown, of those behind ``cursor`` where it is given. ``part`` says what is compared: the
    pictures, their captions, or the nearer of both. ``prefix`` keeps to pictures whose key begins so.
    ``min_score`` (0 to 1) leaves out weaker hits, ``cutoff`` finds that score by itself. Of near duplicates
    ``collapse`` shows only the best.
    """

    k: int | None
    part: Part | None
    prefix: str | None
    min_score: float | None
    cutoff: Literal["auto"] | None
    collapse: bool | None
    cursor: str | None


class SearchOptions(RankingOptions, total=False):
    """What a search can be told besides its ranking.

    Hits are like ``like`` and unlike ``unlike``. ``hybrid`` ranks by the words of the texts too. ``facets``
    are the fields whose values are counted. ``embedding`` asks for the hits' vectors, and ``explain`` for
    their score by every way of asking.
    """

    like: Sequence[Example | Weighted]
    unlike: Sequence[Example | Weighted]
    hybrid: bool | None
    filter: Filter | None
    facets: Sequence[str] | None
    embedding: bool | None
    explain: bool | None
