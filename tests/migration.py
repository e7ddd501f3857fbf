"""A migration on in-memory parts: pictures, an old index that holds them, the models of both, and a clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from imagesearch.adapters.in_memory import InMemoryArtifactStore, InMemoryEmbedder
from imagesearch.errors import ModelUnavailableError
from imagesearch.indexing import Indexer
from imagesearch.migration.gate import Gate
from imagesearch.migration.records import Record, RecordFiles
from imagesearch.migration.steps import Migration, Policy
from imagesearch.models import Embedding, PictureEmbedding
from imagesearch.ports import Embedder
from tests.builders import ATTRIBUTES, FINGERPRINT, OTHER_FINGERPRINT, PNG, InMemoryHouse, in_memory_house
from tests.watched import watched

OLD, NEW = f"images-{FINGERPRINT[:12]}-1", f"images-{OTHER_FINGERPRINT[:12]}-1"
DIMENSION = 16
BEGUN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
PICTURES = tuple(f"{number:02}.png" for number in range(12))
SETTLING = timedelta(seconds=35)
DRAIN = timedelta(hours=2)


class Models:
    """The endpoints of several models; one that is not deployed does not answer."""

    def __init__(self, deployed: dict[str, Embedder]) -> None:
        self.deployed = deployed

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        return self._model(fingerprint).embed(fingerprint=fingerprint, texts=texts, pictures=pictures)

    def embed_stored(self, *, fingerprint: str, key: str) -> PictureEmbedding:
        return self._model(fingerprint).embed_stored(fingerprint=fingerprint, key=key)

    def _model(self, fingerprint: str) -> Embedder:
        if fingerprint not in self.deployed:
            raise ModelUnavailableError("There is no such endpoint.", retry_after=5)
        return self.deployed[fingerprint]


@dataclass(kw_only=True)
class MigrationHouse:
    """Everything that a migration meets; `now` is what the clock says."""

    house: InMemoryHouse
    models: Models
    artifacts: InMemoryArtifactStore = field(default_factory=InMemoryArtifactStore)
    now: datetime = BEGUN
    min_recall: float = 0.95

    def migration(self, before: Callable[[str], None] = lambda _: None) -> Migration:
        """The steps, which call `before` with the name of each call that they make."""
        index: Any = watched(self.house.index, before)
        artifacts: Any = watched(self.artifacts, before)
        gate = Gate(
            index=index,
            probe=index,
            embedder=self.models,
            artifacts=artifacts,
            min_recall=self.min_recall,
            sample=20,
            pause=self.wait,
            clock=lambda: self.now,
        )
        policy = Policy(
            alias="images",
            space="cosinesimil",
            shards=1,
            replicas=0,
            drain_hours=DRAIN / timedelta(hours=1),
            longest_invocation_seconds=30,
        )
        return Migration(
            administration=index,
            embedder=self.models,
            artifacts=artifacts,
            gate=gate,
            policy=policy,
            clock=lambda: self.now,
        )

    def wait(self, time: timedelta | float) -> None:
        self.now += time if isinstance(time, timedelta) else timedelta(seconds=time)

    @property
    def indexer(self) -> Indexer:
        """Live ingest, which is told at once which indices are kept."""
        return Indexer(
            embedder=self.models, index=self.house.index, pictures=self.house.pictures, attributes=ATTRIBUTES
        )

    def put(self, key: str, content: bytes = PNG) -> None:
        self.house.pictures.put(key, content + key.encode())
        self.indexer.bring_in_line(key)

    def load(self) -> None:
        """What a bulk run into the new index leads to."""
        for state in list(self.house.pictures.listing()):
            self.indexer.bring_in_line(state.key)

    def record(self) -> Record | None:
        return RecordFiles(self.artifacts).unfinished()

    def known_record(self) -> Record:
        record = self.record()
        assert record is not None
        return record

    @property
    def active(self) -> str:
        return self.house.index.active().name

    @property
    def written(self) -> set[str]:
        return {index.name for index in self.house.index.written()}

    @property
    def indices(self) -> set[str]:
        return {index.name for index in self.house.index.indices()}


def migration_house() -> MigrationHouse:
    """A library in its first index, and a second model beside the one that made it."""
    house = in_memory_house()
    other = InMemoryEmbedder(fingerprint=OTHER_FINGERPRINT, dimension=DIMENSION, pictures=house.pictures)
    models = Models({FINGERPRINT: house.embedder, OTHER_FINGERPRINT: other})
    migrating = MigrationHouse(house=house, models=models)
    for key in PICTURES:
        migrating.put(key)
    return migrating


def loaded() -> MigrationHouse:
    """A house whose new index was begun and loaded."""
    house = migration_house()
    house.migration().begin(fingerprint=OTHER_FINGERPRINT, dimension=DIMENSION)
    house.wait(SETTLING)
    house.load()
    return house


def checked() -> MigrationHouse:
    """A house whose new index may take over."""
    house = loaded()
    house.migration().check()
    return house


def switched() -> MigrationHouse:
    """A house whose searches use the new index."""
    house = checked()
    house.migration().switch()
    return house
