"""A bulk run on in-memory parts: its steps, and a transform job that answers as the container does."""

import base64
import json
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from imagesearch.adapters.in_memory import InMemoryArtifactStore
from imagesearch.adapters.sagemaker_answers import stored_picture
from imagesearch.bulk.finishing import Finisher
from imagesearch.bulk.loading import Loader
from imagesearch.bulk.planning import Planner
from imagesearch.bulk.preparing import Preparer
from imagesearch.bulk.run_files import RunFiles
from imagesearch.bulk.runs import Page, ShardResult
from imagesearch.errors import ImageSearchError
from imagesearch.models import PictureEmbedding
from imagesearch.ports import ArtifactStore, PictureStore, VectorIndex
from tests.builders import FINGERPRINT, InMemoryHouse, in_memory_house
from tests.watched import watched, watched_indexer

RUN = "20260301-123000-00ff"
MODELS = {FINGERPRINT[:12]: "imagesearch-dev-5e5e5e5e5e5e-0123456789ab"}
BEGUN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def answer_line(key: str, picture: PictureEmbedding) -> dict[str, Any]:
    """A line of the model's output."""
    names = ("width", "height", "content_type", "perceptual_hash", "etag")
    return {
        "id": key,
        "fingerprint": picture.fingerprint,
        "embedding": base64.b64encode(array("f", picture.vector).tobytes()).decode(),
        "picture": {name: getattr(picture, name) for name in names},
    }


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

    def planner(self, *, pictures: PictureStore | None = None, models: Mapping[str, str] = MODELS) -> Planner:
        return Planner(
            pictures=pictures or self.house.pictures,
            index=self.house.index,
            artifacts=self.artifacts,
            image_bucket="pictures",
            model_names=models,
            clock=lambda: BEGUN,
        )

    def plan(self, prefix: str = "", *, planner: Planner | None = None) -> list[Page]:
        """Plan to the end as the state machine does, and return the pages."""
        step = (planner or self.planner()).plan(run=RUN, prefix=prefix, page=0, token=None)
        while not step.done:
            step = (planner or self.planner()).plan(run=RUN, prefix=prefix, page=step.page, token=step.token)
        return list(self.files.pages())

    def preparer(self, models: Mapping[str, str] = MODELS) -> Preparer:
        return Preparer(
            index=self.house.index, loading=self.house.index, artifacts=self.artifacts, model_names=models
        )

    def transform(self, *, change: Callable[[dict[str, Any]], object] = lambda line: line) -> None:
        """Answer the shards of the manifest as a job does; `change` may spoil lines, or drop them."""
        _, *shards = json.loads(self.artifacts.read(self.files.keys.manifest) or b"[null]")
        for file in shards:
            records = map(json.loads, self.artifacts.lines(self.files.keys.shards + file))
            lines = [change(self._line(record["id"])) for record in records]
            content = "".join(json.dumps(line) + "\n" for line in lines if line is not None)
            self.artifacts.write(f"{self.files.keys.embeddings}{file}.out", content.encode())

    def _line(self, key: str) -> dict[str, Any]:
        try:
            picture = self.house.embedder.embed_stored(fingerprint=FINGERPRINT, key=key)
        except ImageSearchError as error:
            return error_line(key, error.code, error.message)
        return answer_line(key, picture)

    def embed(self, **options: Any) -> None:
        """Plan, prepare and transform."""
        self.plan()
        self.preparer().prepare(RUN)
        self.transform(**options)

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
            read=stored_picture,
        )

    def load(self, before: Callable[[str], None] = lambda _: None) -> list[ShardResult]:
        """Index every output, as the map does."""
        outputs = list(self.artifacts.keys(self.files.keys.embeddings))
        return [self.loader(before).load(run=RUN, key=key) for key in outputs]

    def finisher(self, *, seconds: float = 10) -> Finisher:
        return Finisher(
            loading=self.house.index,
            artifacts=self.artifacts,
            clock=lambda: BEGUN + timedelta(seconds=seconds),
        )

    def rejects(self) -> dict[str, str]:
        """Return the codes of the rejected keys."""
        return {
            reject["key"]: reject["code"]
            for key in self.artifacts.keys(f"rejects/{RUN}/")
            for reject in map(json.loads, self.artifacts.lines(key))
        }

    def move_alias(self) -> None:
        """Let the alias lead to a second index of the same model."""
        second = replace(self.house.index.active(), name="images-5e5e5e5e5e5e-2")
        self.house.index.create(second)
        self.house.index.point_alias(second.name)


def bulk_house(*, model: str = FINGERPRINT, contents: Mapping[str, bytes] | None = None) -> BulkHouse:
    """A house with these pictures, and no run yet."""
    house = in_memory_house(model=model)
    for key, content in (contents or {}).items():
        house.pictures.put(key, content)
    return BulkHouse(house=house, artifacts=InMemoryArtifactStore())
