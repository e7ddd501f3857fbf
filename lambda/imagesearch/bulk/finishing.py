"""The last step: searches see everything, planned = indexed + rejected is checked, the report is written."""

from collections.abc import Callable
from datetime import UTC, datetime

from imagesearch.bulk.run_files import RunFiles
from imagesearch.bulk.runs import Plan, Report, Run
from imagesearch.errors import BulkIncompleteError
from imagesearch.ports import ArtifactStore, LoadingIndex

COMPLETE, FAILED = "complete", "failed"

_NAMED = 10
"""How many missing shards a sentence names; the report names them all."""


def _now() -> datetime:
    return datetime.now(UTC)


class Finisher:
    """Ends runs, those that failed too."""

    def __init__(
        self, *, loading: LoadingIndex, artifacts: ArtifactStore, clock: Callable[[], datetime] = _now
    ) -> None:
        self._loading = loading
        self._artifacts = artifacts
        self._clock = clock

    def finish(self, run: str) -> Report:
        """Return the report of a run that went through.

        Raises BulkIncompleteError, after the report was written as failed, unless every planned picture was
        indexed or rejected; and RunUnknownError.
        """
        files = RunFiles(self._artifacts, run)
        description = files.run()
        self._loading.end_loading(description.index)
        report = files.write_report(self._report(files, description, failed=False))
        if report.status != COMPLETE:
            raise BulkIncompleteError(_complaint(report))
        return report

    def release(self, run: str) -> Report | None:
        """Let searches see what a failed run wrote, and return its report; None for an unknown run.

        The report is written first. Raises SearchUnavailableError where the index cannot be released now.
        """
        files = RunFiles(self._artifacts, run)
        description = files.begun()
        if description is None:
            return None
        report = files.write_report(self._report(files, description, failed=True))
        self._loading.end_loading(description.index)
        return report

    def _report(self, files: RunFiles, run: Run, *, failed: bool) -> Report:
        pages = list(files.pages())
        plan = Plan.of(pages)
        done = set(files.indexed())
        shards = [name for page in pages for name in page.shards]
        results = list(files.results(name for name in shards if name in done))
        indexed, rejected = sum(each.indexed for each in results), sum(each.rejected for each in results)
        complete = not failed and files.plan() == plan and plan.planned == indexed + rejected
        missing = tuple(name for name in shards if name not in done)
        finished = self._clock()
        seconds = (finished - datetime.fromisoformat(run.started)).total_seconds()
        return Report(
            run=run.run,
            status=COMPLETE if complete and not missing else FAILED,
            prefix=run.prefix,
            index=run.index,
            fingerprint=run.fingerprint,
            listed=plan.listed,
            skipped=plan.skipped,
            planned=plan.planned,
            indexed=indexed,
            rejected=rejected,
            missing_shards=missing,
            started=run.started,
            finished=finished.isoformat(),
            seconds=seconds,
            pictures_per_second=(indexed + rejected) / seconds if seconds > 0 else 0.0,
        )


def _complaint(report: Report) -> str:
    missing = report.missing_shards
    named = ", ".join(missing[:_NAMED]) + (
        f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    )
    return (
        f"The run {report.run} is not complete: {report.planned} pictures were planned, "
        f"{report.indexed} indexed and {report.rejected} rejected; shards without a result: "
        f"{named or 'none'}. Resume the run."
    )
