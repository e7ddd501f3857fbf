"""An index under test, and the directions that its pictures lie in."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imagesearch.filters import Filter
from imagesearch.index_setup import IndexSetup
from imagesearch.models import IndexInfo, Vector
from imagesearch.ports import IndexAdministration, LoadingIndex, VectorIndex
from imagesearch.queries import Match, Nearest, VectorPart
from tests.builders import DIMENSION, FINGERPRINT


@dataclass(frozen=True, kw_only=True)
class Under:
    """The adapter under test; `settle` makes what was written visible to searches."""

    index: VectorIndex
    administration: IndexAdministration
    loading: LoadingIndex
    alias: str
    settle: Callable[[], None]

    def info(self, *, space: str = "cosinesimil", number: int = 1, dimension: int = DIMENSION) -> IndexInfo:
        name = f"{self.alias}-{FINGERPRINT[:12]}-{number}"
        return IndexInfo(name=name, fingerprint=FINGERPRINT, dimension=dimension, space=space)

    def created(self, *, space: str = "cosinesimil", number: int = 1, dimension: int = DIMENSION) -> str:
        info = self.info(space=space, number=number, dimension=dimension)
        self.administration.put_template(shards=1, replicas=0)
        self.administration.create(info)
        return info.name

    def setup(self) -> IndexSetup:
        return IndexSetup(
            administration=self.administration, alias=self.alias, space="cosinesimil", shards=1, replicas=0
        )

    def nearest(
        self,
        name: str,
        vector: Vector,
        *,
        k: int,
        part: VectorPart = "picture",
        where: Filter | None = None,
    ) -> tuple[Match, ...]:
        (matches,) = self.index.search(name, [Nearest(part=part, vector=vector)], k=k, where=where)
        return matches


def unit(*numbers: float) -> Vector:
    norm = math.hypot(*numbers)
    return tuple(number / norm for number in numbers)


def keys(matches: Sequence[Match]) -> list[str]:
    return [match.image.key for match in matches]


EAST, NORTH, NORTH_EAST, WEST = unit(1, 0, 0, 0), unit(0, 1, 0, 0), unit(1, 1, 0, 0), unit(-1, 0, 0, 0)
SOUTH = unit(0, -1, 0, 0)
