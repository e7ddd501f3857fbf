"""The bulk run's last step, whether it went through or failed: see `imagesearch.bulk.finishing`."""

from collections.abc import Callable
from typing import Any

from imagesearch.bulk.finishing import FAILED, Finisher
from imagesearch.bulk.runs import Report
from imagesearch.entrypoints import bulk_wiring, observing, wiring
from imagesearch.entrypoints.bulk_events import ended_run_of, job_seconds_of, run_of
from imagesearch.figures import Figure, Figures
from imagesearch.ports import Metrics

Handler = Callable[[dict[str, Any], object], dict[str, Any]]

_COUNTS = ("status", "planned", "indexed", "kept", "rejected")


def build_handler(
    parts: Callable[[], Finisher], metrics: Callable[[], Metrics] = observing.metrics
) -> Handler:
    """Return the function's handler; `parts` is asked on every call."""

    def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
        """Finish {"run", "state"}, or release it with "failed": true; the answer is short, the report long.

        EventBridge sends the detail of an execution that was stopped or ran out of time: it is released too.
        """
        stopped = "executionArn" in event
        run = ended_run_of(event) if stopped else run_of(event)
        with observing.working_on(run, run=run):
            report = parts().release(run) if stopped else _end(parts(), run, event)
            answer: dict[str, Any] = {"run": run, "status": FAILED}
            if report is not None:
                answer |= {name: getattr(report, name) for name in _COUNTS}
                metrics().record(_figures(report))
            wiring.logger().info("finished", counts=answer)
        return answer

    return handler


def _end(finisher: Finisher, run: str, event: dict[str, Any]) -> Report | None:
    seconds = job_seconds_of(event)
    if event.get("failed"):
        return finisher.release(run, job_seconds=seconds)
    return finisher.finish(run, job_seconds=seconds)


def _figures(report: Report) -> Figures:
    return {
        Figure.PLANNED: report.planned,
        Figure.INDEXED: report.indexed,
        Figure.REJECTED: report.rejected,
        Figure.RUN_SECONDS: report.seconds,
    }


handler = build_handler(bulk_wiring.finisher)
