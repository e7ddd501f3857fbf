"""The bulk run's first step, called until it answers `done`: see `imagesearch.bulk.planning`."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from imagesearch.bulk.planning import Planner
from imagesearch.entrypoints import bulk_wiring, observing, wiring
from imagesearch.entrypoints.bulk_events import input_of, page_of, run_of, token_of

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def build_handler(parts: Callable[[], Planner]) -> Handler:
    """Return the function's handler; `parts` is asked on every call."""

    def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
        """Plan one page of {"run", "prefix", "page", "token"}; the answer is the next call's event.

        The first one may hold "source", "check" and "index" too, which the run remembers.
        """
        run = run_of(event)
        with observing.working_on(run, run=run):
            step = parts().plan(run=run, given=input_of(event), page=page_of(event), token=token_of(event))
            wiring.logger().info("planned", pages=step.page, done=step.done)
        return asdict(step)

    return handler


handler = build_handler(bulk_wiring.planner)
