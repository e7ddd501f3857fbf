"""The third step: the embeddings of one shard into the index, verified as single pictures are.

What the bucket holds is looked at before the shard's documents are written and again afterwards. A picture
that was another one when it was embedded, or that changes between the two looks, or of which something else
is said by then, goes the way of ingest, which settles it by itself. So whoever writes last has verified last,
here too.
"""

from imagesearch.bulk.entries import PictureEntry
from imagesearch.bulk.presence import present
from imagesearch.bulk.run_files import RunFiles, index_of
from imagesearch.bulk.runs import Reject, ShardResult
from imagesearch.bulk.shard import AnswerReader, Fate, Shard, Tools, fate_of
from imagesearch.describing import Describer
from imagesearch.errors import ShardIncompleteError, SourceNotFoundError
from imagesearch.indexing import Indexer
from imagesearch.metadata import Attributes
from imagesearch.models import IndexInfo, document_id
from imagesearch.ports import ArtifactStore, Embedder, PictureStore, VectorIndex


class Loader:
    """Writes shards of a run into its index; a shard that has a result is done."""

    def __init__(
        self,
        *,
        artifacts: ArtifactStore,
        index: VectorIndex,
        pictures: PictureStore,
        indexer: Indexer,
        embedder: Embedder,
        attributes: Attributes,
        read: AnswerReader,
    ) -> None:
        self._artifacts = artifacts
        self._index = index
        self._pictures = pictures
        self._indexer = indexer
        describer = Describer(pictures=pictures, attributes=attributes)
        self._tools = Tools(index=index, embedder=embedder, describer=describer, read=read)

    def load(self, *, run: str, key: str) -> ShardResult:
        """Bring every picture of an output in line, and return the counts.

        Raises ShardIncompleteError, ModelMismatchError, RunOutdatedError, and what the ports raise; after any
        of them the same call can be made again.
        """
        files = RunFiles(self._artifacts, run)
        name = files.keys.shard_of_output(key)
        return files.result(name) or self._load(files, name)

    def _load(self, files: RunFiles, name: str) -> ShardResult:
        run, entries = files.run(), files.entries(name)
        keys = [entry.state.key for entry in entries if isinstance(entry, PictureEntry)]
        shard = Shard(
            target=index_of(run.run, run.index, self._index),
            entries=entries,
            present=present(self._pictures, keys),
            tools=self._tools,
        )
        self._index.put_many(shard.target.name, shard.documents(files.output(name)))
        self._settle(shard, keys)
        if len(shard.pictures) != len(keys):
            raise ShardIncompleteError(f"The shard names some of its {len(keys)} keys twice.")
        fates = [*shard.pictures.values(), *shard.texts]
        files.write_rejects(name, [fate.reject for fate in fates if fate.reject is not None])
        return files.write_result(name, _result(shard))

    def _settle(self, shard: Shard, keys: list[str]) -> None:
        """Bring in line, one by one, what is not settled or has changed since the shard was looked at."""
        now = present(self._pictures, keys)
        for key in keys:
            if key not in shard.pictures or shard.present.get(key) != now.get(key):
                self._indexer.bring_in_line(key)
                shard.pictures[key] = self._fate(shard.target, key)

    def _fate(self, index: IndexInfo, key: str) -> Fate:
        document = self._index.get(index.name, document_id(key))
        if document is None:
            message = "The object was deleted while the run was under way."
            return Fate(done=False, reject=Reject(key=key, code=SourceNotFoundError.code, message=message))
        return fate_of(document)


def _result(shard: Shard) -> ShardResult:
    pictures = shard.pictures.values()
    return ShardResult(
        indexed=sum(fate.done for fate in pictures),
        kept=sum(fate.done for fate in shard.texts),
        rejected=sum(not fate.done for fate in [*pictures, *shard.texts]),
        undescribed=sum(fate.done and fate.reject is not None for fate in pictures),
    )
