"""The bulk run's second step: see `imagesearch.bulk.preparing`."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from imagesearch.bulk.preparing import Preparer
from imagesearch.entrypoints import bulk_wiring, observing, wiring
from imagesearch.entrypoints.bulk_events import run_of

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def build_handler(parts: Callable[[], Preparer]) -> Handler:
    """Return the function's handler; `parts` is asked on every call."""

    def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
        """Prepare {"run"}; the answer is what the transform job is made of."""
        run = run_of(event)
        with observing.working_on(run, run=run):
            preparation = parts().prepare(run)
            wiring.logger().info("prepared", shards=preparation.shards, job=preparation.job)
        return asdict(preparation)

    return handler


handler = build_handler(bulk_wiring.preparer)
