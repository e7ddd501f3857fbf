"""Indexing one picture: level-triggered and verified.

An event only says "look at this key". The present state of the object and of its sidecar decides what is
written, and after every write both are looked at again: whoever writes last has verified last, so
duplicated, reordered, replayed and late events, and pictures replaced, described or deleted while they are
being embedded, all end in the same place: the document is what the object is, in every index that is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeGuard

from imagesearch.describing import Describer
from imagesearch.errors import (
    PictureError,
    RequestError,
    SourceNotFoundError,
    UnsettledError,
)
from imagesearch.fingerprints import refuse_other_model
from imagesearch.metadata import Attributes, is_sidecar
from imagesearch.models import (
    EmbeddedImage,
    ImageRecord,
    IndexInfo,
    Metadata,
    ObjectState,
    PictureEmbedding,
    RejectedImage,
    Vector,
    document_id,
)
from imagesearch.ports import Embedder, PictureStore, VectorIndex

MAX_ROUNDS = 5
"""How often an object may change under the indexer's hands before the event is left for a later delivery."""


class Outcome(StrEnum):
    """What became of a key."""

    INDEXED = "indexed"
    DESCRIBED = "described"
    REJECTED = "rejected"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


def is_current(document: ImageRecord | RejectedImage, *, state: ObjectState, fingerprint: str) -> bool:
    """Tell whether the document is what the object and its sidecar are to the model of this fingerprint.

    The time tells of metadata that was changed without the content, and of an object that was another one
    for a moment: a rejection names the ETag that was looked at, not the one that was read.
    """
    return (document.etag, document.fingerprint, document.last_modified, document.sidecar) == (
        *(state.etag, fingerprint, state.last_modified, state.sidecar),
    )


def is_same_picture(
    document: ImageRecord | RejectedImage, *, state: ObjectState, fingerprint: str
) -> TypeGuard[ImageRecord]:
    """Tell whether the document has the vector of the object, whatever is said of it."""
    return isinstance(document, ImageRecord) and (document.etag, document.fingerprint) == (
        *(state.etag, fingerprint),
    )


def caption_fault(fault: RequestError) -> str:
    """Return the sentence for a caption that the model refuses."""
    return f"caption: {fault.message}"


def image_record(
    state: ObjectState, picture: PictureEmbedding, metadata: Metadata, fault: str | None
) -> ImageRecord:
    """Return the record of an object that was embedded; `fault` says why it is without its metadata."""
    return ImageRecord(
        key=state.key,
        etag=picture.etag,
        size=state.size,
        last_modified=state.last_modified,
        fingerprint=picture.fingerprint,
        sidecar=state.sidecar,
        width=picture.width,
        height=picture.height,
        content_type=picture.content_type,
        perceptual_hash=picture.perceptual_hash,
        metadata=metadata,
        metadata_fault=fault,
    )


def described_record(
    known: ImageRecord, state: ObjectState, metadata: Metadata, fault: str | None
) -> ImageRecord:
    """Return the record of an object that was embedded before, and of which something else is said now."""
    return replace(
        known,
        last_modified=state.last_modified,
        sidecar=state.sidecar,
        metadata=metadata,
        metadata_fault=fault,
    )


def rejection(state: ObjectState, fingerprint: str, fault: PictureError) -> RejectedImage:
    """Return the record of an object that is no usable picture."""
    return RejectedImage(
        key=state.key,
        etag=state.etag,
        size=state.size,
        last_modified=state.last_modified,
        fingerprint=fingerprint,
        sidecar=state.sidecar,
        error_code=fault.code,
        error_message=fault.message,
    )


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What is said of a picture, with the caption's vector where that had to be made."""

    metadata: Metadata
    fault: str | None
    caption_vector: Vector | None = None


class Indexer:
    """Brings every index that is kept in line with the image bucket, one key at a time."""

    def __init__(
        self, *, embedder: Embedder, index: VectorIndex, pictures: PictureStore, attributes: Attributes
    ) -> None:
        self._embedder = embedder
        self._index = index
        self._pictures = pictures
        self._describer = Describer(pictures=pictures, attributes=attributes)

    def bring_in_line(self, key: str) -> Outcome:
        """Make the key's documents what its object is, and return what that took in the active index.

        One index after the other is written and verified, the active one first: trouble with another one
        leaves it complete. Raises UnsettledError where the object keeps changing, ModelMismatchError where an
        endpoint is not its index's, and what the ports raise; after any of them the same call can be made
        again.
        """
        active, *others = self._index.written()
        outcome = self._settle(active, key)
        for index in others:
            self._settle(index, key)
        return outcome

    def _settle(self, index: IndexInfo, key: str) -> Outcome:
        state = self._look(key)
        for _ in range(MAX_ROUNDS):
            outcome = self._write(index, key, state)
            now = self._look(key)
            if outcome is not None and now == state:
                return outcome
            state = now
        raise UnsettledError(f"The object changed {MAX_ROUNDS} times while it was being indexed.")

    def _look(self, key: str) -> ObjectState | None:
        """Return the picture's present state; a sidecar is none."""
        return None if is_sidecar(key) else self._pictures.look(key)

    def _write(self, index: IndexInfo, key: str, state: ObjectState | None) -> Outcome | None:
        """Write what the state asks for; None where the object was already another one when it was read."""
        if state is None:
            self._index.delete(index.name, document_id(key))
            return Outcome.DELETED
        known = self._index.get(index.name, document_id(key))
        if known is not None and is_current(known, state=state, fingerprint=index.fingerprint):
            return Outcome.UNCHANGED
        if known is not None and is_same_picture(known, state=state, fingerprint=index.fingerprint):
            return self._describe(index, state, known)
        return self._embed(index, state)

    def _describe(self, index: IndexInfo, state: ObjectState, known: ImageRecord) -> Outcome | None:
        user = self._pictures.user_metadata(state.key)
        said = self._said(index, state, user, known_caption=known.metadata.caption)
        if said is None:
            return None
        image = described_record(known, state, said.metadata, said.fault)
        done = self._index.describe(index.name, image, said.caption_vector)
        return Outcome.DESCRIBED if done else None

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
        said = self._said(index, state, picture.user_metadata)
        if said is None:
            return None
        image = image_record(state, picture, said.metadata, said.fault)
        embedded = EmbeddedImage(image=image, vector=picture.vector, caption_vector=said.caption_vector)
        self._index.put_image(index.name, embedded)
        return Outcome.INDEXED

    def _said(
        self,
        index: IndexInfo,
        state: ObjectState,
        user: Mapping[str, str],
        *,
        known_caption: str | None = None,
    ) -> _Said | None:
        """Return what is said of the picture, or None where its sidecar is another one by now.

        The vector of a caption that the index knows already is not made again.
        """
        said = self._describer.describe(state, user)
        if said is None:
            return None
        metadata, fault = said.metadata, said.fault
        if metadata.caption is None or metadata.caption == known_caption:
            return _Said(metadata=metadata, fault=fault)
        try:
            vector = self._caption_vector(index, metadata.caption)
        except RequestError as refusal:
            return _Said(metadata=Metadata(), fault=caption_fault(refusal))
        return _Said(metadata=metadata, fault=fault, caption_vector=vector)

    def _caption_vector(self, index: IndexInfo, caption: str) -> Vector:
        (embedding,) = self._embedder.embed(fingerprint=index.fingerprint, texts=[caption])
        refuse_other_model(index, embedding)
        return embedding.vector
