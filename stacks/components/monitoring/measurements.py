"""The metrics of an environment, found by the names that everything in it has.

Nothing here refers to another stack: a metric of what was replaced, or is not there yet, has no data.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks import names
from stacks.model_lock import LockedModel
from stacks.settings import Settings

MINUTE = cdk.Duration.minutes(1)
FIVE_MINUTES = cdk.Duration.minutes(5)

Service = Literal["query", "ingest", "bulk_finish", "canary"]
_VARIANT = "AllTraffic"


class Measurements:
    """Metrics by what measures them; `statistic` is CloudWatch's, such as Sum, Maximum or p95.

    `names` of the application's own are those of `imagesearch.figures`, which a test holds them to.
    """

    def __init__(self, scope: Construct, *, settings: Settings, models: Mapping[str, LockedModel]) -> None:
        self._stack = cdk.Stack.of(scope)
        self._settings = settings
        self._models = models

    def of_application(
        self, service: Service, name: str, statistic: str, *, period: cdk.Duration = FIVE_MINUTES
    ) -> cloudwatch.Metric:
        """Return what a function of the application reports of its work."""
        namespace = names.metrics_namespace(self._settings)
        return _metric(namespace, name, statistic, {"service": service}, period)

    def of_function(self, entrypoint: str, name: str, statistic: str) -> cloudwatch.Metric:
        """Return what Lambda measures of a function."""
        function = names.function(self._settings, entrypoint)
        return _metric("AWS/Lambda", name, statistic, {"FunctionName": function})

    def of_queue(self, queue: str, name: str) -> cloudwatch.Metric:
        """Return the largest that SQS saw in a minute."""
        return _metric("AWS/SQS", name, "Maximum", {"QueueName": queue}, MINUTE)

    def of_api(self, name: str, statistic: str) -> cloudwatch.Metric:
        """Return what API Gateway measures of all routes together."""
        dimensions = {"ApiName": names.api(self._settings), "Stage": names.API_STAGE}
        return _metric("AWS/ApiGateway", name, statistic, dimensions)

    def of_runs(self, name: str) -> cloudwatch.Metric:
        """Return how many bulk runs ended so."""
        machine = self._stack.format_arn(
            service="states",
            resource="stateMachine",
            resource_name=names.bulk_state_machine(self._settings),
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        return _metric("AWS/States", name, "Sum", {"StateMachineArn": machine})

    def of_domain(self, name: str, statistic: str, *, period: cdk.Duration = MINUTE) -> cloudwatch.Metric:
        """Return what OpenSearch Service measures of the domain, over its nodes."""
        dimensions = {"ClientId": self._stack.account, "DomainName": self._settings.domain_name}
        return _metric("AWS/ES", name, statistic, dimensions, period)

    def of_endpoints(
        self, name: str, statistic: str, *, namespace: str = "AWS/SageMaker"
    ) -> Sequence[cloudwatch.Metric]:
        """Return what SageMaker measures of the endpoint of each deployed model."""
        return [
            _metric(
                namespace,
                name,
                statistic,
                {
                    "EndpointName": f"{self._settings.endpoint_prefix}{model.short_fingerprint}",
                    "VariantName": _VARIANT,
                },
                label=f"{model_name} {name}",
            )
            for model_name, model in self._models.items()
        ]


def together(
    metrics: Sequence[cloudwatch.IMetric], how: Literal["SUM", "MAX"], *, label: str
) -> cloudwatch.IMetric:
    """Return one metric of several of the same period; what has no data counts as 0."""
    named = {f"m{number}": metric for number, metric in enumerate(metrics)}
    filled = ", ".join(f"FILL({name}, 0)" for name in named)
    return cloudwatch.MathExpression(
        expression=f"{how}([{filled}])", using_metrics=named, label=label, period=FIVE_MINUTES
    )


def _metric(
    namespace: str,
    name: str,
    statistic: str,
    dimensions: Mapping[str, str],
    period: cdk.Duration = FIVE_MINUTES,
    *,
    label: str | None = None,
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        dimensions_map=dict(dimensions),
        period=period,
        label=label,
    )
