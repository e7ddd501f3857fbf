"""Facets: how many of the pictures found have which value of a field."""

from collections import Counter
from collections.abc import Sequence

from imagesearch.filters import values_of
from imagesearch.models import ImageRecord
from imagesearch.queries import Count

MOST_VALUES = 100
"""How many values of a field are counted; a field of which every picture has another value is no facet."""


def counted(images: Sequence[ImageRecord], field: str) -> tuple[Count, ...]:
    """Return the field's most frequent values, equally frequent ones in their own order."""
    counter = Counter(value for image in images for value in set(values_of(image, field)))
    ordered = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Count(value=value, count=count) for value, count in ordered[:MOST_VALUES])
