"""What a bulk run is made of, and under which keys of the artifact bucket it lies."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields

from imagesearch.errors import EventInvalidError


@dataclass(frozen=True, kw_only=True)
class Run:
    """`run.json`: what the run is about; `started` is an ISO time, `model` a name on SageMaker."""

    run: str
    prefix: str
    index: str
    fingerprint: str
    model: str
    started: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """`pages/<page>.json`: what became of a part of the listing; `token` leads to the next part, if any."""

    page: int
    listed: int
    skipped: int
    planned: int
    shards: tuple[str, ...]
    token: str | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`planned.json`: the sums of all pages, written when the last one is planned."""

    listed: int
    skipped: int
    planned: int
    shards: int

    @classmethod
    def of(cls, pages: Iterable[Page]) -> "Plan":
        """Return the sums of these pages."""
        counts = Counter[str]()
        for page in pages:
            counts += Counter(
                listed=page.listed, skipped=page.skipped, planned=page.planned, shards=len(page.shards)
            )
        return cls(**{field.name: counts[field.name] for field in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class ShardResult:
    """`indexed/<shard>.json`: every record of the shard is in the index, as a picture or as a reject."""

    indexed: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A line of `rejects/<run>/<shard>.jsonl`."""

    key: str
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """`report.json`: how the run ended; times are ISO texts."""

    run: str
    status: str
    prefix: str
    index: str
    fingerprint: str
    listed: int
    skipped: int
    planned: int
    indexed: int
    rejected: int
    missing_shards: tuple[str, ...]
    started: str
    finished: str
    seconds: float
    pictures_per_second: float


RUNS = "runs/"
"""The prefix of every run's files."""


@dataclass(frozen=True)
class RunKeys:
    """The keys of a run's files; what names many files ends with a slash."""

    run: str

    @property
    def _folder(self) -> str:
        return f"{RUNS}{self.run}/"

    @property
    def description(self) -> str:
        """What the run is about."""
        return f"{self._folder}run.json"

    @property
    def pages(self) -> str:
        """The prefix of all page files."""
        return f"{self._folder}pages/"

    @property
    def plan(self) -> str:
        """The sums of all pages; there once planning has ended."""
        return f"{self._folder}planned.json"

    @property
    def shards(self) -> str:
        """The prefix of all shards, which are the model's requests."""
        return f"{self._folder}shards/"

    @property
    def manifest(self) -> str:
        """Which shards the transform job is to read."""
        return f"{self._folder}manifest.json"

    @property
    def embeddings(self) -> str:
        """The prefix of the model's answers."""
        return f"{self._folder}embeddings/"

    @property
    def results(self) -> str:
        """The prefix of the shards' results."""
        return f"{self._folder}indexed/"

    @property
    def all_rejects(self) -> str:
        """The prefix of the rejects of all shards."""
        return f"rejects/{self.run}/"

    @property
    def report(self) -> str:
        """How the run ended."""
        return f"{self._folder}report.json"

    def page(self, number: int) -> str:
        """A page of the plan."""
        return f"{self.pages}{number:05}.json"

    def shard(self, name: str) -> str:
        """A shard: the model's request, line for line."""
        return self.shards + shard_file(name)

    def states(self, name: str) -> str:
        """The objects of a shard as the plan saw them, line for line."""
        return f"{self._folder}states/{shard_file(name)}"

    def output(self, name: str) -> str:
        """A shard's embeddings, under the name that SageMaker gives them."""
        return f"{self.embeddings}{shard_file(name)}.out"

    def result(self, name: str) -> str:
        """A shard's result."""
        return f"{self.results}{name}.json"

    def rejects(self, name: str) -> str:
        """A shard's rejects; there only where it has some."""
        return self.all_rejects + shard_file(name)

    def shard_of_output(self, key: str) -> str:
        """Return the shard that an output belongs to. Raises EventInvalidError for any other key."""
        name = key.removeprefix(self.embeddings).removesuffix(f"{shard_file('')}.out")
        if not name or self.output(name) != key:
            raise EventInvalidError(f"The key {key} is no output of the run {self.run}.")
        return name


def shard_name(page: int, number: int) -> str:
    """Return the name of a page's shard, e.g. `00000-001`; names sort as the listing does."""
    return f"{page:05}-{number:03}"


def shard_file(name: str) -> str:
    """Return a shard's file name."""
    return f"{name}.jsonl"
