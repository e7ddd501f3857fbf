"""An embedder that remembers the vectors of the texts and pictures it was last asked for."""

import hashlib
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock

from imagesearch.models import Embedding, PictureEmbedding
from imagesearch.ports import Embedder

Key = tuple[str, str | bytes]
"""A model's fingerprint, and a text as it is sent or a picture's digest."""


def normal_form(text: str) -> str:
    """Return a text in Unicode's normal form C, with single spaces between its words.

    Tokenizers differ in what they make of the rest. So this very form is what the model is sent: whether a
    vector is remembered or not, equal forms have equal vectors.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


class CachedEmbedder:
    """Asks another embedder for what it does not remember of the last `size` texts and pictures.

    Pictures that the model reads from the bucket are always asked for: what lies under a key may change.
    Threads may share it.
    """

    def __init__(self, embedder: Embedder, *, size: int) -> None:
        self._embedder = embedder
        self._size = size
        self._remembered = OrderedDict[Key, Embedding]()
        self._lock = Lock()

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        """Return one embedding an item, the texts' first; all that are not remembered are one request."""
        texts = [normal_form(text) for text in texts]
        keys: list[Key] = [(fingerprint, text) for text in texts]
        keys += [(fingerprint, hashlib.sha256(picture).digest()) for picture in pictures]
        found = self._recall(keys)
        unknown_texts = {key: text for key, text in zip(keys, texts, strict=False) if key not in found}
        unknown_pictures = {
            key: picture
            for key, picture in zip(keys[len(texts) :], pictures, strict=True)
            if key not in found
        }
        if unknown_texts or unknown_pictures:
            made = self._embedder.embed(
                fingerprint=fingerprint,
                texts=list(unknown_texts.values()),
                pictures=list(unknown_pictures.values()),
            )
            learned = dict(zip([*unknown_texts, *unknown_pictures], made, strict=True))
            self._remember(learned)
            found |= learned
        return tuple(found[key] for key in keys)

    def embed_stored(self, *, fingerprint: str, key: str) -> PictureEmbedding:
        """Return the embedding of an object of the image bucket, as it is now."""
        return self._embedder.embed_stored(fingerprint=fingerprint, key=key)

    def _recall(self, keys: Iterable[Key]) -> dict[Key, Embedding]:
        with self._lock:
            found = {key: self._remembered[key] for key in keys if key in self._remembered}
            for key in found:
                self._remembered.move_to_end(key)
        return found

    def _remember(self, learned: Mapping[Key, Embedding]) -> None:
        """Keep what the model has answered that was asked; the asker refuses what another one has."""
        with self._lock:
            for key, embedding in learned.items():
                if embedding.fingerprint == key[0]:
                    self._remembered[key] = embedding
            while len(self._remembered) > self._size:
                self._remembered.popitem(last=False)
