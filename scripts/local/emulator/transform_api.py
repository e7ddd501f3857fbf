"""The operations of SageMaker's API on transform jobs, and Step Functions' integration of them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from scripts.local.emulator.api import Operation
from scripts.local.emulator.errors import SageMakerError
from scripts.local.emulator.transform import TransformJob, TransformJobs

POLL_SECONDS = 0.1
LIST_FIELDS = {"NameContains", "StatusEquals"}
STEP_FUNCTIONS_ERRORS = {
    "ResourceInUse": "SageMaker.ResourceInUseException",
    "ValidationException": "SageMaker.AmazonSageMakerException",
}
"""What Step Functions calls an error of the API; those without a class of their own have the service's."""


class TransformApi:
    """CreateTransformJob, DescribeTransformJob, StopTransformJob and ListTransformJobs."""

    def __init__(self, jobs: TransformJobs, *, arn: Callable[[str, str], str]) -> None:
        self.jobs = jobs
        self._arn = arn

    def operations(self) -> dict[str, Operation]:
        """Each operation by its name; none of them waits for a job."""
        return {
            "CreateTransformJob": self.create,
            "DescribeTransformJob": lambda request: self.describe(self._job(request)),
            "StopTransformJob": self._stop,
            "ListTransformJobs": self._list,
        }

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateTransformJob."""
        return self._arn_of(self.jobs.create(request))

    def describe(self, job: TransformJob) -> dict[str, Any]:
        """What DescribeTransformJob says of ``job``."""
        return {**job.describe(), **self._arn_of(job)}

    def _job(self, request: Mapping[str, Any]) -> TransformJob:
        return self.jobs.get(request["TransformJobName"])

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        self.jobs.stop(request["TransformJobName"])
        return {}

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(request) - LIST_FIELDS)
        if unknown:
            raise SageMakerError(
                400, "ValidationException", f"ListTransformJobs: {unknown[0]} is not known to the stand-in."
            )
        part, status = request.get("NameContains", ""), request.get("StatusEquals")
        chosen = [job for job in self.jobs.all() if part in job.request.name]
        return {
            "TransformJobSummaries": [
                self._summary(job) for job in chosen if status is None or job.status == status
            ]
        }

    def _summary(self, job: TransformJob) -> dict[str, Any]:
        described = self.describe(job)
        names = (
            "TransformJobName",
            "TransformJobArn",
            "CreationTime",
            "TransformEndTime",
            "TransformJobStatus",
            "FailureReason",
        )
        return {name: described[name] for name in names if name in described}

    def _arn_of(self, job: TransformJob) -> dict[str, str]:
        return {"TransformJobArn": self._arn("transform-job", job.request.name)}


class TransformTask:
    """``createTransformJob`` and ``createTransformJob.sync`` as a state of a state machine.

    ``failure`` makes the exception of an error's name and cause; ``is_abandoned`` says whether nobody waits
    for the present task any more: then the job is stopped, as Step Functions does.
    """

    RESOURCE = "arn:aws:states:::sagemaker:createTransformJob"

    def __init__(
        self,
        api: TransformApi,
        *,
        failure: Callable[[str, str], Exception],
        is_abandoned: Callable[[], bool],
    ) -> None:
        self._api = api
        self._failure = failure
        self._is_abandoned = is_abandoned

    def __call__(self, resource: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The state's result; runs on the thread of its execution, which no one else needs."""
        if resource not in (self.RESOURCE, f"{self.RESOURCE}.sync"):
            raise self._failure("States.Runtime", f"{resource} is not an integration of Step Functions.")
        try:
            created = self._api.create(parameters)
        except SageMakerError as error:
            name = STEP_FUNCTIONS_ERRORS.get(error.code, "SageMaker.AmazonSageMakerException")
            raise self._failure(name, error.message) from error
        if resource == self.RESOURCE:
            return created
        return self._wait_for(self._api.jobs.get(parameters["TransformJobName"]))

    def _wait_for(self, job: TransformJob) -> dict[str, Any]:
        while not job.finished.wait(POLL_SECONDS):
            if self._is_abandoned():
                self._api.jobs.stop(job.request.name)
        described = self._api.describe(job)
        if job.status != "Completed" and not self._is_abandoned():  # an error would be retried
            raise self._failure("States.TaskFailed", json.dumps(described))
        return described
