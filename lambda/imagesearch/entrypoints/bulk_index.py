"""The bulk run's third step, once for each output of the transform job: see `imagesearch.bulk.loading`."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from imagesearch.bulk.loading import Loader
from imagesearch.entrypoints import bulk_wiring, observing, wiring
from imagesearch.entrypoints.bulk_events import run_of, text_of

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def build_handler(parts: Callable[[], Loader]) -> Handler:
    """Return the function's handler; `parts` is asked on every call."""

    def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
        """Index the output of {"run", "key"}; answers {"run", "key"} and the counts of its result."""
        run, key = run_of(event), text_of(event, "key")
        with observing.working_on(run, run=run, key=key):
            result = asdict(parts().load(run=run, key=key))
            wiring.logger().info("indexed", counts=result)
        return {"run": run, "key": key, **result}

    return handler


handler = build_handler(bulk_wiring.loader)
