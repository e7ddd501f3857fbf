"""The third step: the embeddings of one shard into the index, verified as single pictures are.

What the bucket holds is looked at before the shard's documents are written and again afterwards. A picture
that was another one when it was embedded, or that changes between the two looks, goes the way of ingest,
which settles it by itself. So whoever writes last has verified last, here too.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import Protocol

from imagesearch.bulk.run_files import RunFiles, index_of
from imagesearch.bulk.runs import Reject, Run, ShardResult
from imagesearch.errors import (
    PictureError,
    ShardIncompleteError,
    SourceForbiddenError,
    SourceNotFoundError,
    UnavailableError,
)
from imagesearch.fingerprints import refuse_other_model
from imagesearch.indexing import Indexer, image_record, rejection
from imagesearch.models import (
    ImageRecord,
    IndexInfo,
    ObjectState,
    PictureEmbedding,
    RejectedImage,
    Vector,
    document_id,
)
from imagesearch.ports import ArtifactStore, PictureStore, VectorIndex

States = dict[str, ObjectState]

_OPEN = (SourceNotFoundError, UnavailableError, SourceForbiddenError)
"""What a line can say that tells nothing of the picture as it is now: it is embedded again, by itself."""


class AnswerReader(Protocol):
    """Reads a line of the model's output."""

    def __call__(self, body: bytes, *, key: str) -> PictureEmbedding:
        """Return the embedding of the picture `key`, or raise the error that the line carries."""


class _Shard:
    """A shard's lines on their way to documents; `outcomes` tells what became of those that are settled."""

    def __init__(self, *, index: IndexInfo, planned: list[ObjectState], present: States) -> None:
        self.index = index
        self.planned = planned
        self.present = present
        self.outcomes: dict[str, Reject | None] = {}

    def documents(
        self, lines: Iterator[bytes], read: AnswerReader
    ) -> Iterator[tuple[ImageRecord, Vector] | RejectedImage]:
        """Yield the documents of the settled lines. Raises ShardIncompleteError unless each has its line."""
        for state in self.planned:
            line = next(lines, None)
            if line is None:
                raise self._incomplete("fewer")
            document = self._document(state, line, read)
            if document is not None:
                self.outcomes[state.key] = _reject_of(document)
                yield document
        if next(lines, None) is not None:
            raise self._incomplete("more")

    def _document(
        self, planned: ObjectState, line: bytes, read: AnswerReader
    ) -> tuple[ImageRecord, Vector] | RejectedImage | None:
        """Return the line's document, or None where the object is not, or may not be, the one embedded.

        An error does not say which bytes were read; it holds where nothing has changed since the plan.
        """
        now = self.present.get(planned.key)
        try:
            picture = read(line, key=planned.key)
        except PictureError as fault:
            return rejection(now, self.index.fingerprint, fault) if now == planned else None
        except _OPEN:
            return None
        refuse_other_model(self.index, picture)
        if now is None or picture.etag != now.etag:
            return None
        return image_record(now, picture), picture.vector

    def _incomplete(self, what: str) -> ShardIncompleteError:
        return ShardIncompleteError(
            f"The model's output has {what} lines than the shard's {len(self.planned)} records."
        )


class Loader:
    """Writes shards of a run into its index; a shard that has a result is done."""

    def __init__(
        self,
        *,
        artifacts: ArtifactStore,
        index: VectorIndex,
        pictures: PictureStore,
        indexer: Indexer,
        read: AnswerReader,
    ) -> None:
        self._artifacts = artifacts
        self._index = index
        self._pictures = pictures
        self._indexer = indexer
        self._read = read

    def load(self, *, run: str, key: str) -> ShardResult:
        """Bring every picture of an output in line, and return the counts.

        Raises ShardIncompleteError, ModelMismatchError, RunOutdatedError, and what the ports raise; after any
        of them the same call can be made again.
        """
        files = RunFiles(self._artifacts, run)
        name = files.keys.shard_of_output(key)
        return files.result(name) or self._load(files, name)

    def _load(self, files: RunFiles, name: str) -> ShardResult:
        run, planned = files.run(), files.states(name)
        shard = _Shard(index=index_of(run, self._index), planned=planned, present=self._present(planned))
        self._index.put_many(shard.index.name, shard.documents(files.output(name), self._read))
        self._settle(run, shard)
        rejects = [reject for reject in shard.outcomes.values() if reject is not None]
        files.write_rejects(name, rejects)
        result = ShardResult(indexed=len(shard.outcomes) - len(rejects), rejected=len(rejects))
        if result.indexed + result.rejected != len(planned):
            raise ShardIncompleteError(f"The shard names some of its {len(planned)} keys twice.")
        return files.write_result(name, result)

    def _settle(self, run: Run, shard: _Shard) -> None:
        """Bring in line, one by one, what is not settled or has changed since the shard was looked at."""
        now = self._present(shard.planned)
        for state in shard.planned:
            key = state.key
            if key not in shard.outcomes or shard.present.get(key) != now.get(key):
                self._indexer.bring_in_line(key)
                shard.outcomes[key] = self._outcome(index_of(run, self._index), key)

    def _outcome(self, index: IndexInfo, key: str) -> Reject | None:
        document = self._index.get(index.name, document_id(key))
        if document is None:
            message = "The object was deleted while the run was under way."
            return Reject(key=key, code=SourceNotFoundError.code, message=message)
        return _reject_of(document)

    def _present(self, planned: list[ObjectState]) -> States:
        """Return the shard's objects as they are now: the first by itself, the others by listing."""
        if not planned:
            return {}
        first, last = planned[0].key, planned[-1].key
        wanted = {state.key for state in planned}
        after = takewhile(lambda state: state.key <= last, self._pictures.listing(after=first))
        present = {state.key: state for state in after if state.key in wanted}
        head = self._pictures.look(first)
        return present if head is None else {first: head, **present}


def _reject_of(document: tuple[ImageRecord, Vector] | ImageRecord | RejectedImage) -> Reject | None:
    if not isinstance(document, RejectedImage):
        return None
    return Reject(key=document.key, code=document.error_code, message=document.error_message)
