"""Figures as lines of the log, which CloudWatch makes metrics of (its Embedded Metric Format)."""

from aws_lambda_powertools.metrics import EphemeralMetrics

from imagesearch.correlation import correlation_id
from imagesearch.figures import Figures, unit_of


class LoggedMetrics:
    """Writes figures by Powertools, into the namespace and for the function that its variables name.

    Each line carries the id of what is being worked on, which is no dimension: it makes no metric of its own.
    """

    def record(self, figures: Figures) -> None:
        """Write one line of figures."""
        line = EphemeralMetrics()
        for figure, value in figures.items():
            line.add_metric(name=figure, unit=unit_of(figure), value=value)
        if (identifier := correlation_id()) is not None:
            line.add_metadata("correlation_id", identifier)
        line.flush_metrics()
