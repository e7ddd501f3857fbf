"""Near duplicates: one picture cropped, resized or compressed anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from imagesearch.models import Vector
from imagesearch.searching.fusing import Ranked
from imagesearch.vectors import dot

LEVELS = ((6, 0.5), (12, 0.9))
"""How many of their 64 bits the hashes of near duplicates may differ by, and the cosine that they then need.

Resizing and recompressing change few bits, but may turn a vector far; cropping is the other way round. Hashes
alone confuse plain pictures. Tried on photographs with the demo model: of those made a quarter as wide, 97 %
join their original, of those cropped by 2 % (3 %, 5 %) at each side 99 % (92 %, 68 %), and no two others.
"""

Vectors = Callable[[Sequence[str]], Mapping[str, Vector]]


@dataclass(frozen=True, kw_only=True)
class Group:
    """The best of some near duplicates, and the others in the ranking's order."""

    best: Ranked
    others: Sequence[Ranked] = ()


def least_cosine(bits: int) -> float | None:
    """Return the cosine that near duplicates need whose hashes differ by so many bits; None if none are."""
    return next((cosine for most, cosine in LEVELS if bits <= most), None)


def collapsed(ranking: Sequence[Ranked], *, vectors: Vectors) -> list[Group]:
    """Return a ranking from the top, every picture with those behind it that are its near duplicates.

    A picture joins the first group whose best it resembles; `vectors` is asked once, if at all, and only for
    pictures with similar hashes.
    """
    similar = _similar(ranking)
    concerned = {place for later, earlier in similar.items() for place in (later, *earlier)}
    known = vectors([ranking[place].image.id for place in sorted(concerned)]) if concerned else {}
    groups = dict[int, list[Ranked]]()
    for place, ranked in enumerate(ranking):
        leader = next(
            (
                earlier
                for earlier, least in similar.get(place, {}).items()
                if earlier in groups and _cosine(known, ranking[earlier], ranked) >= least
            ),
            None,
        )
        if leader is None:
            groups[place] = []
        else:
            groups[leader].append(ranked)
    return [Group(best=ranking[place], others=tuple(others)) for place, others in groups.items()]


def _similar(ranking: Sequence[Ranked]) -> dict[int, dict[int, float]]:
    """Return for places the places before them with a similar hash, and the cosine that these pairs need."""
    hashes = [int(ranked.image.perceptual_hash, 16) for ranked in ranking]
    farthest, similar = LEVELS[-1][0], dict[int, dict[int, float]]()
    for place, own in enumerate(hashes):
        for earlier, other in enumerate(hashes[:place]):
            bits = (own ^ other).bit_count()
            if bits <= farthest and (least := least_cosine(bits)) is not None:
                similar.setdefault(place, {})[earlier] = least
    return similar


def _cosine(vectors: Mapping[str, Vector], one: Ranked, other: Ranked) -> float:
    """Return how near two pictures' vectors are; one that is gone since is near to none."""
    first, second = vectors.get(one.image.id), vectors.get(other.image.id)
    return -1.0 if first is None or second is None else dot(first, second)
