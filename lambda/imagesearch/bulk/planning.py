"""The first step: which pictures are to be embedded, cut into shards, a part of the listing at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from imagesearch.bulk.batches import batched
from imagesearch.bulk.run_files import RunFiles, index_of
from imagesearch.bulk.runs import Page, Plan, Run, shard_name
from imagesearch.errors import EventInvalidError, ModelNotDeployedError
from imagesearch.fingerprints import SHORT
from imagesearch.indexing import is_current
from imagesearch.models import IndexInfo, ObjectState, document_id
from imagesearch.ports import ArtifactStore, PictureStore, VectorIndex

PAGE_KEYS = 10_000
"""How many keys one call looks at: ten pages of S3's listing."""
SHARD_RECORDS = 256
"""How many records a shard has at most: the model takes no more in one request."""
_ASKED_AT_ONCE = 1000
"""Of how many documents the index is asked in one request."""


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
    """Plans runs over the pictures of one bucket; a page that is planned already stays as it is."""

    def __init__(
        self,
        *,
        pictures: PictureStore,
        index: VectorIndex,
        artifacts: ArtifactStore,
        image_bucket: str,
        model_names: Mapping[str, str],
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._pictures = pictures
        self._index = index
        self._artifacts = artifacts
        self._image_bucket = image_bucket
        self._model_names = model_names
        self._clock = clock

    def plan(self, *, run: str, prefix: str, page: int, token: str | None) -> PlanStep:
        """Plan the part of the listing that begins after `token`, and say where to go on.

        Raises RunUnknownError for a later page of a run that has not begun, RunOutdatedError where the alias
        has moved since, and ModelNotDeployedError.
        """
        files = RunFiles(self._artifacts, run)
        if files.plan() is not None:
            return PlanStep(run=run, prefix=prefix, page=page, token=None, done=True)
        index = index_of(self._run(files, prefix=prefix, page=page), self._index)
        planned = files.page(page) or self._plan_page(files, index, prefix=prefix, page=page, token=token)
        if planned.token is None:
            files.write_plan(Plan.of(files.pages()))
        return PlanStep(
            run=run, prefix=prefix, page=page + 1, token=planned.token, done=planned.token is None
        )

    def _run(self, files: RunFiles, *, prefix: str, page: int) -> Run:
        """Return the run, which its first page begins."""
        run = (files.begun() if page == 0 else files.run()) or self._begin(files, prefix)
        if run.prefix != prefix:
            raise EventInvalidError(
                f"The run {run.run} was begun for the prefix {run.prefix!r}, not {prefix!r}."
            )
        return run

    def _begin(self, files: RunFiles, prefix: str) -> Run:
        index = self._index.active()
        run = Run(
            run=files.keys.run,
            prefix=prefix,
            index=index.name,
            fingerprint=index.fingerprint,
            model=deployed_model(self._model_names, index.fingerprint),
            started=self._clock().isoformat(),
        )
        return files.begin(run)

    def _plan_page(
        self, files: RunFiles, index: IndexInfo, *, prefix: str, page: int, token: str | None
    ) -> Page:
        """Write the page's shards and then the page."""
        listed = list(islice(self._pictures.listing(prefix=prefix, after=token or ""), PAGE_KEYS))
        wanted = list(self._changed(index, listed))
        shards = []
        for number, states in enumerate(batched(wanted, SHARD_RECORDS)):
            shards.append(shard_name(page, number))
            files.write_shard(shards[-1], states, bucket=self._image_bucket)
        planned = Page(
            page=page,
            listed=len(listed),
            skipped=len(listed) - len(wanted),
            planned=len(wanted),
            shards=tuple(shards),
            token=listed[-1].key if len(listed) == PAGE_KEYS else None,
        )
        return files.write_page(planned)

    def _changed(self, index: IndexInfo, states: Iterable[ObjectState]) -> Iterator[ObjectState]:
        """Yield the objects whose document is absent or is not what the object is."""
        for some in batched(states, _ASKED_AT_ONCE):
            known = self._index.known(index.name, [document_id(state.key) for state in some])
            for state in some:
                document = known.get(document_id(state.key))
                if document is None or not is_current(document, state=state, fingerprint=index.fingerprint):
                    yield state
