"""Snapshots of OpenSearch: one repository, which the cluster itself writes and reads."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from opensearchpy import NotFoundError, OpenSearch, TransportError

from imagesearch.adapters.opensearch_client import error_type, translated
from imagesearch.errors import RepositoryRefusedError, SnapshotUnknownError
from imagesearch.models import IndexInfo
from imagesearch.snapshots import Snapshot, SnapshotState

_TIMEOUT_SECONDS = 60
"""Every node of the cluster tries a repository that is registered, and snapshots are listed from S3."""
_REFUSALS = {"repository_verification_exception", "repository_exception"}
_STATES: Mapping[str, SnapshotState] = {"IN_PROGRESS": "running", "STARTED": "running", "SUCCESS": "complete"}


class OpenSearchSnapshots:
    """The snapshots of indices of one alias.

    `location` is what the repository is registered with: its type and settings, as OpenSearch takes them.
    """

    def __init__(
        self, *, client: OpenSearch, alias: str, repository: str, location: Mapping[str, Any]
    ) -> None:
        self._client = client
        self._alias = alias
        self._repository = repository
        self._location = location

    def begin(self, name: str, index: IndexInfo, *, pictures: int) -> None:
        """Begin a snapshot, which goes on by itself and tells what it is of."""
        body = {
            "indices": index.name,
            "include_global_state": False,
            "metadata": {"index": asdict(index), "pictures": pictures},
        }
        with self._refusals():
            self._client.snapshot.create(
                repository=self._registered,
                snapshot=name,
                body=body,
                params={"wait_for_completion": "false", "request_timeout": _TIMEOUT_SECONDS},
            )

    def all(self) -> tuple[Snapshot, ...]:
        """Return every snapshot that was begun here. Raises RepositoryRefusedError."""
        with self._refusals():
            answer = self._client.snapshot.get(
                repository=self._registered, snapshot="_all", params={"request_timeout": _TIMEOUT_SECONDS}
            )
        return tuple(
            _snapshot_of(each) for each in answer["snapshots"] if "index" in each.get("metadata", {})
        )

    def delete(self, name: str) -> None:
        """Delete a snapshot, which ends a running one. Raises SnapshotUnknownError."""
        with self._refusals():
            try:
                self._client.snapshot.delete(
                    repository=self._registered, snapshot=name, params={"request_timeout": _TIMEOUT_SECONDS}
                )
            except NotFoundError as error:
                raise SnapshotUnknownError(
                    f"There is no snapshot {name}. See: imagesearch backup list."
                ) from error

    def restore(self, snapshot: Snapshot, *, into: str, replicas: int) -> None:
        """Begin to make the index `into` of a snapshot, without aliases; that goes on by itself."""
        body = {
            "indices": snapshot.index.name,
            "include_global_state": False,
            "include_aliases": False,
            "rename_pattern": "(.+)",
            "rename_replacement": into,
            "index_settings": {"index.number_of_replicas": replicas},
        }
        with self._refusals():
            self._client.snapshot.restore(
                repository=self._registered,
                snapshot=snapshot.name,
                body=body,
                params={"wait_for_completion": "false", "request_timeout": _TIMEOUT_SECONDS},
            )

    def unready(self) -> tuple[str, ...]:
        """Return the indices of the alias that lack primary shards, in the names' order."""
        with translated():
            health = self._client.cluster.health(
                index=f"{self._alias}-*", params={"level": "indices", "expand_wildcards": "all"}
            )
        return tuple(sorted(name for name, one in health["indices"].items() if one["status"] == "red"))

    @cached_property
    def _registered(self) -> str:
        """The repository's name, once it is registered with these very settings.

        One that is in use cannot be registered anew, so it is only where it is another one.
        """
        settings = {name: str(value).lower() for name, value in self._location["settings"].items()}
        if self._known() != (self._location["type"], settings):
            self._client.snapshot.create_repository(
                repository=self._repository,
                body=dict(self._location),
                params={"request_timeout": _TIMEOUT_SECONDS},
            )
        return self._repository

    def _known(self) -> tuple[str, dict[str, str]] | None:
        try:
            known = self._client.snapshot.get_repository(repository=self._repository)[self._repository]
        except NotFoundError:
            return None
        settings = known.get("settings", {})
        return known["type"], {name: str(settings.get(name)).lower() for name in self._location["settings"]}

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        with translated():
            try:
                yield
            except TransportError as error:
                if error_type(error) not in _REFUSALS:
                    raise
                raise RepositoryRefusedError(
                    f"OpenSearch cannot use the repository of snapshots: {_reason(error)}."
                ) from error


def _snapshot_of(found: Mapping[str, Any]) -> Snapshot:
    metadata = found["metadata"]
    state = _STATES.get(found["state"], "failed")
    return Snapshot(
        name=found["snapshot"],
        index=IndexInfo(**metadata["index"]),
        pictures=metadata["pictures"],
        state=state,
        started_at=datetime.fromtimestamp(found["start_time_in_millis"] / 1000, UTC),
        seconds=found.get("duration_in_millis", 0) / 1000,
        fault=_fault(found) if state == "failed" else None,
    )


def _fault(found: Mapping[str, Any]) -> str:
    failures = found.get("failures", [])
    return str(found.get("reason") or next((each.get("reason") for each in failures), found["state"]))


def _reason(error: TransportError) -> str:
    details = error.info.get("error", {}) if isinstance(error.info, dict) else {}
    causes = [details.get("reason"), *(cause.get("reason") for cause in details.get("root_cause", []))]
    return " ".join(dict.fromkeys(filter(None, causes)))
