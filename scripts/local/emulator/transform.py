"""The transform agent: SageMaker's batch transform jobs, each on genuine model servers of its own.

Free of the emulator. As SageMaker does, a job goes on with its other input objects after one has failed,
keeps what it has written, and is Failed in the end. A container that ends by itself fails the job at once.
"""

import contextvars
import logging
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.local.emulator.authority import Authority, Everyone, ObjectsOfRole
from scripts.local.emulator.containers import Containers, Properties
from scripts.local.emulator.errors import SageMakerError, job_exists, job_unknown, not_found
from scripts.local.emulator.transform_request import TransformRequest, parse_request
from scripts.local.emulator.transform_run import (
    ALGORITHM_ERROR,
    CLIENT_ERROR,
    INTERNAL_ERROR,
    Failure,
    JobFailedError,
    Objects,
    TransformRun,
    list_inputs,
)
from scripts.local.model_server.server import ModelServer

FAILURE_REASON_CHARACTERS = 1024
"""Longest FailureReason (API reference of DescribeTransformJob)."""
POLL_SECONDS = 0.05

logger = logging.getLogger(__name__)


@dataclass
class TransformJob:
    """One job: ``status`` and ``failure`` as DescribeTransformJob says them, times in seconds since 1970."""

    request: TransformRequest
    created: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    status: str = "InProgress"
    failure: str | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)

    def describe(self) -> dict[str, Any]:
        """The members of DescribeTransformJob but the ARN."""
        times = {"TransformStartTime": self.started, "TransformEndTime": self.ended}
        return {
            **self.request.members,
            "TransformJobStatus": self.status,
            "CreationTime": self.created,
            **{name: value for name, value in times.items() if value is not None},
            **({"FailureReason": self.failure} if self.failure else {}),
        }


class TransformJobs:
    """The jobs of one account; ``models`` are the properties of its models by name.

    A job uses ``objects`` as its model's role may, by ``authority``.
    """

    def __init__(
        self,
        *,
        models: Mapping[str, Properties],
        containers: Containers,
        objects: Objects,
        workdir: Path,
        authority: Authority | None = None,
    ) -> None:
        self._authority = authority or Everyone()
        self._models = models
        self._containers = containers
        self._objects = objects
        self._workdir = workdir
        self._jobs: dict[str, TransformJob] = {}
        self._creating = threading.Lock()

    def create(self, members: Mapping[str, Any]) -> TransformJob:
        """CreateTransformJob: the job, whose work has begun on a thread of its own."""
        request = parse_request(members)
        if request.model not in self._models:
            raise not_found("model", request.model)
        with self._creating:
            if request.name in self._jobs:
                raise job_exists(request.name)
            job = self._jobs[request.name] = TransformJob(request)
        # In the caller's context, which says whose S3 it is.
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._run, job), daemon=True, name=request.name).start()
        return job

    def get(self, name: str) -> TransformJob:
        """The job of that name, or the ``SageMakerError``."""
        if name not in self._jobs:
            raise job_unknown(name)
        return self._jobs[name]

    def stop(self, name: str) -> None:
        """StopTransformJob: what is written stays, what is under way is given up."""
        job = self.get(name)
        if not job.finished.is_set():
            job.status = "Stopping"
            job.stopping.set()

    def all(self) -> list[TransformJob]:
        """Every job, the newest first."""
        return list(reversed(self._jobs.values()))

    def _run(self, job: TransformJob) -> None:
        """The job's whole life; whatever happens, it ends and its servers are gone."""
        workdir = self._workdir / job.request.name
        servers: list[ModelServer] = []
        failures: list[Failure] = []
        try:
            failures = self._work(job, servers, workdir)
        except JobFailedError as error:
            failures = [error.failure]
        except SageMakerError as error:
            failures = [Failure(CLIENT_ERROR, error.message)]
        except Exception as error:
            logger.exception("transform job %s", job.request.name)
            failures = [Failure(INTERNAL_ERROR, f"We encountered an internal error: {error}")]
        finally:
            self._end(servers)
            shutil.rmtree(workdir, ignore_errors=True)
            _finish(job, failures)

    def _work(self, job: TransformJob, servers: list[ModelServer], workdir: Path) -> list[Failure]:
        objects = self._objects_of(job.request)
        inputs = list_inputs(job.request, objects)
        for number in range(job.request.instances):
            if job.stopping.is_set():
                return []
            servers.append(self._start_server(job.request, workdir / str(number)))
        job.started = time.time()
        run = TransformRun(job.request, inputs, objects=objects, stopping=job.stopping)
        threads = run.start(servers)
        _wait(threads, stopping=job.stopping)
        self._end(servers)  # which ends what a stop has left under way
        for thread in threads:
            thread.join()
        return run.failures

    def _objects_of(self, request: TransformRequest) -> Objects:
        role = str(self._models[request.model].get("ExecutionRoleArn", ""))
        return ObjectsOfRole(self._objects, self._authority, role)

    def _end(self, servers: Sequence[ModelServer]) -> None:
        """End them all at once: each takes seconds."""
        threads = [threading.Thread(target=self._containers.stop, args=(server,)) for server in servers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _start_server(self, request: TransformRequest, workdir: Path) -> ModelServer:
        try:
            return self._containers.start(
                self._models[request.model], workdir=workdir, environment=request.environment
            )
        except SageMakerError as error:
            raise JobFailedError(ALGORITHM_ERROR, error.message) from error


def _wait(threads: Sequence[threading.Thread], *, stopping: threading.Event) -> None:
    """Return when all ``threads`` have ended, or as soon as a stop is asked for."""
    for thread in threads:
        while thread.is_alive() and not stopping.is_set():
            thread.join(POLL_SECONDS)


def _finish(job: TransformJob, failures: Sequence[Failure]) -> None:
    job.ended = time.time()
    if job.stopping.is_set():
        job.status = "Stopped"
    elif failures:
        job.status, job.failure = "Failed", _reason(failures)
    else:
        job.status = "Completed"
    job.finished.set()


def _reason(failures: Sequence[Failure]) -> str:
    """SageMaker says "See job logs for more information" here; these few words are our job's log."""
    first, more = failures[0], len(failures) - 1
    others = f"{more} more input files failed; the first: " if more else ""
    return f"{first.kind}: {others}{first.sentence}"[:FAILURE_REASON_CHARACTERS]
