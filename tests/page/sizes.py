"""The screens that the page is tried on."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Size:
    """A screen in CSS pixels, and whether it is touched."""

    name: str
    width: int
    height: int
    touch: bool = False


SIZES: Mapping[str, Size] = {
    size.name: size
    for size in (
        Size(name="desktop", width=1280, height=800),
        Size(name="phone", width=390, height=844, touch=True),
    )
}
