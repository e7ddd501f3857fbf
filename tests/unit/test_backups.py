"""Backups from the command line to the in-memory index: the function's events, and what the command says."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import TypeAdapter

from imagesearch.adapters.in_memory import InMemoryArtifactStore
from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.adapters.in_memory_snapshots import InMemorySnapshots
from imagesearch.backups import Backups, IndexPolicy, Status
from imagesearch.entrypoints.backup import build_handler
from imagesearch.errors import (
    EventInvalidError,
    IndexMissingError,
    MigrationActiveError,
    SearchUnavailableError,
)
from imagesearch.models import IndexInfo
from scripts.backup.command import Command
from scripts.backup.function import BackupFunction
from scripts.errors import CommandError
from scripts.migration.environments import Environment
from stacks.model_lock import LockedModel, ModelLock
from tests.builders import DIMENSION, FINGERPRINT, OTHER_FINGERPRINT, an_image, an_index, embedded
from tests.migration import OLD, MigrationHouse, migration_house

EAST = (1.0, 0.0, 0.0, 0.0)


@dataclass(kw_only=True)
class House:
    """An index with a picture, its snapshots, and the function before them."""

    memory: InMemoryVectorIndex = field(default_factory=InMemoryVectorIndex)
    artifacts: InMemoryArtifactStore = field(default_factory=InMemoryArtifactStore)
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.snapshots = InMemorySnapshots(self.memory)
        self.index = an_index()
        self.memory.create(self.index)
        self.memory.point_alias(self.index.name)
        self.memory.put_image(self.index.name, embedded(an_image("a.jpg"), EAST))
        self._handler = build_handler(self.backups)

    def backups(self) -> Backups:
        return Backups(
            snapshots=self.snapshots,
            administration=self.memory,
            index=self.memory,
            artifacts=self.artifacts,
            policy=IndexPolicy(alias="images", space="cosinesimil", shards=1, replicas=0),
        )

    def call(self, **event: Any) -> dict[str, Any]:
        """The answer as it travels."""
        answer: dict[str, Any] = json.loads(json.dumps(self._handler(event, None)))
        return answer

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        """As a Lambda client does it."""
        assert FunctionName == "backup"
        self.events.append(json.loads(Payload))
        return {"Payload": io.BytesIO(json.dumps(self._handler(self.events[-1], None)).encode())}

    def command(self, lock: Path, say: Callable[[str], None] = lambda _: None) -> Command:
        environment = Environment(
            name="dev",
            option=" --env dev",
            session=boto3.Session("testing", "testing", region_name="us-east-1"),
            endpoint_url=None,
            lock=lock,
            deploy=lambda _: None,
            ending="",
        )
        function = BackupFunction(client=self, name="backup", pause=lambda _: None)
        return Command(environment=environment, function=function, say=say, pause=lambda _: None)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """The models that are published: that of the index."""
    path = tmp_path / "model.lock"
    model = LockedModel("d" * 64, FINGERPRINT, DIMENSION, "3.12")
    ModelLock().with_model("clip", model).save(path)
    return path


# The function.


def test_the_status_is_read_back_as_what_it_was() -> None:
    house = House()
    house.call(action="create")
    assert TypeAdapter(Status).validate_python(house.call(action="status")) == house.backups().status()


def test_each_action_says_what_it_was_about() -> None:
    house = House()
    snapshot = house.call(action="create")["subject"]
    index = house.call(action="restore", snapshot=snapshot)["subject"]
    assert index == f"images-{FINGERPRINT[:12]}-{snapshot}"
    assert house.call(action="discard", index=index)["subject"] == index
    assert house.call(action="delete", snapshot=snapshot)["snapshots"] == []


def test_a_refusal_is_an_answer_with_a_code_and_a_sentence() -> None:
    house = House()
    said = house.call(action="restore", snapshot="nothing")["error"]
    assert said == {
        "code": "snapshot_unknown",
        "message": "There is no snapshot nothing. See: imagesearch backup list.",
    }


def test_a_snapshot_that_failed_is_not_restored() -> None:
    house = House()
    snapshot = house.call(action="create")["subject"]
    house.snapshots.fail(snapshot, "a shard was lost")
    said = house.call(action="restore", snapshot=snapshot)["error"]
    assert (said["code"], "a shard was lost" in said["message"]) == ("snapshot_unusable", True)


def test_an_index_that_lacks_a_part_does_not_take_over() -> None:
    house = House()
    index = house.call(action="restore", snapshot=house.call(action="create")["subject"])["subject"]
    house.memory.lose(house.index.name)
    house.snapshots.lost = {index}
    assert house.call(action="adopt", index=index)["error"]["code"] == "index_unready"
    house.snapshots.lost = set()
    assert house.call(action="adopt", index=index)["active"]["name"] == index


def test_an_index_that_has_lost_a_part_gives_way() -> None:
    house = House()
    index = house.call(action="restore", snapshot=house.call(action="create")["subject"])["subject"]
    house.snapshots.lost = {house.index.name}
    assert house.call(action="adopt", index=index)["active"]["name"] == index


def test_a_new_index_of_a_model_has_the_next_number() -> None:
    house = House()
    house.snapshots.lost = {house.index.name}
    status = house.call(action="renew", fingerprint=FINGERPRINT, dimension=DIMENSION)
    assert status["active"]["name"] == f"images-{FINGERPRINT[:12]}-2"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"action": "burn"},
        {"action": "create", "snapshot": "one"},
        {"action": "restore"},
        {"action": "restore", "snapshot": "Upper/../case"},
        {"action": "renew", "fingerprint": "5e", "dimension": 4},
    ],
)
def test_an_event_that_is_no_step_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(EventInvalidError):
        build_handler(House().backups)(event, None)


# The command.


def test_a_snapshot_is_taken_and_told(lock: Path) -> None:
    house, said = House(), list[str]()
    snapshot = house.command(lock, said.append).create()
    assert (snapshot.state, snapshot.pictures, snapshot.index) == ("complete", 1, house.index)
    assert said == [f"Snapshot {snapshot.name} is being taken; Ctrl-C ends only the watching."]


def test_a_snapshot_that_fails_is_told_with_what_to_do(lock: Path) -> None:
    house = House()
    begin = house.snapshots.begin

    def fails(name: str, index: IndexInfo, *, pictures: int) -> None:
        begin(name, index, pictures=pictures)
        house.snapshots.fail(name, "S3 is full of water")

    house.snapshots.begin = fails  # type: ignore[method-assign]
    with pytest.raises(CommandError) as raised:
        house.command(lock).create()
    assert raised.value.code == "snapshot_failed"
    assert "S3 is full of water" in raised.value.message
    assert "imagesearch backup delete" in raised.value.message


def test_what_passes_by_itself_is_waited_for(lock: Path) -> None:
    house, refusals = House(), [SearchUnavailableError("OpenSearch is overloaded.", retry_after=5)] * 2
    begin = house.snapshots.begin

    def overloaded(name: str, index: IndexInfo, *, pictures: int) -> None:
        if refusals:
            raise refusals.pop()
        begin(name, index, pictures=pictures)

    house.snapshots.begin = overloaded  # type: ignore[method-assign]
    assert house.command(lock).create().state == "complete"
    assert [event["action"] for event in house.events] == ["create"] * 3


def test_a_snapshot_of_a_model_that_nobody_has_is_not_brought_back(lock: Path) -> None:
    house = House()
    other = IndexInfo(
        name="images-old-1", fingerprint=OTHER_FINGERPRINT, dimension=DIMENSION, space="cosinesimil"
    )
    house.memory.create(other)
    house.memory.point_alias(other.name)
    snapshot = house.command(lock).create().name
    with pytest.raises(CommandError) as raised:
        house.command(lock).restore(snapshot)
    assert raised.value.code == "model_not_published"


def test_a_refusal_of_the_function_is_the_commands(lock: Path) -> None:
    with pytest.raises(CommandError) as raised:
        House().command(lock).delete("nothing")
    assert raised.value.code == "snapshot_unknown"
    house = House()
    with pytest.raises(CommandError) as raised:
        house.command(lock).discard(house.index.name)
    assert raised.value.code == "index_in_use"


# A restored index beside one that is searched.


def restored_beside(house: MigrationHouse) -> str:
    """An index restored from a snapshot of the old one."""
    memory = house.house.index
    name = f"images-{FINGERPRINT[:12]}-20260301-123000"
    memory.create(replace(memory.active(), name=name))
    memory.put_many(name, memory.documents(OLD).values())
    return name


def test_a_migration_takes_a_restored_index_as_its_new_one() -> None:
    house = migration_house()
    name = restored_beside(house)
    begun = house.migration().begin(fingerprint=FINGERPRINT, dimension=32, index=name)
    assert begun.migration is not None
    assert begun.migration.new.name == name
    assert [index.name for index in begun.written] == [OLD, name]
    # The same step again goes on with it.
    assert house.migration().begin(fingerprint=FINGERPRINT, dimension=32, index=name) == begun
    with pytest.raises(MigrationActiveError):
        house.migration().begin(fingerprint=FINGERPRINT, dimension=32, index=f"{name}-2")


def test_an_index_that_there_is_not_is_no_new_one() -> None:
    house = migration_house()
    with pytest.raises(IndexMissingError):
        house.migration().begin(fingerprint=FINGERPRINT, dimension=32, index="images-nowhere")
    assert house.migration().status().migration is None
