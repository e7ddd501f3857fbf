"""Indexing one picture: level-triggered and verified.

An event only says "look at this key". The present state of the object decides what is written, and after
every write the object is looked at again: whoever writes last has verified last, so duplicated, reordered,
replayed and late events, and pictures replaced or deleted while they are being embedded, all end in the same
place: the document is what the object is.
"""

from enum import StrEnum

from imagesearch.errors import PictureError, SourceNotFoundError, UnsettledError
from imagesearch.fingerprints import refuse_other_model
from imagesearch.models import (
    ImageRecord,
    IndexInfo,
    ObjectState,
    PictureEmbedding,
    RejectedImage,
    document_id,
)
from imagesearch.ports import Embedder, PictureStore, VectorIndex

MAX_ROUNDS = 5
"""How often an object may change under the indexer's hands before the event is left for a later delivery."""


class Outcome(StrEnum):
    """What became of a key."""

    INDEXED = "indexed"
    REJECTED = "rejected"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


def is_current(document: ImageRecord | RejectedImage, *, state: ObjectState, fingerprint: str) -> bool:
    """Tell whether the document is what the object is to the model of this fingerprint.

    A rejection names the ETag that was looked at, not the one that was read: where the object was another
    one for a moment, only its time tells, so a reject must agree in that too.
    """
    if (document.etag, document.fingerprint) != (state.etag, fingerprint):
        return False
    return isinstance(document, ImageRecord) or document.last_modified == state.last_modified


def image_record(state: ObjectState, picture: PictureEmbedding) -> ImageRecord:
    """Return the record of an object that was embedded."""
    return ImageRecord(
        key=state.key,
        etag=picture.etag,
        size=state.size,
        last_modified=state.last_modified,
        fingerprint=picture.fingerprint,
        width=picture.width,
        height=picture.height,
        content_type=picture.content_type,
        perceptual_hash=picture.perceptual_hash,
    )


def rejection(state: ObjectState, fingerprint: str, fault: PictureError) -> RejectedImage:
    """Return the record of an object that is no usable picture."""
    return RejectedImage(
        key=state.key,
        etag=state.etag,
        size=state.size,
        last_modified=state.last_modified,
        fingerprint=fingerprint,
        error_code=fault.code,
        error_message=fault.message,
    )


class Indexer:
    """Brings the active index in line with the image bucket, one key at a time."""

    def __init__(self, *, embedder: Embedder, index: VectorIndex, pictures: PictureStore) -> None:
        self._embedder = embedder
        self._index = index
        self._pictures = pictures

    def bring_in_line(self, key: str) -> Outcome:
        """Make the key's document what its object is, and return what that took.

        Raises UnsettledError where the object keeps changing, ModelMismatchError where the endpoint is not
        the index's, and what the ports raise; after any of them the same call can be made again.
        """
        state = self._pictures.look(key)
        for _ in range(MAX_ROUNDS):
            outcome = self._write(key, state)
            now = self._pictures.look(key)
            if outcome is not None and now == state:
                return outcome
            state = now
        raise UnsettledError(f"The object changed {MAX_ROUNDS} times while it was being indexed.")

    def _write(self, key: str, state: ObjectState | None) -> Outcome | None:
        """Write what the state asks for; None where the object was already another one when it was read."""
        index = self._index.active()
        if state is None:
            self._index.delete(index.name, document_id(key))
            return Outcome.DELETED
        known = self._index.get(index.name, document_id(state.key))
        if known is not None and is_current(known, state=state, fingerprint=index.fingerprint):
            return Outcome.UNCHANGED
        return self._embed(index, state)

    def _embed(self, index: IndexInfo, state: ObjectState) -> Outcome | None:
        try:
            picture = self._embedder.embed_stored(fingerprint=index.fingerprint, key=state.key)
        except SourceNotFoundError:
            return None
        except PictureError as fault:
            self._index.put_rejected(index.name, rejection(state, index.fingerprint, fault))
            return Outcome.REJECTED
        refuse_other_model(index, picture)
        if picture.etag != state.etag:
            return None
        self._index.put_image(index.name, image_record(state, picture), picture.vector)
        return Outcome.INDEXED
