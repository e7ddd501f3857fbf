"""The bulk run's last step, whether it went through or failed: see `imagesearch.bulk.finishing`."""

from collections.abc import Callable
from typing import Any

from imagesearch.bulk.finishing import FAILED, Finisher
from imagesearch.entrypoints import bulk_wiring, wiring
from imagesearch.entrypoints.bulk_events import run_of

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def build_handler(parts: Callable[[], Finisher]) -> Handler:
    """Return the function's handler; `parts` is asked on every call."""

    def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
        """Finish {"run"}, or release {"run", "failed": true}; the answer is short, the report long."""
        run = run_of(event)
        finisher = parts()
        report = finisher.release(run) if event.get("failed") else finisher.finish(run)
        answer: dict[str, Any] = {"run": run, "status": FAILED}
        if report is not None:
            names = ("status", "planned", "indexed", "rejected")
            answer |= {name: getattr(report, name) for name in names}
        wiring.logger().info("finished", counts=answer)
        return answer

    return handler


handler = build_handler(bulk_wiring.finisher)
