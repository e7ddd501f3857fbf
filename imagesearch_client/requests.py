"""From a search's arguments to the body that the API takes."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, cast

from imagesearch_client.examples import Example, Indexed, Linked, Picture, Uploaded, Weighted, read_picture
from imagesearch_client.options import SearchOptions

MAX_BODY_BYTES = 6_000_000
"""A body of this size is taken by every API; Lambda's own limit is a little above."""
MAX_BY_VALUE = 4
"""How many pictures one request may carry themselves."""

_Place = Literal["text", "image", "like", "unlike"]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An example and where it stands in the body; a file's bytes are read already."""

    place: _Place
    example: str | bytes | Indexed | Uploaded | Linked
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """A search: its examples, and all that it says besides."""

    examples: tuple[Placed, ...]
    told: Mapping[str, Any]

    @classmethod
    def of(cls, text: str | None, picture: Picture | None, options: SearchOptions) -> Self:
        """The request of these arguments. Raises PictureUnusableError for a file that cannot be read."""
        told = {**options}
        for name in ("like", "unlike", "embedding"):
            told.pop(name, None)
        if options.get("embedding"):
            told["include"] = ["embedding"]
        return cls(
            examples=tuple(_placed(text, picture, options)),
            told={name: value for name, value in told.items() if value is not None},
        )

    def but(self, **told: object) -> Self:
        """The same search, told otherwise; None takes back what was told."""
        changed = {name: value for name, value in {**self.told, **told}.items() if value is not None}
        return replace(self, told=changed)

    def body(self) -> dict[str, Any]:
        """The search as JSON."""
        body = dict(self.told)
        for placed in self.examples:
            if placed.place in ("like", "unlike"):
                body.setdefault(placed.place, []).append(_wish(placed))
            else:
                body[placed.place] = _value(placed.example)
        return body

    def uploading(self, upload: Callable[[bytes], Uploaded], *, at_most: int = MAX_BODY_BYTES) -> Self:
        """The same search, of whose pictures the largest are uploaded until its body is small enough.

        That is at most ``at_most`` bytes with at most MAX_BY_VALUE pictures.
        """
        pictures = sorted(
            (place for place, each in enumerate(self.examples) if isinstance(each.example, bytes)),
            key=lambda place: len(_content(self.examples[place])),
        )
        room = at_most - len(json.dumps(self._without_content().body()))
        kept = set[int]()
        for place in pictures[:MAX_BY_VALUE]:
            room -= _base64_length(_content(self.examples[place]))
            if room < 0:
                break
            kept.add(place)
        moved = {place: upload(_content(self.examples[place])) for place in pictures if place not in kept}
        examples = (
            replace(each, example=moved[place]) if place in moved else each
            for place, each in enumerate(self.examples)
        )
        return replace(self, examples=tuple(examples))

    def _without_content(self) -> Self:
        bare = (
            replace(each, example=b"") if isinstance(each.example, bytes) else each for each in self.examples
        )
        return replace(self, examples=tuple(bare))


def _placed(text: str | None, picture: Picture | None, options: SearchOptions) -> Iterator[Placed]:
    if text is not None:
        yield Placed(place="text", example=text)
    if picture is not None:
        yield Placed(place="image", example=_read(picture))
    places: tuple[Literal["like", "unlike"], ...] = ("like", "unlike")
    for place in places:
        for given in options.get(place, ()):
            wish = given if isinstance(given, Weighted) else Weighted(given)
            yield Placed(place=place, example=_read(wish.example), weight=wish.weight)


def _read(example: Example) -> str | bytes | Indexed | Uploaded | Linked:
    return read_picture(example) if isinstance(example, Path) else example


def _content(placed: Placed) -> bytes:
    return cast("bytes", placed.example)


def _base64_length(content: bytes) -> int:
    return (len(content) + 2) // 3 * 4


def _wish(placed: Placed) -> dict[str, Any]:
    kind = "text" if isinstance(placed.example, str) else "image"
    weight = {} if placed.weight == 1 else {"weight": placed.weight}
    return {kind: _value(placed.example), **weight}


def _value(example: str | bytes | Indexed | Uploaded | Linked) -> str | dict[str, str]:
    match example:
        case bytes():
            return {"base64": base64.b64encode(example).decode()}
        case Indexed(id=identifier):
            return {"id": identifier}
        case Uploaded(upload=upload):
            return {"upload": upload}
        case Linked(url=url):
            return {"url": url}
    return example
