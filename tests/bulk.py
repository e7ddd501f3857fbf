"""A bulk run on in-memory parts: its steps, and a transform job that answers as the container does."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from imagesearch.adapters import sagemaker_answers
from imagesearch.adapters.in_memory import InMemoryArtifactStore
from imagesearch.bulk.finishing import Finisher
from imagesearch.bulk.loading import Loader
from imagesearch.bulk.planning import Planner, RunInput
from imagesearch.bulk.preparing import Preparer
from imagesearch.bulk.run_files import RunFiles
from imagesearch.bulk.runs import Instances, Page, Report, ShardResult
from imagesearch.errors import ImageSearchError
from imagesearch.models import Embedding, PictureEmbedding
from imagesearch.ports import ArtifactStore, PictureStore, VectorIndex
from imagesearch.queries import Nearest
from tests.answer_lines import line_bytes
from tests.builders import ATTRIBUTES, FINGERPRINT, InMemoryHouse, in_memory_house
from tests.watched import watched, watched_indexer

RUN = "20260301-123000-00ff"
MODELS = {FINGERPRINT[:12]: "imagesearch-dev-5e5e5e5e5e5e-0123456789ab"}
BEGUN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
INSTANCES = Instances(instance_type="ml.c6i.large", count=2, usd_per_hour=0.5)
SHARD_BYTES = 6_000_000


def answer_line(key: str, embedding: Embedding) -> dict[str, Any]:
    """A line of the model's output."""
    return {
        "id": key,
        "fingerprint": embedding.fingerprint,
        "embedding": list(embedding.vector),
        "picture": _picture(embedding) if isinstance(embedding, PictureEmbedding) else None,
    }


def _picture(picture: PictureEmbedding) -> dict[str, Any]:
    names = ("width", "height", "content_type", "perceptual_hash", "etag")
    user_metadata = {"user_metadata": dict(picture.user_metadata)} if picture.user_metadata else {}
    return {name: getattr(picture, name) for name in names} | user_metadata


def error_line(key: str, code: str, message: str = "Because.") -> dict[str, Any]:
    return {"id": key, "error": {"code": code, "message": message}}


@dataclass(frozen=True, kw_only=True)
class BulkHouse:
    """The steps of the run RUN, over a house of in-memory parts."""

    house: InMemoryHouse
    artifacts: InMemoryArtifactStore

    @property
    def files(self) -> RunFiles:
        return RunFiles(self.artifacts, RUN)

    def planner(
        self,
        before: Callable[[str], None] = lambda _: None,
        *,
        models: Mapping[str, str] = MODELS,
        shard_bytes: int = SHARD_BYTES,
    ) -> Planner:
        """A planner that calls `before` at every moment at which others can act."""
        return Planner(
            pictures=watched(self.house.pictures, before),
            index=watched(self.house.index, before),
            indexer=watched_indexer(self.house, before),
            attributes=ATTRIBUTES,
            artifacts=self.artifacts,
            image_bucket="pictures",
            model_names=models,
            max_request_bytes=shard_bytes,
            clock=lambda: BEGUN,
        )

    def plan(self, prefix: str = "", *, planner: Planner | None = None, **given: Any) -> list[Page]:
        """Plan to the end as the state machine does, and return the pages; `given` begins the run."""
        planner = planner or self.planner()
        step = planner.plan(run=RUN, given=RunInput(prefix=prefix, **given), page=0, token=None)
        while not step.done:
            step = planner.plan(run=RUN, given=RunInput(prefix=prefix), page=step.page, token=step.token)
        return list(self.files.pages())

    def write_source(self, *lines: object) -> None:
        """Write the file of a run over a file."""
        written = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        self.artifacts.write(self.files.keys.source, b"".join(line + b"\n" for line in written))

    def preparer(self, models: Mapping[str, str] = MODELS) -> Preparer:
        return Preparer(
            index=self.house.index, loading=self.house.index, artifacts=self.artifacts, model_names=models
        )

    def transform(
        self, *, change: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda line: line
    ) -> None:
        """Answer the shards of the manifest as a job does; `change` may spoil lines, or drop them."""
        _, *shards = json.loads(self.artifacts.read(self.files.keys.manifest) or b"[null]")
        for file in shards:
            records = map(json.loads, self.artifacts.lines(self.files.keys.shards + file))
            lines = [change(self._line(record)) for record in records]
            content = b"".join(line_bytes(line) for line in lines if line is not None)
            self.artifacts.write(f"{self.files.keys.embeddings}{file}.out", content)

    def _line(self, record: Mapping[str, str]) -> dict[str, Any]:
        key = record["id"]
        try:
            if "text" in record:
                (text,) = self.house.embedder.embed(fingerprint=FINGERPRINT, texts=[record["text"]])
                return answer_line(key, text)
            return answer_line(key, self.house.embedder.embed_stored(fingerprint=FINGERPRINT, key=key))
        except ImageSearchError as error:
            return error_line(key, error.code, error.message)

    def embed(
        self, *, change: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda line: line, **given: Any
    ) -> None:
        """Plan, prepare and transform."""
        self.plan(**given)
        self.preparer().prepare(RUN)
        self.transform(change=change)

    def loader(
        self, before: Callable[[str], None] = lambda _: None, artifacts: ArtifactStore | None = None
    ) -> Loader:
        """A loader that calls `before` at every moment at which others can act."""
        index: VectorIndex = watched(self.house.index, before)
        pictures: PictureStore = watched(self.house.pictures, before)
        return Loader(
            artifacts=artifacts or self.artifacts,
            index=index,
            pictures=pictures,
            indexer=watched_indexer(self.house, before),
            embedder=watched(self.house.embedder, before),
            attributes=ATTRIBUTES,
            read=sagemaker_answers,
        )

    def load(self, before: Callable[[str], None] = lambda _: None) -> list[ShardResult]:
        """Index every output, as the map does."""
        outputs = list(self.artifacts.keys(self.files.keys.embeddings))
        return [self.loader(before).load(run=RUN, key=key) for key in outputs]

    def finisher(self, *, seconds: float = 10) -> Finisher:
        return Finisher(
            loading=self.house.index,
            artifacts=self.artifacts,
            instances=INSTANCES,
            clock=lambda: BEGUN + timedelta(seconds=seconds),
        )

    def run_through(self, prefix: str = "", **given: Any) -> Report:
        """Go through the whole run, and return its report."""
        self.embed(prefix=prefix, **given)
        self.load()
        return self.finisher().finish(RUN)

    def captioned(self, caption: str) -> list[str]:
        """Return the keys of the pictures whose caption's vector is that of this text."""
        (text,) = self.house.embedder.embed(fingerprint=FINGERPRINT, texts=[caption])
        name = self.house.index.active().name
        (matches,) = self.house.index.search(name, [Nearest(part="caption", vector=text.vector)], k=1000)
        return sorted(match.image.key for match in matches if match.score >= 0.9999)

    def rejects(self) -> dict[str, str]:
        """Return the codes of the rejected keys."""
        return {
            reject["key"]: reject["code"]
            for key in self.artifacts.keys(f"rejects/{RUN}/")
            for reject in map(json.loads, self.artifacts.lines(key))
        }

    def second_index(self) -> str:
        """Make a second index of the same model, and return its name."""
        second = replace(self.house.index.active(), name="images-5e5e5e5e5e5e-2")
        self.house.index.create(second)
        return second.name

    def move_alias(self) -> None:
        """Let the alias lead to a second index of the same model; the first is not kept any more."""
        self.house.index.point_alias(self.second_index())


def bulk_house(*, model: str = FINGERPRINT, contents: Mapping[str, bytes] | None = None) -> BulkHouse:
    """A house with these pictures, and no run yet."""
    house = in_memory_house(model=model)
    for key, content in (contents or {}).items():
        house.pictures.put(key, content)
    return BulkHouse(house=house, artifacts=InMemoryArtifactStore())
