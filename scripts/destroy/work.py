"""What runs in an environment, ended before its parts are taken away."""

from collections.abc import Callable, Iterator

from scripts.aws_errors import aws_errors
from scripts.destroy.aws import Place, attempted
from scripts.errors import CommandError
from scripts.local.waiting import wait_until
from stacks import names

STOP_SECONDS = 300.0
POLL_SECONDS = 2.0
_ENDING = ("Completed", "Failed", "Stopped")


def stop_work(place: Place, say: Callable[[str], None], *, seconds: float = STOP_SECONDS) -> None:
    """End bulk runs and their transform jobs, and wait until these have ended.

    Raises CommandError (``work_going_on``) where they do not end in time.
    """
    for execution in _executions(place):
        with aws_errors():
            place.client("stepfunctions").stop_execution(
                executionArn=execution, cause="The environment is being destroyed."
            )
        say(f"Stopped: bulk run {execution.rsplit(':', 1)[-1]}")
    jobs = list(_jobs(place))
    for job in jobs:
        attempted(lambda job=job: place.client("sagemaker").stop_transform_job(TransformJobName=job))  # type: ignore[misc]
        say(f"Stopping: transform job {job}")
    if not wait_until(lambda: not list(_jobs(place)), seconds=seconds, poll_seconds=POLL_SECONDS):
        raise CommandError(
            "work_going_on",
            f"The transform jobs {', '.join(_jobs(place))} have not ended within {seconds:.0f} s. Run the "
            "same command again.",
        )


def _executions(place: Place) -> Iterator[str]:
    machine = names.bulk_state_machine(place.settings)
    machines = place.listed("stepfunctions", "list_state_machines", "stateMachines")
    for each in machines:
        if each["name"] != machine:
            continue
        running = place.listed(
            "stepfunctions",
            "list_executions",
            "executions",
            stateMachineArn=each["stateMachineArn"],
            statusFilter="RUNNING",
        )
        yield from (execution["executionArn"] for execution in running)


def _jobs(place: Place) -> Iterator[str]:
    jobs = place.listed(
        "sagemaker", "list_transform_jobs", "TransformJobSummaries", NameContains=place.prefix.rstrip("-")
    )
    for job in jobs:
        if job["TransformJobName"].startswith(place.prefix) and job["TransformJobStatus"] not in _ENDING:
            yield job["TransformJobName"]
