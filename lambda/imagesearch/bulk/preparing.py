"""The second step: what the model still has to embed, and an index that is ready for many writes."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from imagesearch.bulk.planning import deployed_model
from imagesearch.bulk.run_files import RunFiles, index_of
from imagesearch.errors import ArtifactMissingError
from imagesearch.ports import ArtifactStore, LoadingIndex, VectorIndex


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What the transform job needs: `shards` says how many it has to read; the addresses are S3's.

    `unfinished` says how many are to be indexed: there may be embeddings left from an earlier attempt.
    """

    run: str
    shards: int
    unfinished: int
    manifest: str
    output: str
    model: str
    job: str


class Preparer:
    """Prepares a run's transform job."""

    def __init__(
        self,
        *,
        index: VectorIndex,
        loading: LoadingIndex,
        artifacts: ArtifactStore,
        model_names: Mapping[str, str],
    ) -> None:
        self._index = index
        self._loading = loading
        self._artifacts = artifacts
        self._model_names = model_names

    def prepare(self, run: str) -> Preparation:
        """Write the manifest of the shards without output, and set the index to loading where it is written.

        A job's name can be used once in an account, so each attempt gets a new one. Raises RunUnknownError,
        RunOutdatedError, ModelNotDeployedError, and ArtifactMissingError where planning has not ended.
        """
        files = RunFiles(self._artifacts, run)
        index = index_of(run, files.run().index, self._index)
        model = deployed_model(self._model_names, index.fingerprint)
        unfinished = _unfinished(files)
        embedded = set(files.embedded())
        shards = [name for name in unfinished if name not in embedded]
        files.write_manifest(shards)
        if unfinished:
            self._loading.begin_loading(index.name)
        return Preparation(
            run=run,
            shards=len(shards),
            unfinished=len(unfinished),
            manifest=files.uri(files.keys.manifest),
            output=files.uri(files.keys.embeddings),
            model=model,
            job=_job_name(run),
        )


def _job_name(run: str) -> str:
    """Return a new name: SageMaker's 63 characters leave 34 beside the prefix that the state machine adds."""
    return f"{run[:25].rstrip('-')}-{secrets.token_hex(4)}"


def _unfinished(files: RunFiles) -> list[str]:
    """Return the planned shards that have no result yet."""
    if files.plan() is None:
        raise ArtifactMissingError(f"The run's file {files.keys.plan} is missing: planning has not ended.")
    done = set(files.indexed())
    return [name for page in files.pages() for name in page.shards if name not in done]
