"""The requests that the handlers are measured with, as files that their processes read."""

import base64
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.photographs import find_photographs

JSON, JSON_LINES, PICTURE = "application/json", "application/jsonlines", "application/x-image"
TEXT = "a photo of the birthday cat"
TEXT_TOKENS = 8
"""With the tokens that begin and end a text."""
PICTURES = 32
"""How many different pictures there are."""
SIZE = (1632, 1224)
"""Two megapixels."""
_GRAIN = 3.0
"""The noise of a camera's sensor, in levels: without it an enlarged picture is easy to decode."""
_QUALITY = 90


@dataclass(frozen=True, kw_only=True)
class Request:
    """A body in a file; `pictures` is how many it holds."""

    path: Path
    content_type: str
    accept: str = JSON
    pictures: int = 1


@dataclass(frozen=True)
class Requests:
    """Makes requests in a folder."""

    folder: Path

    def text(self) -> Request:
        """Return one short text."""
        return self._written("text.json", json.dumps({"inputs": TEXT}).encode(), JSON, pictures=0)

    def pictures(self) -> Sequence[Request]:
        """Return every picture of two megapixels as a request of its own."""
        return [
            self._written(f"picture-{number}.jpg", photograph(number), PICTURE) for number in range(PICTURES)
        ]

    def batch(self, count: int) -> Request:
        """Return the first pictures of two megapixels in one JSON document."""
        document = {"images": [_encoded(request.path) for request in self.pictures()[:count]]}
        return self._written(f"batch-{count}.json", json.dumps(document).encode(), JSON, pictures=count)

    def lines(self, count: int) -> Request:
        """Return pictures of two megapixels as JSON Lines, as a shard of a bulk run."""
        encoded = [_encoded(request.path) for request in self.pictures()]
        chosen = (encoded[number % PICTURES] for number in range(count))
        return self._written(f"lines-{count}.jsonl", _lines(chosen), JSON_LINES, JSON_LINES, pictures=count)

    def small_lines(self, count: int) -> Request:
        """Return small pictures as JSON Lines."""
        photographs = find_photographs()
        encoded = (base64.b64encode(photographs.picture(number)).decode() for number in range(count))
        return self._written(f"small-{count}.jsonl", _lines(encoded), JSON_LINES, JSON_LINES, pictures=count)

    def _written(
        self, name: str, body: bytes, content_type: str, accept: str = JSON, *, pictures: int = 1
    ) -> Request:
        path = self.folder / name
        if not path.exists():
            path.write_bytes(body)
        return Request(path=path, content_type=content_type, accept=accept, pictures=pictures)


def photograph(number: int) -> bytes:
    """Return a JPEG of two megapixels, enlarged and with grain; the same one for the same number."""
    original = find_photographs().picture(number)
    with Image.open(io.BytesIO(original)) as image:
        levels = np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(number).normal(0, _GRAIN, levels.shape)
    noisy = np.clip(levels + grain, 0, 255).astype(np.uint8)
    with io.BytesIO() as buffer:
        Image.fromarray(noisy).save(buffer, "JPEG", quality=_QUALITY)
        return buffer.getvalue()


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _lines(encoded: Iterable[str]) -> bytes:
    lines = (json.dumps({"id": str(place), "image": image}) for place, image in enumerate(encoded))
    return "".join(f"{line}\n" for line in lines).encode()
