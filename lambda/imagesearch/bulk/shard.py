"""A shard's output on its way to documents, a few entries at a time.

A document is written from a line only where the bucket still has what was embedded; all others are left open.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from imagesearch.bulk.batches import batched, in_parallel
from imagesearch.bulk.entries import Entry, PictureEntry, TextEntry
from imagesearch.bulk.presence import States
from imagesearch.bulk.runs import Reject, undescribed
from imagesearch.describing import Describer, Description
from imagesearch.errors import (
    PictureError,
    RequestError,
    ShardIncompleteError,
    SourceForbiddenError,
    SourceNotFoundError,
    UnavailableError,
)
from imagesearch.fingerprints import refuse_other_model
from imagesearch.indexing import described_record, image_record, is_same_picture, rejection
from imagesearch.models import (
    EmbeddedImage,
    Embedding,
    ImageRecord,
    IndexInfo,
    PictureEmbedding,
    RejectedImage,
    Vector,
    document_id,
)
from imagesearch.ports import Embedder, VectorIndex

_AT_ONCE = 32
"""How many entries' vectors are held in memory; what is said of these is read at once."""
_CAPTION_CHARACTERS = 100_000
"""How much of captions one request carries: 1.2 MB at most, as JSON writes them."""

_OPEN = (SourceNotFoundError, UnavailableError, SourceForbiddenError)
"""What a line can say that tells nothing of the picture as it is now: it is embedded again, by itself."""


class AnswerReader(Protocol):
    """Reads the lines of the model's output; both raise the error that a line carries instead."""

    def stored_picture(self, body: bytes, *, key: str) -> PictureEmbedding:
        """Return the embedding of the picture `key`."""

    def stored_text(self, body: bytes, *, key: str) -> Embedding:
        """Return the embedding of the text that was sent as `key`."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of an entry: whether it is what it was meant to be, and what there is to say of it.

    An indexed picture of which there is something to say is without its metadata.
    """

    done: bool
    reject: Reject | None = None


def fate_of(document: ImageRecord | RejectedImage) -> Fate:
    """Return what became of a picture that has a document."""
    if isinstance(document, ImageRecord):
        return Fate(done=True, reject=undescribed(document))
    reject = Reject(key=document.key, code=document.error_code, message=document.error_message)
    return Fate(done=False, reject=reject)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a shard is worked on with."""

    index: VectorIndex
    embedder: Embedder
    describer: Describer
    read: AnswerReader


@dataclass(frozen=True, kw_only=True)
class _Answered:
    """A picture's entry with what the model answered; None is what it was not asked or could not tell."""

    entry: PictureEntry
    picture: PictureEmbedding | PictureError | None
    caption: Vector | None


class Shard:
    """A shard's entries and what became of them so far: of the settled pictures by key, and of all texts."""

    def __init__(self, *, target: IndexInfo, entries: list[Entry], present: States, tools: Tools) -> None:
        self.target = target
        self.entries = entries
        self.present = present
        self.pictures: dict[str, Fate] = {}
        self.texts: list[Fate] = []
        self._tools = tools

    def documents(self, lines: Iterator[bytes]) -> Iterator[EmbeddedImage | RejectedImage]:
        """Yield the documents of the settled lines, and write what needs a description only.

        Raises ShardIncompleteError unless every record has its line, ModelMismatchError, and what the ports
        raise.
        """
        for some in batched(self._answered(lines), _AT_ONCE):
            yield from self._rejections(some)
            yield from self._images(some)

    def _answered(self, lines: Iterator[bytes]) -> Iterator[_Answered]:
        for entry in self.entries:
            if isinstance(entry, TextEntry):
                self.texts.append(self._text(entry, self._next(lines)))
                continue
            picture = self._picture(entry, self._next(lines)) if entry.embed else None
            caption = self._caption(entry, self._next(lines)) if entry.caption is not None else None
            yield _Answered(entry=entry, picture=picture, caption=caption)
        if next(lines, None) is not None:
            raise self._incomplete("more")

    def _next(self, lines: Iterator[bytes]) -> bytes:
        line = next(lines, None)
        if line is None:
            raise self._incomplete("fewer")
        return line

    def _incomplete(self, what: str) -> ShardIncompleteError:
        return ShardIncompleteError(
            f"The model's output has {what} lines than the shard's {len(self.entries)} entries have records."
        )

    def _text(self, entry: TextEntry, line: bytes) -> Fate:
        """Return the fate of a text: its embedding stays where it is, in the output."""
        try:
            refuse_other_model(self.target, self._tools.read.stored_text(line, key=entry.id))
        except (RequestError, UnavailableError) as fault:
            return Fate(done=False, reject=Reject(key=entry.id, code=fault.code, message=fault.message))
        return Fate(done=True)

    def _picture(self, entry: PictureEntry, line: bytes) -> PictureEmbedding | PictureError | None:
        try:
            picture = self._tools.read.stored_picture(line, key=entry.state.key)
        except PictureError as fault:
            return fault
        except _OPEN:
            return None
        refuse_other_model(self.target, picture)
        return picture

    def _caption(self, entry: PictureEntry, line: bytes) -> Vector | None:
        try:
            embedding = self._tools.read.stored_text(line, key=entry.state.key)
        except (RequestError, *_OPEN):
            return None
        refuse_other_model(self.target, embedding)
        return embedding.vector

    def _rejections(self, some: list[_Answered]) -> Iterator[RejectedImage]:
        """Yield the rejects: an error names no ETag, so it holds where nothing has changed since the plan."""
        for each in some:
            state = each.entry.state
            if isinstance(each.picture, PictureError) and self.present.get(state.key) == state:
                document = rejection(state, self.target.fingerprint, each.picture)
                self.pictures[state.key] = fate_of(document)
                yield document

    def _images(self, some: list[_Answered]) -> Iterator[EmbeddedImage]:
        live = [each for each in some if self._is_live(each)]
        told = [(each, said) for each, said in zip(live, self._all_said(live), strict=True) if said]
        vectors = self._caption_vectors(told)
        known = self._known([each for each, _ in told if not each.entry.embed])
        for each, description in told:
            caption = description.metadata.caption
            vector = vectors.get(caption) if caption is not None else None
            if caption is not None and vector is None:
                continue
            if isinstance(each.picture, PictureEmbedding):
                yield self._image(each.entry, each.picture, description, vector)
            else:
                self._describe(known.get(document_id(each.entry.state.key)), each.entry, description, vector)

    def _is_live(self, each: _Answered) -> bool:
        """Tell whether the bucket still has the bytes that were embedded, now or earlier."""
        now = self.present.get(each.entry.state.key)
        if now is None:
            return False
        if each.entry.embed:
            return isinstance(each.picture, PictureEmbedding) and each.picture.etag == now.etag
        return now.etag == each.entry.state.etag

    def _all_said(self, live: list[_Answered]) -> list[Description | None]:
        """Return what is said of each picture; threads cost more than they save where nothing is read."""
        if any(self.present[each.entry.state.key].sidecar for each in live):
            return in_parallel(self._said, live)
        return list(map(self._said, live))

    def _said(self, each: _Answered) -> Description | None:
        """Return what is said of a picture; its answer tells S3's own part while it is that very object."""
        now = self.present[each.entry.state.key]
        is_that = now.last_modified == each.entry.state.last_modified
        user = each.picture.user_metadata if isinstance(each.picture, PictureEmbedding) and is_that else None
        return self._tools.describer.describe(now, user)

    def _caption_vectors(self, told: list[tuple[_Answered, Description]]) -> dict[str, Vector]:
        """Return the captions' vectors: the answers' where the caption is still the same, or made now.

        What the model refuses has none.
        """
        vectors: dict[str, Vector] = {}
        for each, said in told:
            if each.caption is not None and each.entry.caption == said.metadata.caption is not None:
                vectors[said.metadata.caption] = each.caption
        wanted = dict.fromkeys(said.metadata.caption for _, said in told)
        for texts in _portions(text for text in wanted if text is not None and text not in vectors):
            vectors |= self._embedded(texts)
        return vectors

    def _embedded(self, texts: list[str]) -> dict[str, Vector]:
        try:
            embeddings = self._tools.embedder.embed(fingerprint=self.target.fingerprint, texts=texts)
        except RequestError:
            return {}
        for embedding in embeddings:
            refuse_other_model(self.target, embedding)
        return {text: embedding.vector for text, embedding in zip(texts, embeddings, strict=True)}

    def _known(self, some: list[_Answered]) -> dict[str, ImageRecord | RejectedImage]:
        ids = [document_id(each.entry.state.key) for each in some]
        return dict(self._tools.index.known(self.target.name, ids)) if ids else {}

    def _image(
        self, entry: PictureEntry, picture: PictureEmbedding, said: Description, caption_vector: Vector | None
    ) -> EmbeddedImage:
        image = image_record(self.present[entry.state.key], picture, said.metadata, said.fault)
        self.pictures[image.key] = fate_of(image)
        return EmbeddedImage(image=image, vector=picture.vector, caption_vector=caption_vector)

    def _describe(
        self,
        known: ImageRecord | RejectedImage | None,
        entry: PictureEntry,
        said: Description,
        caption_vector: Vector | None,
    ) -> None:
        """Write another description beside a vector that the index has; where it has none, leave it open."""
        now = self.present[entry.state.key]
        if known is None or not is_same_picture(known, state=now, fingerprint=self.target.fingerprint):
            return
        image = described_record(known, now, said.metadata, said.fault)
        if self._tools.index.describe(self.target.name, image, caption_vector):
            self.pictures[image.key] = fate_of(image)


def _portions(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield the texts in lists of at most _CAPTION_CHARACTERS together."""
    portion, size = list[str](), 0
    for text in texts:
        if portion and size + len(text) > _CAPTION_CHARACTERS:
            yield portion
            portion, size = [], 0
        portion.append(text)
        size += len(text)
    if portion:
        yield portion
