"""A whole bulk run on this machine, against what its model server embeds by itself."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.deployed import AT_ONCE, Deployed, deployed, key_of
from benchmarks.direct import DirectServer, direct_server
from benchmarks.measuring import progress
from benchmarks.results import Aim, Figure, Ratio, Section
from imagesearch.bulk.entries import SHARD_RECORDS
from scripts.errors import CommandError
from scripts.render import complaints
from stacks.settings import LOCAL

PART = "bulk_run"
SAMPLE = 20
"""How many shards are sent directly, before the run and again after it."""


def measure(pictures: int) -> Section:
    """Return the seconds of each state, and pictures a second of the job and of a server asked directly."""
    with deployed() as place:
        with progress(PART, steps=-(-pictures // AT_ONCE)) as say:
            place.fill(pictures, uploaded=say)
        concurrency = _requests_at_once(place)
        shards = list(_shards(place, min(pictures, SAMPLE * SHARD_RECORDS)))
        with direct_server(place, model=_model(place), concurrency=concurrency) as server:
            before = _direct_rate(server, shards, "directly, before the run")
        run = run_bulk(place)
        with direct_server(place, model=_model(place), concurrency=concurrency) as server:
            after = _direct_rate(server, shards, "directly, after the run")
        states, job = _state_seconds(place, run["run"]), _job(place, run["run"])
    return _section(run, states, job, direct=(before, after), concurrency=concurrency)


def _direct_rate(server: DirectServer, shards: list[bytes], title: str) -> float:
    with progress(PART, steps=2) as say:
        say(f"{title}: warm-up")
        server.rate(shards[:1])
        say(title)
        return server.rate(shards)


def _shards(place: Deployed, pictures: int) -> Iterable[bytes]:
    """Yield the requests that the run makes of its first pictures."""
    bucket = place.environment.image_bucket
    for first in range(0, pictures, SHARD_RECORDS):
        keys = map(key_of, range(first, min(first + SHARD_RECORDS, pictures)))
        lines = [{"id": key, "s3_uri": f"s3://{bucket}/{key}"} for key in keys]
        yield "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def _requests_at_once(place: Deployed) -> int:
    """Return how many requests the state machine's transform job sends at once."""
    machine = place.client("stepfunctions").describe_state_machine(
        stateMachineArn=place.environment.bulk_state_machine
    )
    transform = json.loads(machine["definition"])["States"]["Transform"]
    return int(transform["Parameters"]["MaxConcurrentTransforms"])


def _model(place: Deployed) -> str:
    """Return the only model that is deployed."""
    endpoints = place.client("sagemaker").list_endpoints()["Endpoints"]
    config = place.client("sagemaker").describe_endpoint(EndpointName=endpoints[0]["EndpointName"])
    variants = place.client("sagemaker").describe_endpoint_config(
        EndpointConfigName=config["EndpointConfigName"]
    )["ProductionVariants"]
    return str(variants[0]["ModelName"])


def run_bulk(place: Deployed) -> dict[str, Any]:
    """Return what `imagesearch bulk` said of the run. Raises CommandError unless it is complete."""
    complaints.print("imagesearch bulk", style="dim")
    done = subprocess.run(
        [Path(sys.executable).with_name("imagesearch"), "bulk", "--json"],
        env={**os.environ, "IMAGESEARCH_LOCAL_DIR": str(place.settings.directory)},
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        raise CommandError("run_failed", f"The bulk run did not go through: {done.stdout.decode()}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _state_seconds(place: Deployed, run: str) -> dict[str, float]:
    """Return how long the execution was in each of its states, and as `run` how long it took in all."""
    arn = place.environment.bulk_state_machine.replace(":stateMachine:", ":execution:")
    pages = (
        place.client("stepfunctions")
        .get_paginator("get_execution_history")
        .paginate(executionArn=f"{arn}:{run}")
    )
    events = [event for page in pages for event in page["events"]]
    return {**seconds_by_state(events), "run": _seconds(events[0], events[-1])}


def seconds_by_state(events: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return how long an execution was in each of its states but choices, summed over all visits."""
    entered: dict[str, Mapping[str, Any]] = {}
    seconds: dict[str, float] = {}
    for event in events:
        if event["type"].startswith("Choice"):
            continue
        if "stateEnteredEventDetails" in event:
            entered[event["stateEnteredEventDetails"]["name"]] = event
        elif "stateExitedEventDetails" in event:
            name = event["stateExitedEventDetails"]["name"]
            seconds[name] = seconds.get(name, 0.0) + _seconds(entered.pop(name), event)
    return seconds


def _seconds(first: Mapping[str, Any], last: Mapping[str, Any]) -> float:
    began, ended = first["timestamp"], last["timestamp"]
    if not isinstance(began, datetime) or not isinstance(ended, datetime):
        raise TypeError("the events have no times")
    return (ended - began).total_seconds()


def _job(place: Deployed, run: str) -> dict[str, float]:
    """Return the seconds that the run's transform job took, and those before its work began."""
    sagemaker = place.client("sagemaker")
    (job,) = sagemaker.list_transform_jobs(NameContains=run)["TransformJobSummaries"]
    described = sagemaker.describe_transform_job(TransformJobName=job["TransformJobName"])
    created, started, ended = (
        described[name] for name in ("CreationTime", "TransformStartTime", "TransformEndTime")
    )
    return {
        "starting": (started - created).total_seconds(),
        "transform": (ended - started).total_seconds(),
    }


def _section(
    run: Mapping[str, Any],
    states: Mapping[str, float],
    job: Mapping[str, float],
    *,
    direct: tuple[float, ...],
    concurrency: int,
) -> Section:
    def seconds(name: str, value: float) -> Figure:
        return Figure(name=name, unit="s", values=(value,))

    pictures = run["indexed"]
    transform = Figure(name="transform_job", unit="pictures/s", values=(pictures / job["transform"],))
    server = Figure(name="model_server", unit="pictures/s", values=direct)
    whole = seconds("run_seconds", states["run"])
    overhead = seconds("seconds_outside_transform", states["run"] - job["transform"])
    by_state = [
        seconds(f"state_{name.lower().replace(' ', '_')}_seconds", value)
        for name, value in states.items()
        if name != "run"
    ]
    return Section(
        method=(
            "Real pictures in the emulator's bucket, through `imagesearch bulk`. transform_job: over the "
            "time from the job's start to its end, as DescribeTransformJob says. model_server: another "
            "server of the same model, sent the run's first shards directly, as many at once as the job "
            "sends; before and after the run. States: from the execution's history."
        ),
        figures=(
            *(transform, server, whole, overhead, *by_state),
            seconds("job_starting_seconds", job["starting"]),
            seconds("transform_seconds", job["transform"]),
        ),
        ratios=(
            Ratio(name="bulk_run_efficiency", numerator=transform, denominator=server, aim=Aim(value=0.9)),
            Ratio(
                name="bulk_overhead_fraction",
                numerator=overhead,
                denominator=whole,
                aim=Aim(value=0.1, is_most=True),
            ),
        ),
        facts={
            "pictures": pictures,
            "rejected": run["rejected"],
            "requests_at_once": concurrency,
            "shards_indexed_at_once": LOCAL.bulk.index_concurrency,
        },
    )
