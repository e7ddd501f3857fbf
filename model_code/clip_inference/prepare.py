"""All that is done with the bytes of one picture, which come from strangers: only decoder processes do it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from clip_inference.config import ImageSettings
from clip_inference.decode import open_picture
from clip_inference.phash import perceptual_hash
from clip_inference.preprocess import Levels, needed_length, resize

# Enters what must be waited for before so many pixels are decoded.
Admission = Callable[[int], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class PreparedPicture:
    """What the image tower sees, `levels` (size, size, 3), and the facts of the whole picture, upright."""

    levels: Levels
    width: int
    height: int
    content_type: str
    perceptual_hash: str


def prepare(data: bytes, settings: ImageSettings, *, admission: Admission) -> PreparedPicture:
    """The picture that `data` encodes, made ready. Raises one of the `Picture…Error`s, and MemoryError."""
    opened = open_picture(data)
    with admission(opened.pixels):
        picture = opened.decode(needed=needed_length(settings))
    width, height = picture.size
    return PreparedPicture(
        levels=resize(picture, settings),
        width=width,
        height=height,
        content_type=picture.content_type,
        perceptual_hash=perceptual_hash(picture.image),
    )
