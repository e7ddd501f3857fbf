"""A library of any size out of a few real pictures, no two of which S3 takes for the same."""

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scripts.gallery import FLUENT_EMOJI, RENDERS

_START, _COMMENT = b"\xff\xd8", b"\xff\xfe"
_QUALITY = 90


@dataclass(frozen=True)
class Photographs:
    """Some JPEGs, each of which is many pictures."""

    originals: Sequence[bytes]

    def picture(self, number: int) -> bytes:
        """Return the picture of this number: an original with a comment, which no decoder looks at."""
        original = self.originals[number % len(self.originals)]
        comment = f"{number:09}".encode()
        length = (len(comment) + 2).to_bytes(2, "big")
        return b"".join((_START, _COMMENT, length, comment, original.removeprefix(_START)))


def find_photographs(variables: Mapping[str, str] = os.environ) -> Photographs:
    """Return the photographs at IMAGESEARCH_PHOTOS, or else the renders of the demo's gallery."""
    folder = variables.get("IMAGESEARCH_PHOTOS")
    if folder is None:
        return Photographs([_as_jpeg(FLUENT_EMOJI / f"{code}.webp") for code in RENDERS.values()])
    return Photographs([path.read_bytes() for path in sorted((Path(folder) / "photos").glob("*.jpg"))])


def _as_jpeg(path: Path) -> bytes:
    with Image.open(path) as image, io.BytesIO() as buffer:
        image.convert("RGB").save(buffer, "JPEG", quality=_QUALITY)
        return buffer.getvalue()
