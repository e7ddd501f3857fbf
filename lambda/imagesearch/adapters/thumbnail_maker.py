"""Thumbnails by the decode policy of the model's container, whose modules stand beside this function's.

Decoding is done in this process: one that a picture brings down costs one invocation, and no other picture's.
"""

import io

from PIL import Image

from clip_inference.decode import Picture, open_picture
from clip_inference.errors import InferenceError
from imagesearch.adapters.sagemaker_answers import error_of
from imagesearch.errors import PictureTooCostlyError

_QUALITY = 80
"""Of WebP's 0 to 100: its own encoder's choice where nobody chooses is 75."""


class PillowThumbnailMaker:
    """Decodes with Pillow and pillow-heif."""

    def make(self, content: bytes, *, size: int) -> bytes:
        """Return a WebP without metadata, its longer side at most `size` pixels. Raises a PictureError."""
        try:
            return _webp(_reduced(content, size))
        except InferenceError as fault:
            raise error_of(fault.code, fault.message) from fault
        except MemoryError as error:
            raise PictureTooCostlyError(
                "Decoding the picture takes more memory than one picture is given."
            ) from error


def _reduced(content: bytes, size: int) -> Image.Image:
    opened = open_picture(content)
    shorter = min(_fitted(opened.opened.size, size))
    picture = opened.decode(needed=shorter)
    return picture.image.resize(_fitted(picture.size, size), Image.Resampling.LANCZOS, box=_whole(picture))


def _fitted(whole: tuple[int, int], size: int) -> tuple[int, int]:
    """Return width and height of the thumbnail of a picture of this width and height."""
    share = min(1.0, size / max(whole))
    width, height = (max(1, round(side * share)) for side in whole)
    return width, height


def _whole(picture: Picture) -> tuple[float, float, float, float]:
    """Return where the whole picture lies in its decoded image, whose sides may be rounded up."""
    width, height = (
        min(whole / picture.scale, decoded)
        for whole, decoded in zip(picture.size, picture.image.size, strict=True)
    )
    return (0, 0, width, height)


def _webp(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "WEBP", quality=_QUALITY)
    return content.getvalue()
