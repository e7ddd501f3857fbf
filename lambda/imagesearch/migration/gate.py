"""The check before a new index takes over: that it holds the same pictures, and finds them as well."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from heapq import merge
from itertools import groupby, islice
from statistics import fmean

from imagesearch.bulk.batches import batched
from imagesearch.errors import (
    ArtifactMissingError,
    LabelsInvalidError,
    PictureError,
    RequestError,
    SourceNotFoundError,
)
from imagesearch.fingerprints import refuse_other_model
from imagesearch.migration.labels import Label, read_labels
from imagesearch.migration.records import Check, Counts, Labelled, Recall, labels_key
from imagesearch.models import Embedding, ImageRecord, IndexInfo, Vector, document_id
from imagesearch.ports import ArtifactStore, Embedder, IndexProbe, VectorIndex
from imagesearch.queries import Nearest

NEIGHBOURS = 10
"""Of how many hits every recall is taken."""

_NAMED = 10
"""How many differing keys a check names."""
_CANDIDATES = 1_000
"""How many differing keys are looked at again; more are no coincidence of the moment."""
_LOOKS = 3
_PAUSE_SECONDS = 5.0
"""Live writes reach one index after the other, a model's answer apart: only what stays different differs."""
_ASKED_AT_ONCE = 1_000
_SEARCHERS = 4
_TOLERANCE = 1e-6
"""How much scores of the same picture may differ between the graph and the comparison with all."""


class Gate:
    """Compares a new index with the old one; neither is changed."""

    def __init__(
        self,
        *,
        index: VectorIndex,
        probe: IndexProbe,
        embedder: Embedder,
        artifacts: ArtifactStore,
        min_recall: float,
        sample: int,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._index = index
        self._probe = probe
        self._embedder = embedder
        self._artifacts = artifacts
        self._min_recall = min_recall
        self._sample = sample
        self._pause = pause
        self._clock = clock

    def check(self, *, old: IndexInfo, new: IndexInfo, labelled: bool) -> Check:
        """Return how the indices compare; `labelled` takes the new index's labelled queries into account.

        Raises LabelsInvalidError, ArtifactMissingError where there are no labelled queries, and what the
        ports raise.
        """
        labels = self._labels(old, new) if labelled else ()
        return Check.of(
            checked_at=self._clock(),
            counts=self._counts(old, new),
            recall=self._recall(new),
            labelled=self._labelled(old, new, labels) if labels else None,
        )

    def _counts(self, old: IndexInfo, new: IndexInfo) -> Counts:
        for index in (old, new):
            self._probe.refresh(index.name)
        before, after = self._index.count(old.name), self._index.count(new.name)
        differing = self._differing(old, new) if before != after else ()
        return Counts(old=before, new=after, differing=tuple(differing))

    def _differing(self, old: IndexInfo, new: IndexInfo) -> Sequence[str]:
        """Return the first keys that the indices disagree about each time they are looked at."""
        found = keys = list(islice(self._candidates(old, new), _CANDIDATES))
        for _ in range(_LOOKS):
            if not keys:
                break
            self._pause(_PAUSE_SECONDS)
            keys = list(self._unlike(old, new, keys))
        return (keys or (found if len(found) == _CANDIDATES else []))[:_NAMED]

    def _candidates(self, old: IndexInfo, new: IndexInfo) -> Iterator[str]:
        """Yield the keys that, at this moment, are in one index only, or a reject in one only."""
        both = merge(self._index.keys(old.name), self._index.keys(new.name))
        for some in batched((key for key, _ in groupby(both)), _ASKED_AT_ONCE):
            yield from self._unlike(old, new, some)

    def _unlike(self, old: IndexInfo, new: IndexInfo, keys: Sequence[str]) -> Iterator[str]:
        ids = [document_id(key) for key in keys]
        before, after = self._index.known(old.name, ids), self._index.known(new.name, ids)
        for key, each in zip(keys, ids, strict=True):
            if type(before.get(each)) is not type(after.get(each)):
                yield key

    def _recall(self, new: IndexInfo) -> Recall:
        vectors = self._probe.sample(new.name, self._sample)
        with ThreadPoolExecutor(_SEARCHERS) as searchers:
            shares = list(searchers.map(partial(self._share, new), vectors))
        return Recall(value=fmean(shares) if shares else 1.0, least=self._min_recall, vectors=len(shares))

    def _share(self, new: IndexInfo, vector: Vector) -> float:
        """Return which share of the nearest pictures a search finds; equally near ones are as good."""
        nearest = self._probe.exact(new.name, vector, k=NEIGHBOURS)
        if not nearest:
            return 1.0
        keys, least = {match.image.key for match in nearest}, nearest[-1].score - _TOLERANCE
        (hits,) = self._index.search(new.name, [Nearest(part="picture", vector=vector)], k=len(nearest))
        return sum(hit.image.key in keys or hit.score >= least for hit in hits) / len(nearest)

    def _labels(self, old: IndexInfo, new: IndexInfo) -> tuple[Label, ...]:
        content = self._artifacts.read(labels_key(new.name))
        if content is None:
            raise ArtifactMissingError(f"There are no labelled queries: {labels_key(new.name)} is missing.")
        labels = read_labels(content)
        self._require_known(old, labels)
        return labels

    def _require_known(self, old: IndexInfo, labels: Iterable[Label]) -> None:
        """Refuse keys of no picture: queries that nothing can answer would count for neither model."""
        named = ((label.line, key) for label in labels for key in label.relevant)
        for some in batched(named, _ASKED_AT_ONCE):
            known = self._index.known(old.name, list({document_id(key) for _, key in some}))
            for line, key in some:
                if not isinstance(known.get(document_id(key)), ImageRecord):
                    raise LabelsInvalidError(
                        f"Line {line} of the labelled queries names {key}, which is no indexed picture."
                    )

    def _labelled(self, old: IndexInfo, new: IndexInfo, labels: Sequence[Label]) -> Labelled:
        with ThreadPoolExecutor(_SEARCHERS) as searchers:
            before, after = (
                fmean(searchers.map(partial(self._answered, index), labels)) for index in (old, new)
            )
        return Labelled(queries=len(labels), old=before, new=after)

    def _answered(self, index: IndexInfo, label: Label) -> float:
        """Return which share of the relevant pictures the index finds, of those that fit into the hits."""
        asked = Nearest(part="picture", vector=self._vector(index, label))
        (hits,) = self._index.search(index.name, [asked], k=NEIGHBOURS)
        found = {hit.image.key for hit in hits} & set(label.relevant)
        return len(found) / min(NEIGHBOURS, len(label.relevant))

    def _vector(self, index: IndexInfo, label: Label) -> Vector:
        try:
            embedding = self._embedding(index.fingerprint, label)
        except (PictureError, RequestError, SourceNotFoundError) as error:
            raise LabelsInvalidError(
                f"Line {label.line} of the labelled queries cannot be asked: {error.message}"
            ) from error
        refuse_other_model(index, embedding)
        return embedding.vector

    def _embedding(self, fingerprint: str, label: Label) -> Embedding:
        if label.picture is not None:
            return self._embedder.embed_stored(fingerprint=fingerprint, key=label.picture)
        return self._embedder.embed(fingerprint=fingerprint, texts=[label.text or ""])[0]
