"""Questions to the logs, kept where CloudWatch shows them: one click in Logs Insights."""

from collections.abc import Mapping

from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks import names
from stacks.settings import Settings

_QUERIES = ("query",)
_PICTURES = ("ingest",)
_ALL = ("query", "thumbnail", "ingest", "bulk_plan", "bulk_prepare", "bulk_index", "bulk_finish", "migration")


class LogQueries(Construct):
    """The saved queries, in a folder of the environment's name."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        for name, (functions, query) in QUERIES.items():
            logs.QueryDefinition(
                self,
                name.title().replace(" ", ""),
                query_definition_name=f"imagesearch/{settings.name}/{name}",
                query_string=query,
                log_groups=[
                    logs.LogGroup.from_log_group_name(
                        self, f"{name} {each}", names.function_logs(names.function(settings, each))
                    )
                    for each in functions
                ],
            )


# What each is called, the functions whose logs it asks, and the question.
QUERIES: Mapping[str, tuple[tuple[str, ...], logs.QueryString]] = {
    "everything of one id": (
        _ALL,
        logs.QueryString(
            fields=["@timestamp", "service", "message", "@message"],
            filter_statements=['@message like "PUT-THE-ID-HERE"'],
            sort="@timestamp asc",
            limit=1000,
        ),
    ),
    "slowest searches": (
        _QUERIES,
        logs.QueryString(
            fields=[
                "@timestamp",
                "TotalMilliseconds.0 as total",
                "EncodeMilliseconds.0 as encode",
                "SearchMilliseconds.0 as search",
                "RestMilliseconds.0 as rest",
                "correlation_id",
            ],
            filter_statements=["ispresent(TotalMilliseconds.0)"],
            sort="total desc",
            limit=50,
        ),
    ),
    "refused requests by code": (
        _QUERIES,
        logs.QueryString(
            filter_statements=['message = "refused"'],
            stats_statements=["count(*) as requests by code"],
            sort="requests desc",
        ),
    ),
    "failures": (
        _ALL,
        logs.QueryString(
            fields=[
                "@timestamp",
                "service",
                "message",
                "exception_name",
                "request_id",
                "event_id",
                "run",
                "@message",
            ],
            filter_statements=['level = "ERROR" or @message like /Task timed out|Runtime exited/'],
            sort="@timestamp desc",
            limit=200,
        ),
    ),
    "what became of a picture": (
        _PICTURES,
        logs.QueryString(
            fields=["@timestamp", "message", "outcome", "error", "event_id", "sequencer", "key"],
            filter_statements=['key = "PUT-THE-KEY-HERE"'],
            sort="@timestamp asc",
        ),
    ),
}
