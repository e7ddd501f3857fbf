"""The last step: searches see everything, every planned entry is accounted for, the report is written."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime

from imagesearch.bulk.run_files import RunFiles
from imagesearch.bulk.runs import Instances, Plan, Report, Run, ShardResult
from imagesearch.errors import BulkIncompleteError
from imagesearch.ports import ArtifactStore, LoadingIndex

COMPLETE, FAILED = "complete", "failed"

_NAMED = 10
"""How many missing shards a sentence names; the report names them all."""


def _now() -> datetime:
    return datetime.now(UTC)


class Finisher:
    """Ends runs, those that failed too; `instances` are what their transform jobs run on."""

    def __init__(
        self,
        *,
        loading: LoadingIndex,
        artifacts: ArtifactStore,
        instances: Instances,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._loading = loading
        self._artifacts = artifacts
        self._instances = instances
        self._clock = clock

    def finish(self, run: str, *, job_seconds: Mapping[str, float] | None = None) -> Report:
        """Return the report of a run that went through; `job_seconds` are its transform job's, by its name.

        Raises BulkIncompleteError, after the report was written as failed, unless every planned entry was
        indexed, kept or rejected; and RunUnknownError.
        """
        files = RunFiles(self._artifacts, run)
        description = files.run()
        self._loading.end_loading(description.index)
        report = files.write_report(self._report(files, description, job_seconds or {}, failed=False))
        if report.status != COMPLETE:
            raise BulkIncompleteError(_complaint(report))
        return report

    def release(self, run: str, *, job_seconds: Mapping[str, float] | None = None) -> Report | None:
        """Let searches see what a failed run wrote, and return its report; None for an unknown run.

        The report is written first. Raises SearchUnavailableError where the index cannot be released now.
        """
        files = RunFiles(self._artifacts, run)
        description = files.begun()
        if description is None:
            return None
        report = files.write_report(self._report(files, description, job_seconds or {}, failed=True))
        self._loading.end_loading(description.index)
        return report

    def _report(self, files: RunFiles, run: Run, job_seconds: Mapping[str, float], *, failed: bool) -> Report:
        pages = list(files.pages())
        plan = Plan.of(pages)
        done = set(files.indexed())
        shards = [name for page in pages for name in page.shards]
        results = _sum(files.results(name for name in shards if name in done))
        rejected = plan.rejected + results.rejected
        accounted = run.check or plan.planned == results.indexed + results.kept + rejected
        missing = tuple(name for name in shards if name not in done)
        complete = not failed and files.plan() == plan and accounted and not missing
        finished = self._clock()
        seconds = (finished - datetime.fromisoformat(run.started)).total_seconds()
        jobs = {**_earlier_jobs(files), **job_seconds}
        return Report(
            run=run.run,
            status=COMPLETE if complete else FAILED,
            prefix=run.prefix,
            source=run.source,
            check=run.check,
            index=run.index,
            fingerprint=run.fingerprint,
            listed=plan.listed,
            skipped=plan.skipped,
            described=plan.described,
            planned=plan.planned,
            missing=plan.missing,
            stale=plan.stale,
            orphaned=plan.orphaned,
            indexed=results.indexed,
            kept=results.kept,
            rejected=rejected,
            undescribed=plan.undescribed + results.undescribed,
            missing_shards=missing,
            started=run.started,
            finished=finished.isoformat(),
            seconds=seconds,
            pictures_per_second=(results.indexed + results.rejected) / seconds if seconds > 0 else 0.0,
            instance_type=self._instances.instance_type,
            instance_count=self._instances.count,
            instance_seconds=sum(jobs.values()) * self._instances.count,
            cost_usd=self._cost(jobs),
            job_seconds=jobs,
        )

    def _cost(self, jobs: Mapping[str, float]) -> float | None:
        price = self._instances.usd_per_hour
        return None if price is None else sum(jobs.values()) * self._instances.count * price / 3600


def _sum(results: Iterable[ShardResult]) -> ShardResult:
    counts = Counter[str]()
    for result in results:
        counts.update(asdict(result))
    return ShardResult(**{field.name: counts[field.name] for field in fields(ShardResult)})


def _earlier_jobs(files: RunFiles) -> Mapping[str, float]:
    """Return the jobs of the attempts before, which the report of the last one names."""
    report = files.report()
    return report.job_seconds if report is not None else {}


def _complaint(report: Report) -> str:
    missing = report.missing_shards
    named = ", ".join(missing[:_NAMED]) + (
        f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    )
    return (
        f"The run {report.run} is not complete: {report.planned} pictures and texts were planned, "
        f"{report.indexed} indexed, {report.kept} kept and {report.rejected} rejected; "
        f"shards without a result: {named or 'none'}. Resume the run."
    )
