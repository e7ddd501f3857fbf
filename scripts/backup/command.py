"""Taking copies of the index and bringing them back, each step taken only where it is still to be taken."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from imagesearch.backups import Status
from imagesearch.models import IndexInfo
from imagesearch.snapshots import Snapshot
from scripts.backup import stored
from scripts.backup.function import FUNCTION_OUTPUT, BackupFunction
from scripts.bulk import runs as bulk
from scripts.bulk.continuing import attempt_of, last_look
from scripts.errors import CommandError
from scripts.migration.command import Command as Migration
from scripts.migration.environments import Environment
from scripts.stepping import ONE_CALL
from stacks.model_lock import LockedModel, ModelLock

POLL_SECONDS = 2.0

Say = Callable[[str], None]


def backup_function(environment: Environment) -> BackupFunction:
    """The function of an environment. Raises CommandError (``environment_not_deployed``)."""
    name = environment.output("Backup", FUNCTION_OUTPUT)
    return BackupFunction(client=environment.client("lambda", config=ONE_CALL), name=name)


@dataclass(frozen=True, kw_only=True)
class Command:
    """The backups of one environment; ``say`` is told each step that was taken."""

    environment: Environment
    function: BackupFunction
    say: Say
    pause: Callable[[float], None] = time.sleep

    def create(self) -> Snapshot:
        """Take a snapshot of the index that searches use. Raises CommandError (``snapshot_failed``)."""
        status = self.function.take("create")
        self.say(f"Snapshot {status.subject} is being taken; Ctrl-C ends only the watching.")
        snapshot = _snapshot(status)
        while snapshot.state == "running":
            self.pause(POLL_SECONDS)
            snapshot = _named(self.function.take("status"), snapshot.name)
        if snapshot.state == "failed":
            raise CommandError(
                "snapshot_failed",
                f"The snapshot {snapshot.name} failed: {snapshot.fault}. Delete it, and take another: "
                f"imagesearch backup delete {snapshot.name}{self.environment.option}",
            )
        return snapshot

    def restore(self, snapshot: str, *, force: bool = False) -> str:
        """Make an index of a snapshot, bring it in line with the bucket, and let searches use it.

        Beside an index that is searched this is a migration, which compares the two before it switches;
        ``force`` switches though they differ. Returns the index's name.
        """
        status = self.function.take("restore", snapshot=snapshot)
        index = _subject(status)
        self._require_model(index.name, index.fingerprint)
        self.say(f"{index.name} is restored from {snapshot}.")
        status = self._whole(status, index.name)
        if _is_searched(status, besides=index.name):
            Migration(environment=self.environment, say=self.say).take_over(index, force=force)
            return index.name
        if status.active is None or status.active.name != index.name:
            self.function.take("adopt", index=index.name)
            self.say(f"Searches use {index.name}: there was no index.")
        self._reconcile()
        return index.name

    def rebuild(self, runs: Sequence[str], *, model: str | None = None) -> str:
        """Index again what bulk runs have embedded, the latest first, then whatever is not in line yet.

        Without ``runs``, those of the model of the index that searches use. Where there is none, a new one is
        made for ``model``, else for the model of the latest run. Returns the index's name.
        """
        place = self.environment.bulk()
        status = self.function.take("status")
        searched = status.active if _is_searched(status) else None
        asked = self.environment.model(model).fingerprint if model else None
        chosen = _of_one_model(
            stored.stored_runs(place, runs) if runs else stored.all_stored_runs(place),
            fingerprint=searched.fingerprint if searched else asked,
            named=bool(runs),
        )
        index = searched or self._renewed(self._model_of(chosen, model))
        for each in chosen:
            self._index(place, each, index=index.name)
        self._reconcile()
        return index.name

    def delete(self, snapshot: str) -> Status:
        """Delete a snapshot."""
        return self.function.take("delete", snapshot=snapshot)

    def discard(self, index: str) -> Status:
        """Remove an index that is neither searched nor written."""
        return self.function.take("discard", index=index)

    def _whole(self, status: Status, index: str) -> Status:
        """Wait until an index lacks no part any more."""
        while index in status.unready:
            self.pause(POLL_SECONDS)
            status = self.function.take("status")
        return status

    def _require_model(self, index: str, fingerprint: str) -> LockedModel:
        """The model that made an index, without which nothing can be embedded for it."""
        for model in self._models().values():
            if model.fingerprint == fingerprint:
                return model
        raise CommandError(
            "model_not_published",
            f"{index} is of the model {fingerprint[:12]}, which {self.environment.lock} does not name. "
            "Publish and deploy that model, then run the same command again.",
        )

    def _model_of(self, chosen: Sequence[stored.StoredRun], name: str | None) -> LockedModel:
        """The model of a new index: the one that is named, that of the runs, or the only one there is."""
        if name is not None:
            return self.environment.model(name)
        if chosen:
            return self._require_model(chosen[0].run.run, chosen[0].run.fingerprint)
        models = self._models()
        if len(models) == 1:
            return next(iter(models.values()))
        raise CommandError(
            "model_unnamed",
            f"No bulk run has stored embeddings. Name the model of the new index: --model, one of "
            f"{', '.join(models)}.",
        )

    def _models(self) -> Mapping[str, LockedModel]:
        return ModelLock.load(self.environment.lock).models

    def _renewed(self, model: LockedModel) -> IndexInfo:
        """A new index, where there is none."""
        status = self.function.take("renew", fingerprint=model.fingerprint, dimension=model.dimension)
        index = _subject(status)
        self.say(f"Searches use {index.name}, which is empty: there was no index.")
        return index

    def _index(self, place: bulk.Place, chosen: stored.StoredRun, *, index: str) -> None:
        name = stored.copy_run(place, chosen, index=index)
        attempt = attempt_of(place, name, index=index, prefix=chosen.run.prefix)
        if attempt is not None:
            seen = last_look(place, attempt)
            if seen.status != "complete":
                raise CommandError(
                    "rebuild_failed",
                    f"The run {name} failed: {seen.reason} Run the same command again: it goes on with it.",
                )
            self.say(
                f"{chosen.run.run}: {seen.indexed} indexed, {seen.rejected} rejected, of {chosen.embedded} "
                f"stored shards of {chosen.shards}."
            )
        stored.forget_copies(place, name)

    def _reconcile(self) -> None:
        """Bring the index in line with the bucket: what nobody has embedded is embedded now."""
        place = self.environment.bulk()
        seen = last_look(place, bulk.start(place))
        if seen.status != "complete":
            raise CommandError(
                "run_failed",
                f"The bulk run failed: {seen.reason} Go on: imagesearch bulk --resume {seen.run}",
            )
        self.say(
            f"In line with the bucket: {seen.skipped} were, {seen.indexed} embedded, "
            f"{seen.rejected} rejected, {seen.orphaned} removed."
        )


def _is_searched(status: Status, *, besides: str | None = None) -> bool:
    """Whether searches use an index that lacks no part."""
    active = status.active
    return active is not None and active.name != besides and active.name not in status.unready


def _snapshot(status: Status) -> Snapshot:
    return _named(status, status.subject)


def _named(status: Status, name: str | None) -> Snapshot:
    for snapshot in status.snapshots:
        if snapshot.name == name:
            return snapshot
    raise CommandError("snapshot_unknown", f"The snapshot {name} is gone: somebody has deleted it meanwhile.")


def _subject(status: Status) -> IndexInfo:
    for index in status.indices:
        if index.name == status.subject:
            return index
    raise CommandError(
        "index_missing", f"The index {status.subject} is gone: somebody has removed it meanwhile."
    )


def _of_one_model(
    found: Sequence[stored.StoredRun], *, fingerprint: str | None, named: bool
) -> list[stored.StoredRun]:
    """The runs of one model: that of the index, or of the latest run. What was named must all be of it."""
    wanted = fingerprint or next((each.run.fingerprint for each in found), "")
    others = [each.run.run for each in found if each.run.fingerprint != wanted]
    if named and others:
        raise CommandError(
            "model_mismatch",
            f"{', '.join(others)}: of another model than {wanted[:12]}, whose vectors the index holds.",
        )
    return [each for each in found if each.run.fingerprint == wanted]
