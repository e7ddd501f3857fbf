"""What can be asked of a search, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from imagesearch.filters import Filter
from imagesearch.models import AttributeValue, ImageRecord, IndexInfo, Part, Vector

VectorPart = Literal["picture", "caption"]
"""Which of a picture's vectors is compared with."""
Leg = Literal["picture", "caption", "words"]
"""One way of finding a picture: by its vector, by its caption's, or by the words that are said of it."""

VECTOR_PARTS: Mapping[Part, tuple[VectorPart, ...]] = {
    "picture": ("picture",),
    "caption": ("caption",),
    "any": ("picture", "caption"),
}
"""Which vectors a part means."""


@dataclass(frozen=True, kw_only=True)
class TextExample:
    """A text, compared by what it means."""

    text: str


@dataclass(frozen=True, kw_only=True)
class PictureExample:
    """A picture's bytes, as they came."""

    content: bytes


@dataclass(frozen=True, kw_only=True)
class IndexedExample:
    """A picture that the index holds, by its document id: nothing is encoded."""

    id: str


@dataclass(frozen=True, kw_only=True)
class UploadExample:
    """A picture that was uploaded for a search; `upload` is what `POST /uploads` called it."""

    upload: str


@dataclass(frozen=True, kw_only=True)
class LinkedExample:
    """A picture on the web, fetched only where the settings allow it."""

    url: str


Example = TextExample | PictureExample | IndexedExample | UploadExample | LinkedExample


@dataclass(frozen=True, kw_only=True)
class Wish:
    """An example and how much it counts: more than 0 to be like it, less than 0 to be unlike it."""

    example: Example
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Position:
    """A place in a ranking: behind the hit of this id and score, of a query and an index."""

    index: str
    query: str
    score: float
    id: str


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is looked for, among which pictures, and how the answer is ranked, cut and shown.

    The wishes' weighted vectors are added; at least one weight is positive. `part` says which vectors count;
    `hybrid` ranks by the words of the texts too. `min_score` is 0..1 and compared with the hits' scores;
    `cutoff` finds one for vectors by itself, so that what is found by its words stays. Of near duplicates
    `collapse` shows only the best. `k` hits are shown, those behind `after` where it is given. `facets` are
    the fields whose values are counted among the 1000 best pictures; in a hybrid search among those fused.
    """

    wishes: tuple[Wish, ...]
    part: Part = "picture"
    hybrid: bool = False
    filter: Filter | None = None
    facets: tuple[str, ...] = ()
    k: int = 10
    after: Position | None = None
    min_score: float | None = None
    cutoff: Literal["auto"] | None = None
    collapse: bool = False
    vectors: bool = False
    explain: bool = False


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """Ask for the pictures whose vector of this part is nearest."""

    part: VectorPart
    vector: Vector


@dataclass(frozen=True, kw_only=True)
class Words:
    """Ask for the pictures whose title, caption or tags have the most of these words, the rare ones first."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Match:
    """A picture that one way of asking found.

    A vector's score is 0..1, for the space `cosinesimil` (1 + cosine) / 2; that of words is BM25's.
    """

    image: ImageRecord
    score: float

    @property
    def place(self) -> tuple[float, str]:
        """What matches are sorted by: score descending, then id; no two pictures share a place."""
        return (-self.score, self.image.id)


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """A near duplicate of a hit, which is not shown by itself."""

    id: str
    key: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A picture in the answer, with links that are valid for a limited time.

    `score` ranks: that of the nearest part, 0..1; in a hybrid search the fused one, 1 for the first by every
    way. `matched` are the ways that found it, the strongest first; `scores` what each of them gave.
    """

    image: ImageRecord
    score: float
    url: str
    thumbnail_url: str
    matched: tuple[Leg, ...]
    scores: Mapping[Leg, float] = field(default_factory=dict, hash=False)
    duplicates: tuple[Duplicate, ...] = ()
    vector: Vector | None = None


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many of the pictures found have this value."""

    value: AttributeValue
    count: int


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Milliseconds spent in the model, in the index, elsewhere, and in all."""

    encode: float
    search: float
    rest: float
    total: float


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The hits, best first; `next` is the place behind the last of them where more may follow.

    `threshold` is the least score that was asked for or found by itself. `facets` count the values of the
    fields asked for, the most frequent first, among the `found` pictures that were looked at for this page.
    """

    hits: tuple[Hit, ...]
    index: IndexInfo
    took_ms: Timings
    found: int
    next: Position | None = None
    threshold: float | None = None
    facets: Mapping[str, tuple[Count, ...]] = field(default_factory=dict, hash=False)
