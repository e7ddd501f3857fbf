"""The alarms: each says what is wrong in a sentence, and `docs/operations.md` what to do about it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks import names
from stacks.components.monitoring.measurements import FIVE_MINUTES, Measurements, together
from stacks.settings import Settings
from stacks.settings.model import ServerlessEndpoint
from stacks.settings.monitoring import MonitoringSettings

RUNBOOK = "docs/operations.md"

_SERVING = ("query", "thumbnail", "ingest")
# Shares and figures below have their sources in AWS's recommended alarms for OpenSearch Service, but for the
# memory of vectors, whose breaker trips at 100 and then keeps new vectors out.
_FREE_SHARE = 0.25
_HEAP_PERCENT, _CPU_PERCENT, _VECTORS_PERCENT = 95, 80, 80
_MIB_OF_GIB = 1024
_SERVER_ERRORS_SHARE = 0.05
_SLOW_MODEL_MICROSECONDS = 2_000_000
_FULL_SHARE = 0.9


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One alarm: raised when `metric` reaches `threshold`, or falls to it (`below`), `times` in a row.

    Silence is no trouble, unless `silence_alarms`.
    """

    name: str
    says: str
    metric: cloudwatch.IMetric
    threshold: float
    below: bool = False
    times: int = 1
    silence_alarms: bool = False


class Alarms(Construct):
    """An alarm for each watch, named after it, which tells `topic` when it is raised and when it is over."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        watches: Iterable[Watch],
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        tell = actions.SnsAction(topic)
        self.all: list[cloudwatch.IAlarm] = []
        for watch in watches:
            alarm = _alarm(self, watch, settings)
            alarm.add_alarm_action(tell)
            alarm.add_ok_action(tell)
            self.all.append(alarm)


def watches(settings: Settings, monitoring: MonitoringSettings, measured: Measurements) -> Iterator[Watch]:
    """Yield what is watched in an environment of these settings."""
    yield from _of_searches(monitoring, measured)
    yield from _of_ingest(settings, monitoring, measured)
    yield from _of_endpoints(settings, measured)
    yield from _of_domain(settings, measured)


def _of_searches(monitoring: MonitoringSettings, measured: Measurements) -> Iterator[Watch]:
    if monitoring.canary_minutes is not None:
        yield Watch(
            name="canary-failing",
            says="Two searches in a row, made as callers make them, were not answered as they should be",
            metric=measured.of_application(
                "canary", "Failures", "Maximum", period=cdk.Duration.minutes(monitoring.canary_minutes)
            ),
            threshold=1,
            times=2,
            silence_alarms=True,
        )
    yield Watch(
        name="api-failing",
        says=f"More than {_SERVER_ERRORS_SHARE:.0%} of the requests end in a server's error",
        metric=measured.of_api("5XXError", "Average"),
        threshold=_SERVER_ERRORS_SHARE,
        times=2,
    )
    yield Watch(
        name="searches-slow",
        says=f"One of twenty searches takes longer than {monitoring.slow_search_ms} ms",
        metric=measured.of_application("query", "TotalMilliseconds", "p95"),
        threshold=monitoring.slow_search_ms,
        times=3,
    )
    yield Watch(
        name="encode-errors",
        says="The model keeps requests from being answered",
        metric=measured.of_application("query", "EncodeErrors", "Sum"),
        threshold=5,
        times=2,
    )
    yield Watch(
        name="search-errors",
        says="The index keeps requests from being answered",
        metric=measured.of_application("query", "SearchErrors", "Sum"),
        threshold=5,
        times=2,
    )
    yield Watch(
        name="query-failures",
        says="Requests fail by a fault of the code or of the deployment, or run out of time",
        metric=measured.of_application("query", "Failures", "Sum"),
        threshold=5,
    )
    for name, says, metric in (
        (
            "functions-failing",
            "A function ends without an answer: out of time, out of memory or broken",
            "Errors",
        ),
        ("functions-throttled", "Functions are kept from running by the account's concurrency", "Throttles"),
    ):
        calls = [measured.of_function(each, metric, "Sum") for each in _SERVING]
        yield Watch(name=name, says=says, metric=together(calls, "SUM", label=metric), threshold=5)


def _of_ingest(settings: Settings, monitoring: MonitoringSettings, measured: Measurements) -> Iterator[Watch]:
    yield Watch(
        name="dead-letters",
        says="A picture could not be ingested: its event waits in the dead-letter queue",
        metric=measured.of_queue(names.dead_letters(settings), "ApproximateNumberOfMessagesVisible"),
        threshold=1,
    )
    yield Watch(
        name="ingest-failing",
        says="Events of pictures fail again and again: each comes back until it is given up",
        metric=measured.of_application("ingest", "Failures", "Sum", period=cdk.Duration.minutes(15)),
        threshold=1,
        times=3,
    )
    yield Watch(
        name="ingest-late",
        says=f"A picture waits for longer than {monitoring.late_ingest_seconds} s to be ingested",
        metric=measured.of_queue(names.ingest_queue(settings), "ApproximateAgeOfOldestMessage"),
        threshold=monitoring.late_ingest_seconds,
        times=5,
    )
    ends = [measured.of_runs(name) for name in ("ExecutionsFailed", "ExecutionsTimedOut")]
    yield Watch(
        name="bulk-failed",
        says="A bulk run failed: its report names what is missing, and it can be resumed",
        metric=together(ends, "SUM", label="failed"),
        threshold=1,
    )


def _of_endpoints(settings: Settings, measured: Measurements) -> Iterator[Watch]:
    errors = measured.of_endpoints("Invocation5XXErrors", "Sum")
    yield Watch(
        name="endpoint-failing",
        says="A model's endpoint answers with server's errors",
        metric=together(errors, "SUM", label="errors"),
        threshold=5,
        times=2,
    )
    latencies = measured.of_endpoints("ModelLatency", "p95")
    yield Watch(
        name="endpoint-slow",
        says=f"A model takes longer than {_SLOW_MODEL_MICROSECONDS // 1_000_000} s for one of twenty calls",
        metric=together(latencies, "MAX", label="slowest"),
        threshold=_SLOW_MODEL_MICROSECONDS,
        times=3,
    )
    if isinstance(settings.endpoint, ServerlessEndpoint):
        used = measured.of_endpoints("ServerlessConcurrentExecutionsUtilization", "Maximum")
        yield Watch(
            name="endpoint-full",
            says="A serverless endpoint uses nearly all of its concurrency; beyond it, calls are refused",
            metric=together(used, "MAX", label="used"),
            threshold=_FULL_SHARE,
            times=3,
        )


def _of_domain(settings: Settings, measured: Measurements) -> Iterator[Watch]:
    yield Watch(
        name="domain-red",
        says="A part of an index is lost to searches: no node holds it",
        metric=measured.of_domain("ClusterStatus.red", "Maximum"),
        threshold=1,
    )
    if settings.domain.data_nodes > 1:
        yield Watch(
            name="domain-yellow",
            says="A part of an index has lost a replica: another node's loss would make it unavailable",
            metric=measured.of_domain("ClusterStatus.yellow", "Maximum"),
            threshold=1,
            times=15,
        )
    yield Watch(
        name="domain-unreachable",
        says="Nodes of the domain do not reach its elected manager",
        metric=measured.of_domain("MasterReachableFromNode", "Maximum"),
        threshold=0,
        below=True,
        times=5,
    )
    yield Watch(
        name="domain-writes-blocked",
        says="The domain takes no writes: its disks or its memory are used up",
        metric=measured.of_domain("ClusterIndexWritesBlocked", "Maximum"),
        threshold=1,
        times=5,
    )
    yield Watch(
        name="domain-storage",
        says=f"A node has less than {_FREE_SHARE:.0%} of its disk left",
        metric=measured.of_domain("FreeStorageSpace", "Minimum"),
        threshold=settings.domain.volume_gib * _MIB_OF_GIB * _FREE_SHARE,
        below=True,
    )
    yield Watch(
        name="domain-heap",
        says=f"A node's Java heap is {_HEAP_PERCENT} % full",
        metric=measured.of_domain("JVMMemoryPressure", "Maximum"),
        threshold=_HEAP_PERCENT,
        times=3,
    )
    yield Watch(
        name="domain-cpu",
        says=f"A node's processors have been busy at {_CPU_PERCENT} % for a quarter of an hour, three times",
        metric=measured.of_domain("CPUUtilization", "Maximum", period=cdk.Duration.minutes(15)),
        threshold=_CPU_PERCENT,
        times=3,
    )
    if settings.index.engine == "faiss":
        yield from _of_vectors(measured)


def _of_vectors(measured: Measurements) -> Iterator[Watch]:
    yield Watch(
        name="vectors-memory",
        says=f"The graphs of vectors use {_VECTORS_PERCENT} % of the memory that a node has for them",
        metric=measured.of_domain("KNNGraphMemoryUsagePercentage", "Maximum", period=FIVE_MINUTES),
        threshold=_VECTORS_PERCENT,
        times=3,
    )
    yield Watch(
        name="vectors-breaker",
        says="The graphs of vectors do not fit into memory: new vectors are refused, searches are slow",
        metric=measured.of_domain("KNNCircuitBreakerTriggered", "Maximum"),
        threshold=1,
    )


def _alarm(scope: Construct, watch: Watch, settings: Settings) -> cloudwatch.Alarm:
    comparison, silence = cloudwatch.ComparisonOperator, cloudwatch.TreatMissingData
    return cloudwatch.Alarm(
        scope,
        watch.name,
        alarm_name=f"{settings.endpoint_prefix}{watch.name}",
        alarm_description=f"{watch.says}. What to do: {RUNBOOK}, {watch.name}.",
        metric=watch.metric,
        threshold=watch.threshold,
        comparison_operator=comparison.LESS_THAN_OR_EQUAL_TO_THRESHOLD
        if watch.below
        else comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluation_periods=watch.times,
        treat_missing_data=silence.BREACHING if watch.silence_alarms else silence.NOT_BREACHING,
    )
