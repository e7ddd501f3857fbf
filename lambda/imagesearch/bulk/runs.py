"""What a bulk run is made of, and under which keys of the artifact bucket it lies."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from imagesearch.errors import EventInvalidError, MetadataInvalidError
from imagesearch.models import Document, ImageRecord

Source = Literal["prefix", "file"]
"""What a run looks at: every key that begins with a prefix, or the lines of the run's own source file."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """`run.json`: what the run is about; `started` is an ISO time, `model` a name on SageMaker.

    With `check` it counts what is not in line, and changes nothing.
    """

    run: str
    prefix: str
    source: Source
    check: bool
    index: str
    fingerprint: str
    model: str
    started: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """`pages/<page>.json`: what became of a part of the source; `token` leads to the next part, if any.

    listed = skipped + described + planned, and planned = missing + stale: absent from the index, or another
    one there. What is rejected already (a line that names no object, or cannot be read) is among the missing.
    Beside these are counted the documents without an object (orphaned), which the source does not list, and
    the described whose metadata is invalid (undescribed).
    """

    page: int
    listed: int
    skipped: int
    described: int
    planned: int
    missing: int
    stale: int
    rejected: int
    orphaned: int
    undescribed: int
    shards: tuple[str, ...]
    token: str | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`planned.json`: the sums of all pages, written when the last one is planned."""

    listed: int
    skipped: int
    described: int
    planned: int
    missing: int
    stale: int
    rejected: int
    orphaned: int
    undescribed: int
    shards: int

    @classmethod
    def of(cls, pages: Iterable[Page]) -> "Plan":
        """Return the sums of these pages."""
        names = [field.name for field in fields(cls)]
        counts = Counter[str]()
        for page in pages:
            counts.update({name: getattr(page, name) for name in names if name != "shards"})
            counts["shards"] += len(page.shards)
        return cls(**{name: counts[name] for name in names})


@dataclass(frozen=True, kw_only=True)
class ShardResult:
    """`indexed/<shard>.json`: what became of every entry of the shard.

    Each is in the index as a picture (indexed) or as a reject, or is a text whose embedding lies in the
    output only (kept). The undescribed are indexed, but without their metadata, which is invalid.
    """

    indexed: int
    kept: int
    rejected: int
    undescribed: int


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A line of `rejects/<run>/<page or shard>.jsonl`.

    The key is a picture's or the id of a text; of a line that cannot be read it is such as `line 17`. With
    the code `metadata_invalid` the picture itself is indexed.
    """

    key: str
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Instances:
    """What transform jobs run on; `usd_per_hour` is the price of one instance, None where it is not known."""

    instance_type: str
    count: int
    usd_per_hour: float | None


def undescribed(document: Document | None) -> Reject | None:
    """Return what is wrong with the metadata of a picture that is indexed without it."""
    if not isinstance(document, ImageRecord) or document.metadata_fault is None:
        return None
    return Reject(key=document.key, code=MetadataInvalidError.code, message=document.metadata_fault)


@dataclass(frozen=True, kw_only=True)
class Report:
    """`report.json`: how the run ended; times are ISO texts.

    planned = indexed + kept + rejected, except for a check. `job_seconds` are those of the run's transform
    jobs that went through, by name; `instance_seconds` and `cost_usd`, an estimate, follow from them.
    """

    run: str
    status: str
    prefix: str
    source: Source
    check: bool
    index: str
    fingerprint: str
    listed: int
    skipped: int
    described: int
    planned: int
    missing: int
    stale: int
    orphaned: int
    indexed: int
    kept: int
    rejected: int
    undescribed: int
    missing_shards: tuple[str, ...]
    started: str
    finished: str
    seconds: float
    pictures_per_second: float
    instance_type: str
    instance_count: int
    instance_seconds: float
    cost_usd: float | None
    job_seconds: Mapping[str, float] = field(default_factory=dict)


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
    def source(self) -> str:
        """The lines that a run over a file looks at; written before the run is started."""
        return f"{self._folder}source.jsonl"

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
        """The prefix of the rejects of all pages and shards."""
        return f"rejects/{self.run}/"

    @property
    def report(self) -> str:
        """How the run ended."""
        return f"{self._folder}report.json"

    def page(self, number: int) -> str:
        """A page of the plan."""
        return f"{self.pages}{page_name(number)}.json"

    def shard(self, name: str) -> str:
        """A shard: the model's request, line for line."""
        return self.shards + shard_file(name)

    def states(self, name: str) -> str:
        """The entries of a shard as the plan saw them, line for line."""
        return f"{self._folder}states/{shard_file(name)}"

    def output(self, name: str) -> str:
        """A shard's embeddings, under the name that SageMaker gives them."""
        return f"{self.embeddings}{shard_file(name)}.out"

    def result(self, name: str) -> str:
        """A shard's result."""
        return f"{self.results}{name}.json"

    def rejects(self, name: str) -> str:
        """The rejects of a page or a shard; there only where it has some."""
        return self.all_rejects + shard_file(name)

    def shard_of_output(self, key: str) -> str:
        """Return the shard that an output belongs to. Raises EventInvalidError for any other key."""
        name = key.removeprefix(self.embeddings).removesuffix(f"{shard_file('')}.out")
        if not name or self.output(name) != key:
            raise EventInvalidError(f"The key {key} is no output of the run {self.run}.")
        return name


def page_name(number: int) -> str:
    """Return the name of a page, e.g. `00000`."""
    return f"{number:05}"


def shard_name(page: int, number: int) -> str:
    """Return the name of a page's shard, e.g. `00000-001`; names sort as the listing does."""
    return f"{page_name(page)}-{number:03}"


def shard_file(name: str) -> str:
    """Return a shard's file name."""
    return f"{name}.jsonl"
