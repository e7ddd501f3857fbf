"""What the functions tell of their work: lines that carry its id, and figures."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from imagesearch.correlation import correlated
from imagesearch.entrypoints import wiring
from imagesearch.figures import Figures
from imagesearch.ports import Metrics

_NAMESPACE = "POWERTOOLS_METRICS_NAMESPACE"


class _NoMetrics:
    """Keeps nothing: where nobody makes metrics of the log's lines, writing them would cost time only."""

    def record(self, figures: Figures) -> None:
        """Forget the figures."""


@contextmanager
def working_on(identifier: str, **keys: str) -> Iterator[None]:
    """Take an id to every service that is asked in the body, and `keys` into each line logged there."""
    with correlated(identifier), wiring.logger().append_context_keys(**keys):
        yield


@cache
def metrics() -> Metrics:
    """Return where figures go: into the log, if the environment names a namespace for them."""
    if not os.environ.get(_NAMESPACE):
        return _NoMetrics()
    from imagesearch.adapters.logged_metrics import LoggedMetrics

    return LoggedMetrics()
