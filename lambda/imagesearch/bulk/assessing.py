"""What the keys of a source need: nothing, another description, a vector, or to leave the index.

Whatever needs no vector is mended at once; a check mends nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from imagesearch.bulk.batches import in_parallel
from imagesearch.bulk.entries import Entry, PictureEntry
from imagesearch.bulk.runs import Reject, undescribed
from imagesearch.bulk.sources import Batch
from imagesearch.describing import Describer
from imagesearch.indexing import Indexer, Outcome, described_record, is_current, is_same_picture
from imagesearch.metadata import is_sidecar
from imagesearch.models import ImageRecord, IndexInfo, ObjectState, RejectedImage, document_id
from imagesearch.ports import PictureStore, VectorIndex

Documents = Mapping[str, ImageRecord | RejectedImage]


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What was found in a batch: entries for the model, what was mended, rejects; counts as of `Page`."""

    entries: list[Entry]
    rejects: list[Reject]
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class _Described:
    """What became of a picture of which something else is said: mended, or to be embedded as `entry`."""

    entry: PictureEntry | None = None
    reject: Reject | None = None


class Assessor:
    """Compares parts of a source with one index."""

    def __init__(
        self,
        *,
        target: IndexInfo,
        check: bool,
        index: VectorIndex,
        pictures: PictureStore,
        indexer: Indexer,
        describer: Describer,
    ) -> None:
        self._target = target
        self._check = check
        self._index = index
        self._pictures = pictures
        self._indexer = indexer
        self._describer = describer

    def assess(self, batch: Batch) -> Assessment:
        """Return what the batch needs, once what needs no vector is mended. Raises what the ports raise."""
        keys = [*(state.key for state in batch.present), *batch.absent]
        known = self._index.known(self._target.name, [document_id(key) for key in keys])
        missing, stale, others = self._sorted(batch.present, known)
        described = in_parallel(lambda pair: self._describe(*pair), others)
        new_captions = [each.entry for each in described if each.entry is not None]
        faults = [each.reject for each in described if each.reject is not None]
        pictures = [*in_parallel(self._to_embed, [*missing, *stale]), *new_captions]
        counts = {
            "listed": batch.listed,
            "described": len(others) - len(new_captions),
            "missing": len(missing) + len(batch.texts) + len(batch.rejects),
            "stale": len(stale) + len(new_captions),
            "rejected": len(batch.rejects),
            "orphaned": self._remove_orphans([key for key in batch.absent if document_id(key) in known]),
            "undescribed": len(faults),
        }
        return Assessment(
            entries=[*sorted(pictures, key=lambda entry: entry.state.key), *batch.texts],
            rejects=[*batch.rejects, *faults],
            counts=counts,
        )

    def _sorted(
        self, states: list[ObjectState], known: Documents
    ) -> tuple[list[ObjectState], list[ObjectState], list[tuple[ObjectState, ImageRecord]]]:
        """Return the objects without a document, with another one, and with one that describes another."""
        missing, stale, others = [], [], []
        for state in states:
            document = known.get(document_id(state.key))
            if document is None:
                missing.append(state)
            elif is_current(document, state=state, fingerprint=self._target.fingerprint):
                continue
            elif is_same_picture(document, state=state, fingerprint=self._target.fingerprint):
                others.append((state, document))
            else:
                stale.append(state)
        return missing, stale, others

    def _to_embed(self, state: ObjectState) -> PictureEntry:
        caption = None if self._check else self._describer.sidecar_caption(state)
        return PictureEntry(state=state, caption=caption)

    def _describe(self, state: ObjectState, known: ImageRecord) -> _Described:
        """Write what is said of a picture now, unless that takes the vector of another caption."""
        said = self._describer.describe(state)
        if said is not None and said.metadata.caption not in (None, known.metadata.caption):
            return _Described(entry=PictureEntry(state=state, embed=False, caption=said.metadata.caption))
        image = described_record(known, state, said.metadata, said.fault) if said is not None else None
        if self._check or (image is not None and self._is_described(image, state)):
            return _Described(reject=undescribed(image))
        self._indexer.bring_in_line(state.key)
        return _Described(reject=undescribed(self._index.get(self._target.name, known.id)))

    def _is_described(self, image: ImageRecord, state: ObjectState) -> bool:
        """Write the description, and tell whether it still is the bucket's: who writes last verifies last."""
        return (
            self._index.describe(self._target.name, image, None) and self._pictures.look(image.key) == state
        )

    def _remove_orphans(self, keys: list[str]) -> int:
        """Remove the documents of these keys unless they have objects after all; return how many had none."""
        return sum(in_parallel(self._is_orphan, keys))

    def _is_orphan(self, key: str) -> bool:
        if self._check:
            return is_sidecar(key) or self._pictures.look(key) is None
        return self._indexer.bring_in_line(key) is Outcome.DELETED
