"""A bulk run's files, read and written.

The files are the run's only memory. Each is written as a whole, and the one that says that a piece of work is
done is written last: a page file after its shards, a shard's result after its documents.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

from imagesearch.bulk.batches import batched, in_parallel
from imagesearch.bulk.entries import Entry, ShardRequest, entry_of, line_of
from imagesearch.bulk.runs import Page, Plan, Reject, Report, Run, RunKeys, ShardResult, shard_file
from imagesearch.errors import (
    ArtifactDamagedError,
    ArtifactMissingError,
    RunOutdatedError,
    RunUnknownError,
)
from imagesearch.models import IndexInfo
from imagesearch.ports import ArtifactStore, VectorIndex

_READ_AHEAD = 1000

T = TypeVar("T")


class RunFiles:
    """Reads and writes the files of one run."""

    def __init__(self, artifacts: ArtifactStore, run: str) -> None:
        self._artifacts = artifacts
        self.keys = RunKeys(run)

    def begun(self) -> Run | None:
        """Return what the run is about, or None where no such run has begun."""
        return self._read(self.keys.description, lambda content: Run(**content))

    def run(self) -> Run:
        """Return what the run is about. Raises RunUnknownError."""
        run = self.begun()
        if run is None:
            raise RunUnknownError(f"There is no run {self.keys.run}.")
        return run

    def begin(self, run: Run) -> Run:
        """Write what the run is about, and return it."""
        self._write(self.keys.description, asdict(run))
        return run

    def page(self, number: int) -> Page | None:
        """Return a page of the plan, or None where it is not planned yet."""
        return self._read(self.keys.page(number), _page_of)

    def pages(self) -> Iterator[Page]:
        """Yield the pages planned so far, in their order."""
        return self._read_all(self._artifacts.keys(self.keys.pages), _page_of)

    def write_page(self, page: Page) -> Page:
        """Write a page, whose shards are there already, and return it."""
        self._write(self.keys.page(page.page), asdict(page))
        return page

    def plan(self) -> Plan | None:
        """Return the plan's sums, or None while it is being made."""
        return self._read(self.keys.plan, lambda content: Plan(**content))

    def write_plan(self, plan: Plan) -> None:
        """Write the plan's sums: from now on the run is planned."""
        self._write(self.keys.plan, asdict(plan))

    def write_shard(self, name: str, shard: ShardRequest) -> None:
        """Write a shard, and how the plan saw its entries."""
        self._write_lines(self.keys.states(name), map(line_of, shard.entries))
        self._artifacts.write(self.keys.shard(name), b"".join(shard.lines))

    def entries(self, name: str) -> list[Entry]:
        """Return a shard's entries as the plan saw them, in its order. Raises ArtifactMissingError."""
        key = self.keys.states(name)
        with _sound(key):
            return [entry_of(json.loads(line)) for line in self._artifacts.lines(key)]

    def output(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a shard's output. Raises ArtifactMissingError."""
        return self._artifacts.lines(self.keys.output(name))

    def embedded(self) -> Iterator[str]:
        """Yield the names of the shards that the model has answered."""
        return map(self.keys.shard_of_output, self._artifacts.keys(self.keys.embeddings))

    def indexed(self) -> Iterator[str]:
        """Yield the names of the shards that have a result."""
        for key in self._artifacts.keys(self.keys.results):
            yield key.removeprefix(self.keys.results).removesuffix(".json")

    def result(self, name: str) -> ShardResult | None:
        """Return a shard's result, or None while it is not indexed."""
        return self._read(self.keys.result(name), _result_of)

    def results(self, names: Iterable[str]) -> Iterator[ShardResult]:
        """Yield the results of these shards. Raises ArtifactMissingError."""
        return self._read_all(map(self.keys.result, names), _result_of)

    def write_result(self, name: str, result: ShardResult) -> ShardResult:
        """Write a shard's result, after everything else of the shard, and return it."""
        self._write(self.keys.result(name), asdict(result))
        return result

    def write_rejects(self, name: str, rejects: Iterable[Reject]) -> None:
        """Write the rejects of a page or a shard; those of an earlier attempt do not stay."""
        lines = [asdict(reject) for reject in rejects]
        if lines or self._artifacts.exists(self.keys.rejects(name)):
            self._write_lines(self.keys.rejects(name), lines)

    def report(self) -> Report | None:
        """Return how the run ended the last time, or None where it has not ended yet."""
        return self._read(self.keys.report, _report_of)

    def write_report(self, report: Report) -> Report:
        """Write how the run ended, and return it."""
        self._write(self.keys.report, asdict(report))
        return report

    def write_manifest(self, names: Iterable[str]) -> None:
        """Write which shards the transform job is to read, as SageMaker wants it."""
        prefix = {"prefix": self._artifacts.uri(self.keys.shards)}
        self._write(self.keys.manifest, [prefix, *map(shard_file, names)])

    def uri(self, key: str) -> str:
        """Return the address of one of the run's files."""
        return self._artifacts.uri(key)

    def _read(self, key: str, make: Callable[[Any], T]) -> T | None:
        content = self._artifacts.read(key)
        if content is None:
            return None
        with _sound(key):
            return make(json.loads(content))

    def _read_present(self, key: str, make: Callable[[Any], T]) -> T:
        value = self._read(key, make)
        if value is None:
            raise ArtifactMissingError(f"The run's file {key} is missing.")
        return value

    def _read_all(self, keys: Iterable[str], make: Callable[[Any], T]) -> Iterator[T]:
        for some in batched(keys, _READ_AHEAD):
            yield from in_parallel(lambda key: self._read_present(key, make), some)

    def _write(self, key: str, content: object) -> None:
        self._artifacts.write(key, json.dumps(content).encode())

    def _write_lines(self, key: str, lines: Iterable[Mapping[str, Any]]) -> None:
        self._artifacts.write(key, b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def index_of(run: str, name: str, index: VectorIndex) -> IndexInfo:
    """Return the index that a run writes to. Raises RunOutdatedError where it is not kept any more."""
    written = index.written()
    for each in written:
        if each.name == name:
            return each
    raise RunOutdatedError(
        f"The run {run} is for the index {name}, but the pictures are kept in "
        f"{', '.join(each.name for each in written)} now. Begin a new run."
    )


@contextmanager
def _sound(key: str) -> Iterator[None]:
    """Raise ArtifactDamagedError for what parsing a file of the run raises."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactDamagedError(f"The run's file {key} is damaged: {error}.") from error


def _page_of(content: dict[str, Any]) -> Page:
    return Page(**content | {"shards": tuple(content["shards"])})


def _result_of(content: dict[str, Any]) -> ShardResult:
    return ShardResult(**content)


def _report_of(content: dict[str, Any]) -> Report:
    return Report(**content | {"missing_shards": tuple(content["missing_shards"])})
