"""The dashboard of an environment: from what callers notice down to what causes it."""

from collections.abc import Iterator, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks import names
from stacks.components.monitoring.measurements import Measurements
from stacks.settings import Settings
from stacks.settings.model import ServerlessEndpoint

_FUNCTIONS = (
    *("query", "thumbnail", "ingest", "canary"),
    *("bulk_plan", "bulk_prepare", "bulk_index", "bulk_finish", "migration"),
)
_PERCENTILES = ("p50", "p95", "p99")
_WHOLE, _THIRD, _HEIGHT = 24, 8, 6

Row = list[cloudwatch.IWidget]


class Dashboard(Construct):
    """One page, with the `alarms` that there are at its head."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        measured: Measurements,
        alarms: Sequence[cloudwatch.IAlarm],
    ) -> None:
        super().__init__(scope, construct_id)
        rows = [
            *_head(alarms),
            *_of_searches(measured),
            *_of_ingest(settings, measured),
            *_of_model(settings, measured),
            *_of_domain(settings, measured),
            *_of_functions(measured),
        ]
        self.name = names.dashboard(settings)
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self.name,
            default_interval=cdk.Duration.hours(12),
            widgets=rows,
        )


def _head(alarms: Sequence[cloudwatch.IAlarm]) -> Iterator[Row]:
    if alarms:
        yield [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=_WHOLE, height=4)]


def _of_searches(measured: Measurements) -> Iterator[Row]:
    yield [_title("Searches")]
    yield [
        _graph("Requests", [measured.of_api("Count", "Sum")]),
        _graph(
            "Requests that failed",
            [
                measured.of_api("5XXError", "Sum"),
                *(
                    measured.of_application("query", name, "Sum")
                    for name in ("EncodeErrors", "SearchErrors", "Failures")
                ),
            ],
        ),
        _graph(
            "Requests that were refused",
            [measured.of_api("4XXError", "Sum"), measured.of_application("query", "Refused", "Sum")],
        ),
    ]
    yield [
        _graph(f"{part} (ms)", [_by_part(measured, part, each) for each in _PERCENTILES])
        for part in ("Total", "Encode", "Search")
    ]
    yield [
        _graph("Rest (ms)", [_by_part(measured, "Rest", each) for each in _PERCENTILES]),
        _graph(
            "Until API Gateway answered (ms)",
            [_called(measured.of_api("Latency", each), each) for each in _PERCENTILES],
        ),
        _graph(
            "Canary (ms, failures)",
            [measured.of_application("canary", "AnswerMilliseconds", "Maximum")],
            right=[measured.of_application("canary", "Failures", "Sum")],
        ),
    ]


def _by_part(measured: Measurements, part: str, statistic: str) -> cloudwatch.IMetric:
    return _called(measured.of_application("query", f"{part}Milliseconds", statistic), statistic)


def _of_ingest(settings: Settings, measured: Measurements) -> Iterator[Row]:
    queue, dead = names.ingest_queue(settings), names.dead_letters(settings)
    yield [_title("Ingest")]
    yield [
        _graph(
            "From the event to the document (s)",
            [
                _called(measured.of_application("ingest", "LagSeconds", each), each)
                for each in ("p50", "p95", "Maximum")
            ],
        ),
        _graph(
            "Pictures",
            [measured.of_application("ingest", name, "Sum") for name in ("Indexed", "Rejected", "Failures")],
        ),
        _graph(
            "Waiting (events; s of the oldest)",
            [
                _called(measured.of_queue(queue, "ApproximateNumberOfMessagesVisible"), "waiting"),
                _called(measured.of_queue(dead, "ApproximateNumberOfMessagesVisible"), "dead letters"),
            ],
            right=[_called(measured.of_queue(queue, "ApproximateAgeOfOldestMessage"), "oldest")],
        ),
    ]
    yield [
        _graph(
            "Bulk runs",
            [
                measured.of_runs(name)
                for name in ("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed")
            ],
        ),
        _graph(
            "Pictures and texts of bulk runs",
            [
                measured.of_application("bulk_finish", name, "Sum")
                for name in ("Planned", "Indexed", "Rejected")
            ],
        ),
        _graph("Length of bulk runs (s)", [measured.of_application("bulk_finish", "RunSeconds", "Maximum")]),
    ]


def _of_model(settings: Settings, measured: Measurements) -> Iterator[Row]:
    yield [_title("Models' endpoints")]
    yield [
        _graph(
            "Calls",
            [
                *measured.of_endpoints("Invocations", "Sum"),
                *measured.of_endpoints("Invocation4XXErrors", "Sum"),
                *measured.of_endpoints("Invocation5XXErrors", "Sum"),
            ],
        ),
        _graph(
            "Model and overhead (µs, p95)",
            [
                *measured.of_endpoints("ModelLatency", "p95"),
                *measured.of_endpoints("OverheadLatency", "p95"),
            ],
        ),
        _use_of_model(settings, measured),
    ]


def _use_of_model(settings: Settings, measured: Measurements) -> cloudwatch.GraphWidget:
    containers = "/aws/sagemaker/Endpoints"
    memory = measured.of_endpoints("MemoryUtilization", "Maximum", namespace=containers)
    if isinstance(settings.endpoint, ServerlessEndpoint):
        return _graph(
            "Use of concurrency and memory; starts (µs)",
            [*measured.of_endpoints("ServerlessConcurrentExecutionsUtilization", "Maximum"), *memory],
            right=measured.of_endpoints("ModelSetupTime", "Maximum"),
        )
    processors = measured.of_endpoints("CPUUtilization", "Maximum", namespace=containers)
    return _graph("Use of processors (100 % each) and memory", [*processors, *memory])


def _of_domain(settings: Settings, measured: Measurements) -> Iterator[Row]:
    yield [_title("OpenSearch domain")]
    yield [
        _graph(
            "State",
            [
                *(
                    measured.of_domain(name, "Maximum")
                    for name in ("ClusterStatus.yellow", "ClusterStatus.red", "ClusterIndexWritesBlocked")
                ),
                measured.of_domain("MasterReachableFromNode", "Minimum"),
            ],
            right=[measured.of_domain("Nodes", "Minimum")],
        ),
        _graph(
            "Processors and Java heap (%)",
            [measured.of_domain(name, "Maximum") for name in ("CPUUtilization", "JVMMemoryPressure")],
        ),
        _graph("Free disk of the fullest node (MiB)", [measured.of_domain("FreeStorageSpace", "Minimum")]),
    ]
    yield [
        _graph(
            "Searches and writes in the index (ms)",
            [measured.of_domain(name, "Average") for name in ("SearchLatency", "IndexingLatency")],
        ),
        _graph(
            "Requests that were turned away",
            [
                measured.of_domain(name, "Maximum")
                for name in ("ThreadpoolSearchRejected", "ThreadpoolWriteRejected")
            ],
        ),
        _memory_of_vectors(settings, measured),
    ]


def _memory_of_vectors(settings: Settings, measured: Measurements) -> cloudwatch.IWidget:
    if settings.index.engine != "faiss":
        return cloudwatch.TextWidget(
            markdown="Lucene's graphs of vectors are files: memory of their own they have none.",
            width=_THIRD,
            height=_HEIGHT,
        )
    return _graph(
        "Memory of vectors (%)",
        [measured.of_domain("KNNGraphMemoryUsagePercentage", "Maximum")],
        right=[measured.of_domain("KNNCircuitBreakerTriggered", "Maximum")],
    )


def _of_functions(measured: Measurements) -> Iterator[Row]:
    yield [_title("Functions")]
    yield [
        _graph(title, [measured.of_function(each, name, statistic) for each in _FUNCTIONS])
        for title, name, statistic in (
            ("Errors", "Errors", "Sum"),
            ("Calls that were throttled", "Throttles", "Sum"),
            ("Running at once", "ConcurrentExecutions", "Maximum"),
        )
    ]
    yield [
        _graph(title, [measured.of_function(each, "Duration", statistic) for each in _FUNCTIONS])
        for title, statistic in (("Duration (ms, p50)", "p50"), ("Duration (ms, p95)", "p95"))
    ]


def _title(text: str) -> cloudwatch.IWidget:
    return cloudwatch.TextWidget(markdown=f"## {text}", width=_WHOLE, height=1)


def _called(metric: cloudwatch.Metric, label: str) -> cloudwatch.Metric:
    return metric.with_(label=label)


def _graph(
    title: str, left: Sequence[cloudwatch.IMetric], *, right: Sequence[cloudwatch.IMetric] = ()
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=list(left), right=list(right), width=_THIRD, height=_HEIGHT
    )
