"""The first step: what the model is to embed, cut into shards, a part of the source at a time."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from imagesearch.bulk import sources
from imagesearch.bulk.assessing import Assessor
from imagesearch.bulk.entries import Entry, shard_requests
from imagesearch.bulk.run_files import RunFiles, index_of
from imagesearch.bulk.runs import Page, Plan, Reject, Run, Source, page_name, shard_name
from imagesearch.bulk.sources import Batch
from imagesearch.describing import Describer
from imagesearch.errors import EventInvalidError, ModelNotDeployedError
from imagesearch.fingerprints import SHORT
from imagesearch.indexing import Indexer
from imagesearch.metadata import Attributes
from imagesearch.models import IndexInfo
from imagesearch.ports import ArtifactStore, PictureStore, VectorIndex


@dataclass(frozen=True, kw_only=True)
class RunInput:
    """What a run is begun with: `index` None is the active one; later calls need the prefix only."""

    prefix: str
    source: Source | None = None
    check: bool | None = None
    index: str | None = None


@dataclass(frozen=True, kw_only=True)
class PlanStep:
    """Where planning stands: call again with `page` and `token` unless it is `done`."""

    run: str
    prefix: str
    page: int
    token: str | None
    done: bool


def deployed_model(model_names: Mapping[str, str], fingerprint: str) -> str:
    """Return the SageMaker model that embeds for an index of this fingerprint.

    Raises ModelNotDeployedError.
    """
    try:
        return model_names[fingerprint[:SHORT]]
    except KeyError as error:
        raise ModelNotDeployedError(
            f"The index holds vectors of the model {fingerprint[:SHORT]}, which is not deployed: "
            f"deployed are {', '.join(sorted(model_names))}."
        ) from error


def _now() -> datetime:
    return datetime.now(UTC)


class Planner:
    """Plans runs over the pictures of one bucket; a page that is planned already stays as it is.

    `max_request_bytes` is what the transform job takes as one shard.
    """

    def __init__(
        self,
        *,
        pictures: PictureStore,
        index: VectorIndex,
        indexer: Indexer,
        attributes: Attributes,
        artifacts: ArtifactStore,
        image_bucket: str,
        model_names: Mapping[str, str],
        max_request_bytes: int,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._pictures = pictures
        self._index = index
        self._indexer = indexer
        self._describer = Describer(pictures=pictures, attributes=attributes)
        self._artifacts = artifacts
        self._image_bucket = image_bucket
        self._model_names = model_names
        self._max_request_bytes = max_request_bytes
        self._clock = clock

    def plan(self, *, run: str, given: RunInput, page: int, token: str | None) -> PlanStep:
        """Plan the part of the source that begins after `token`, and say where to go on.

        What needs no vector is mended at once. Raises RunUnknownError for a later page of a run that has not
        begun, RunOutdatedError where the run's index is not kept any more, EventInvalidError where the run
        was begun with something else, ModelNotDeployedError, ArtifactMissingError for a source that is not
        there, and what the ports raise.
        """
        files = RunFiles(self._artifacts, run)
        if files.plan() is not None:
            return PlanStep(run=run, prefix=given.prefix, page=page, token=None, done=True)
        description = self._run(files, given, page)
        planned = files.page(page) or self._plan_page(files, description, page=page, token=token)
        if planned.token is None:
            files.write_plan(Plan.of(files.pages()))
        return PlanStep(
            run=run, prefix=given.prefix, page=page + 1, token=planned.token, done=planned.token is None
        )

    def _run(self, files: RunFiles, given: RunInput, page: int) -> Run:
        """Return the run, which its first page begins."""
        run = (files.begun() if page == 0 else files.run()) or self._begin(files, given)
        for name, value in vars(given).items():
            if value is not None and value != getattr(run, name):
                raise EventInvalidError(
                    f"The run {run.run} was begun with the {name} {getattr(run, name)!r}, not {value!r}."
                )
        return run

    def _begin(self, files: RunFiles, given: RunInput) -> Run:
        name = given.index or self._index.active().name
        index = index_of(files.keys.run, name, self._index)
        # Resumed before it had begun, a run over a file must not become one over everything.
        has_file = self._artifacts.exists(files.keys.source)
        run = Run(
            run=files.keys.run,
            prefix=given.prefix,
            source=given.source or ("file" if has_file else "prefix"),
            check=bool(given.check),
            index=index.name,
            fingerprint=index.fingerprint,
            model=deployed_model(self._model_names, index.fingerprint),
            started=self._clock().isoformat(),
        )
        return files.begin(run)

    def _plan_page(self, files: RunFiles, run: Run, *, page: int, token: str | None) -> Page:
        """Write the page's shards and rejects, and then the page."""
        index = index_of(run.run, run.index, self._index)
        part = _Part(self._batches(files, run, index, page=page, token=token), self._assessor(run, index))
        shards: list[str] = []
        for shard in shard_requests(
            part.entries(), bucket=self._image_bucket, max_bytes=self._max_request_bytes
        ):
            # A check looks at everything and asks for nothing.
            if not run.check:
                shards.append(shard_name(page, len(shards)))
                files.write_shard(shards[-1], shard)
        files.write_rejects(page_name(page), part.rejects)
        return files.write_page(part.page(page, shards))

    def _batches(
        self, files: RunFiles, run: Run, index: IndexInfo, *, page: int, token: str | None
    ) -> Iterator[Batch]:
        if run.source == "file":
            source = files.keys.source
            return sources.of_file(self._artifacts, self._pictures, source, page=page, token=token)
        return sources.of_prefix(self._pictures, self._index, index.name, prefix=run.prefix, token=token)

    def _assessor(self, run: Run, index: IndexInfo) -> Assessor:
        return Assessor(
            target=index,
            check=run.check,
            index=self._index,
            pictures=self._pictures,
            indexer=self._indexer,
            describer=self._describer,
        )


class _Part:
    """A part of the source on its way to shards; rejects and counts are complete once it has gone by."""

    def __init__(self, batches: Iterator[Batch], assessor: Assessor) -> None:
        self._batches = batches
        self._assessor = assessor
        self._counts = Counter[str]()
        self._size = 0
        self._token: str | None = None
        self.rejects: list[Reject] = []

    def entries(self) -> Iterator[Entry]:
        """Yield what the model is asked for."""
        for batch in self._batches:
            found = self._assessor.assess(batch)
            self._counts.update(found.counts)
            self.rejects += found.rejects
            self._size += batch.size
            self._token = batch.token
            yield from found.entries

    def page(self, number: int, shards: list[str]) -> Page:
        """Return the page."""
        counts = self._counts
        planned = counts["missing"] + counts["stale"]
        return Page(
            page=number,
            listed=counts["listed"],
            skipped=counts["listed"] - counts["described"] - planned,
            described=counts["described"],
            planned=planned,
            missing=counts["missing"],
            stale=counts["stale"],
            rejected=counts["rejected"],
            orphaned=counts["orphaned"],
            undescribed=counts["undescribed"],
            shards=tuple(shards),
            token=self._token if self._size == sources.PAGE_KEYS else None,
        )
