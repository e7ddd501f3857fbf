"""One suite for copies of the index: in memory, and a real OpenSearch that keeps snapshots in a folder."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from opensearchpy import OpenSearch

from imagesearch.adapters.in_memory import InMemoryArtifactStore
from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.adapters.in_memory_snapshots import InMemorySnapshots
from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_administration import OpenSearchAdministration
from imagesearch.adapters.opensearch_snapshots import OpenSearchSnapshots
from imagesearch.backups import Backups, IndexPolicy, Status
from imagesearch.errors import (
    IndexInUseError,
    IndexLiveError,
    IndexMissingError,
    RepositoryRefusedError,
    SnapshotUnknownError,
)
from imagesearch.migration.records import Record, RecordFiles
from imagesearch.models import IndexInfo, Vector
from imagesearch.ports import IndexAdministration, SnapshotStore, VectorIndex
from imagesearch.queries import Nearest
from tests.builders import ATTRIBUTES, DIMENSION, FINGERPRINT, a_reject, an_image, embedded
from tests.contract.indices import EAST, NORTH, NORTH_EAST, WEST, keys
from tests.waiting import wait_for

BEGUN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
VECTORS = {"east.jpg": EAST, "north.jpg": NORTH, "north-east.jpg": NORTH_EAST, "west.jpg": WEST}


@dataclass(kw_only=True)
class Under:
    """Backups on the adapters under test; `lose` removes an index as a fault does, `settle` shows writes."""

    alias: str
    snapshots: SnapshotStore
    administration: IndexAdministration
    index: VectorIndex
    lose: Callable[[str], object]
    settle: Callable[[], object]
    artifacts: InMemoryArtifactStore = field(default_factory=InMemoryArtifactStore)
    now: datetime = BEGUN

    def backups(self) -> Backups:
        return Backups(
            snapshots=self.snapshots,
            administration=self.administration,
            index=self.index,
            artifacts=self.artifacts,
            policy=IndexPolicy(alias=self.alias, space="cosinesimil", shards=1, replicas=0),
            clock=lambda: self.now,
        )

    def name(self, suffix: str | int) -> str:
        return f"{self.alias}-{FINGERPRINT[:12]}-{suffix}"

    def filled(self) -> str:
        """The active index, with four pictures and a reject."""
        info = IndexInfo(name=self.name(1), fingerprint=FINGERPRINT, dimension=DIMENSION, space="cosinesimil")
        self.administration.put_template(shards=1, replicas=0)
        self.administration.create(info)
        self.administration.point_alias(info.name)
        images = [embedded(an_image(key), vector) for key, vector in VECTORS.items()]
        self.index.put_many(info.name, [*images, a_reject("notes.txt")])
        self.settle()
        return info.name

    def taken(self) -> str:
        """A complete snapshot of the active index."""
        name = self.backups().create().subject
        assert name is not None
        self._when(lambda status: {one.name: one.state for one in status.snapshots}.get(name) == "complete")
        return name

    def restored(self, snapshot: str) -> str:
        """The index that a snapshot has become."""
        index = self.backups().restore(snapshot).subject
        assert index is not None
        self._when(lambda status: index not in status.unready)
        return index

    def found(self, index: str, vector: Vector) -> list[str]:
        (matches,) = self.index.search(index, [Nearest(part="picture", vector=vector)], k=3)
        return keys(matches)

    def _when(self, holds: Callable[[Status], bool]) -> None:
        wait_for(lambda: holds(self.backups().status()) or None, "a snapshot")


@pytest.fixture(
    params=[
        "in memory",
        pytest.param(
            "OpenSearch",
            marks=pytest.mark.verified(
                "Snapshots: taken, an index lost, restored (repository `fs`)", on="genuine part"
            ),
        ),
    ]
)
def under(request: pytest.FixtureRequest, alias: str) -> Iterator[Under]:
    if request.param == "in memory":
        memory = InMemoryVectorIndex()
        yield Under(
            alias=alias,
            snapshots=InMemorySnapshots(memory),
            administration=memory,
            index=memory,
            lose=memory.lose,
            settle=lambda: None,
        )
        return
    client: OpenSearch = request.getfixturevalue("client")
    repository = f"contract-{uuid.uuid4().hex[:12]}"
    yield Under(
        alias=alias,
        snapshots=OpenSearchSnapshots(
            client=client, alias=alias, repository=repository, location=_folder(repository)
        ),
        administration=OpenSearchAdministration(
            client=client, alias=alias, engine="lucene", attributes=ATTRIBUTES
        ),
        index=OpenSearchVectorIndex(client=client, alias=alias, clock=_ever_later()),
        lose=lambda index: client.indices.delete(index=index),
        settle=lambda: client.indices.refresh(index=f"{alias}-*"),
    )
    # A repository is in use while one of its snapshots is being restored.
    client.indices.delete(index=f"{alias}-*")
    client.snapshot.delete_repository(repository=repository, ignore=[404])


def _folder(name: str) -> dict[str, object]:
    return {"type": "fs", "settings": {"location": name}}


def _ever_later() -> Callable[[], float]:
    """A clock on which everything remembered is old already."""
    return iter(range(0, 10**9, 60)).__next__


def test_a_lost_index_is_restored_and_finds_the_same(under: Under) -> None:
    lost = under.filled()
    before = {key: under.found(lost, vector) for key, vector in VECTORS.items()}
    snapshot = under.taken()
    under.lose(lost)
    assert under.backups().status().active is None

    index = under.restored(snapshot)
    status = under.backups().adopt(index)

    assert (status.active and status.active.name) == index == under.name(snapshot)
    assert status.written == (status.active,)
    assert {key: under.found(index, vector) for key, vector in VECTORS.items()} == before
    assert sorted(under.index.keys(index)) == sorted([*VECTORS, "notes.txt"])


def test_a_snapshot_tells_what_it_is_of(under: Under) -> None:
    index = under.filled()
    name = under.taken()
    (snapshot,) = under.backups().status().snapshots
    assert (snapshot.name, snapshot.state, snapshot.pictures) == ("20260301-123000", "complete", 4)
    assert name == snapshot.name
    assert snapshot.index == under.administration.active()
    assert snapshot.index.name == index


def test_snapshots_hold_what_there_was_when_they_were_taken(under: Under) -> None:
    index = under.filled()
    earlier = under.taken()
    under.index.put_image(index, embedded(an_image("later.jpg"), NORTH))
    under.settle()
    under.now += timedelta(minutes=1)
    later = under.taken()
    assert [each.name for each in under.backups().status().snapshots] == [later, earlier]
    assert "later.jpg" not in set(under.index.keys(under.restored(earlier)))
    assert "later.jpg" in set(under.index.keys(under.restored(later)))


def test_a_restored_index_never_takes_the_place_of_one_that_is_searched(under: Under) -> None:
    searched = under.filled()
    index = under.restored(under.taken())
    with pytest.raises(IndexLiveError):
        under.backups().adopt(index)
    status = under.backups().status()
    assert (status.active and status.active.name, len(status.indices)) == (searched, 2)


def test_a_restored_index_is_restored_once(under: Under) -> None:
    under.filled()
    snapshot = under.taken()
    first = under.restored(snapshot)
    under.index.put_image(first, embedded(an_image("later.jpg"), NORTH))
    under.settle()
    assert under.restored(snapshot) == first
    assert "later.jpg" in set(under.index.keys(first))


def test_an_index_that_nobody_uses_can_be_discarded(under: Under) -> None:
    searched = under.filled()
    index = under.restored(under.taken())
    status = under.backups().discard(index)
    assert [each.name for each in status.indices] == [searched]
    with pytest.raises(IndexInUseError):
        under.backups().discard(searched)


def test_a_deleted_snapshot_is_unknown(under: Under) -> None:
    under.filled()
    snapshot = under.taken()
    assert under.backups().delete(snapshot).snapshots == ()
    for call in (under.backups().delete, under.backups().restore):
        with pytest.raises(SnapshotUnknownError):
            call(snapshot)


def test_where_the_index_is_lost_a_new_one_has_a_name_of_its_own(under: Under) -> None:
    under.lose(under.filled())
    status = under.backups().renew(fingerprint=FINGERPRINT, dimension=DIMENSION)
    # Names are taken by what there is; the lost one is forgotten with its index.
    assert status.subject == under.name(1)
    assert under.index.count(under.name(1)) == 0


def test_an_index_that_is_searched_is_not_renewed(under: Under) -> None:
    searched = under.filled()
    status = under.backups().renew(fingerprint=FINGERPRINT, dimension=DIMENSION)
    assert (status.subject, len(status.indices)) == (searched, 1)
    assert under.index.count(searched) == 4


def test_a_migration_between_lost_indices_is_over(under: Under) -> None:
    searched = under.filled()
    snapshot = under.taken()
    records = RecordFiles(under.artifacts)
    old = under.administration.active()
    new = IndexInfo(name=under.name(2), fingerprint=FINGERPRINT, dimension=DIMENSION, space="cosinesimil")
    records.write(Record(old=old, new=new, begun_at=BEGUN))
    under.lose(searched)
    under.backups().adopt(under.restored(snapshot))
    assert records.unfinished() is None


def test_nothing_is_copied_where_there_is_no_index(under: Under) -> None:
    with pytest.raises(IndexMissingError):
        under.backups().create()
    with pytest.raises(IndexMissingError):
        under.backups().adopt(under.name(7))


def test_a_place_that_opensearch_may_not_write_is_refused_with_its_reason(
    client: OpenSearch, alias: str
) -> None:
    snapshots = OpenSearchSnapshots(
        client=client,
        alias=alias,
        repository=f"{alias}-elsewhere",
        location={"type": "fs", "settings": {"location": "/somewhere/else"}},
    )
    with pytest.raises(RepositoryRefusedError, match=r"path\.repo"):
        snapshots.all()


def test_a_repository_is_registered_anew_where_the_settings_have_changed(
    client: OpenSearch, alias: str
) -> None:
    def snapshots(folder: str) -> OpenSearchSnapshots:
        return OpenSearchSnapshots(client=client, alias=alias, repository=alias, location=_folder(folder))

    assert snapshots(f"{alias}-old").all() == ()
    assert snapshots(f"{alias}-new").all() == ()
    known = client.snapshot.get_repository(repository=alias)[alias]
    assert known["settings"]["location"] == f"{alias}-new"
    client.snapshot.delete_repository(repository=alias)
