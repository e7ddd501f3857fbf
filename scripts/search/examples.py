"""Texts and pictures as they are named on a command line; ``beach^2`` counts twice."""

import re
from dataclasses import dataclass
from pathlib import Path

from imagesearch_client import Indexed, Linked, Picture, Weighted

_WEIGHTED = re.compile(r"(?P<example>.+)\^(?P<weight>\d{1,4}(\.\d+)?|\.\d+)", re.DOTALL)
_ID = re.compile("[0-9a-f]{32}")
_KEY = "key:"
_ADDRESSES = ("http://", "https://")


@dataclass(frozen=True, kw_only=True)
class Given:
    """What was named to search by, as it was written."""

    text: str | None = None
    image: tuple[str, ...] = ()
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    unlike_image: tuple[str, ...] = ()
    similar_to: str | None = None

    def likes(self) -> list[Weighted]:
        """What hits are to be like, besides the text."""
        others = [Weighted(indexed_example(self.similar_to))] if self.similar_to is not None else []
        return [*map(text_example, self.like), *map(picture_example, self.image), *others]

    def unlikes(self) -> list[Weighted]:
        """What hits are to be unlike."""
        return [*map(text_example, self.unlike), *map(picture_example, self.unlike_image)]

    def told(self) -> list[tuple[str, str]]:
        """Every example with what it is for, for people."""
        texts = [self.text] if self.text is not None else []
        similar = [self.similar_to] if self.similar_to is not None else []
        named = {
            "text": texts,
            "like": [*self.like, *self.image],
            "similar to": similar,
            "unlike": [*self.unlike, *self.unlike_image],
        }
        return [(name, each) for name, examples in named.items() for each in examples]

    def title(self) -> str:
        """All of it in one line."""
        likes = [each for name, each in self.told() if name != "unlike"]
        return ", unlike ".join([" + ".join(likes), *self.unlike, *self.unlike_image])


def text_example(given: str) -> Weighted:
    """A text and how much it counts."""
    text, weight = _weighted(given)
    return Weighted(text, weight)


def picture_example(given: str) -> Weighted:
    """A picture and how much it counts: a file, an address on the web, or ``key:KEY`` of an indexed one."""
    if Path(given).is_file():
        return Weighted(Path(given))
    name, weight = _weighted(given)
    return Weighted(_picture(name), weight)


def indexed_example(given: str) -> Indexed:
    """An indexed picture by its key, or by its id, 32 hexadecimal digits."""
    return Indexed(given) if _ID.fullmatch(given) else Indexed.of_key(given)


def _picture(name: str) -> Picture:
    if name.startswith(_ADDRESSES):
        return Linked(name)
    if name.startswith(_KEY):
        return Indexed.of_key(name.removeprefix(_KEY))
    return Path(name)


def _weighted(given: str) -> tuple[str, float]:
    match = _WEIGHTED.fullmatch(given)
    return (given, 1.0) if match is None else (match["example"], float(match["weight"]))
