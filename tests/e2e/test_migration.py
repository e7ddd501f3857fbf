"""From one model to another while searches and changes go on: the environment of this module is its own."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from uuid import uuid4

import httpx
import pytest

from imagesearch_client import ImageSearchClient
from scripts.target import Target, client_of
from tests.deployed import deployed, own_command
from tests.e2e.command import Command
from tests.e2e.library import Library
from tests.pictures import corrupt, jpeg
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.verified("Changing the model while searches and changes go on", on="emulator")

OLD_MODEL, NEW_MODEL = "demo", "demo-256"
STEADY = {f"steady/{seed:02}.jpg": seed for seed in range(12)}
"""Pictures that nobody changes, each with the seed that it is drawn from."""
DIMENSIONS = {OLD_MODEL: 384, NEW_MODEL: 256}
TEXTS = ("a red square", "something blue", "a dark night", "green fields", "a bright circle", "a map")
COLOURS = ("red", "blue", "green", "yellow", "dark", "bright", "white", "brown", "purple", "grey")
LABELLED = tuple(
    f"a {colour} {thing}"
    for colour in COLOURS
    for thing in ("square", "circle", "field", "night", "map", "face")
)
"""So many that the models find others for some: of six texts both often find the same ten, in some order."""


class Searching(threading.Thread):
    """Searches without pause, by text and by picture, and remembers whatever was not as it must be."""

    def __init__(self, target: Target, library: Library) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._library = library
        self._ended = threading.Event()
        self.answers = 0
        self.indices: list[str] = []
        self.faults: list[str] = []

    def run(self) -> None:
        # Without patience: an answer that asks to come back later is a fault here.
        with client_of(self._target, patience=0) as client:
            while not self._ended.is_set():
                for name, seed in STEADY.items():
                    self._search(client, name, seed)

    def _search(self, client: ImageSearchClient, name: str, seed: int) -> None:
        try:
            by_text = client.search(TEXTS[seed % len(TEXTS)])
            found = client.search(picture=jpeg(seed=seed))
        except Exception as error:  # noqa: BLE001 - whatever went wrong is what this looks for
            self.faults.append(repr(error))
            return
        self.answers += 2
        for index in (by_text.index, found.index):
            if index not in self.indices:
                self.indices.append(index)
        best = found.hits[0] if found.hits else None
        # One model's vector among the other's would find anything, and nothing so near.
        if best is None or best.key != self._library.key(name) or abs(best.score - 1) > 1e-4:
            self.faults.append(f"{name} in {found.index}: {best}")

    def end(self) -> None:
        self._ended.set()
        self.join(timeout=PATIENCE_SECONDS)


@dataclass
class Changes:
    """A library that changes all the while."""

    library: Library
    count: int = 0

    def make(self) -> None:
        """Put a picture, replace the one before, and delete the one before that."""
        self.library.put(f"live/{self.count}.jpg", jpeg(seed=1_000 + self.count))
        if self.count >= 1:
            self.library.put(f"live/{self.count - 1}.jpg", jpeg(seed=2_000 + self.count))
        if self.count >= 2 and self.count % 2:
            self.library.delete(f"live/{self.count - 2}.jpg")
        self.count += 1


@dataclass(frozen=True, kw_only=True)
class World:
    """The deployed environment, and everything that happens in it."""

    command: Command
    target: Target
    client: ImageSearchClient
    library: Library
    searching: Searching
    changes: Changes
    opensearch: str
    folder: Path
    done: list[CompletedProcess[str]] = field(default_factory=list)

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.command("migrate", "--status", "--json", check=True).stdout)
        return status

    def documents(self, index: str) -> dict[str, str]:
        """The ETag of every document of an index, by key."""
        httpx.post(f"{self.opensearch}/{index}/_refresh", timeout=PATIENCE_SECONDS).raise_for_status()
        body = {"size": 1_000, "_source": ["key", "etag"]}
        answer = httpx.post(
            f"{self.opensearch}/{index}/_search", json=body, timeout=PATIENCE_SECONDS
        ).raise_for_status()
        sources = (hit["_source"] for hit in answer.json()["hits"]["hits"])
        return {source["key"]: source["etag"] for source in sources}

    def dimension(self, index: str) -> int:
        """How many numbers the vectors of an index have."""
        body = {"size": 1, "query": {"term": {"state": "indexed"}}, "_source": ["embedding"]}
        answer = httpx.post(
            f"{self.opensearch}/{index}/_search", json=body, timeout=PATIENCE_SECONDS
        ).raise_for_status()
        return len(answer.json()["hits"]["hits"][0]["_source"]["embedding"])

    def objects(self) -> dict[str, str]:
        listed = self.library.s3.list_objects_v2(Bucket=self.library.bucket)["Contents"]
        return {item["Key"]: item["ETag"].strip('"') for item in listed}

    def wait_until_equal_to_s3(self, *indices: str) -> None:
        for index in indices:
            wait_for(lambda: self.documents(index) == self.objects() or None, f"{index} to equal the bucket")  # noqa: B023

    def run_while_changing(self, *arguments: str) -> None:
        """Run a command to its end, with a change of the library every other second."""
        running = self.command.start(*arguments)
        ended = threading.Event()

        def change() -> None:
            while not ended.wait(2):
                self.changes.make()

        changing = threading.Thread(target=change, daemon=True)
        changing.start()
        said, complaints = running.communicate(timeout=600)
        ended.set()
        changing.join(timeout=PATIENCE_SECONDS)
        self.done.append(CompletedProcess(arguments, running.returncode, said, complaints))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("migration")
    command = own_command(folder)
    with (
        deployed(command, "--model", OLD_MODEL) as target,
        client_of(target) as client,
    ):
        yield _world(command, target, client, folder)


def _world(command: Command, target: Target, client: ImageSearchClient, folder: Path) -> World:
    library = Library(client=client, s3=target.s3(), bucket=target.image_bucket(), prefix=f"{uuid4().hex}/")
    for name, seed in STEADY.items():
        library.put(name, jpeg(seed=seed))
    library.put("damaged.jpg", corrupt())
    library.wait_until_indexed(*STEADY)
    library.wait_until_known("damaged.jpg")
    return World(
        command=command,
        target=target,
        client=client,
        library=library,
        searching=Searching(target, library),
        changes=Changes(library),
        opensearch=json.loads((folder / "environment.json").read_text())["opensearch_url"],
        folder=folder,
    )


@dataclass(frozen=True, kw_only=True)
class Migrated:
    """The world after its migration, and the names of its two indices."""

    world: World
    old: str
    new: str

    @property
    def active(self) -> str:
        return str(self.world.status()["active"]["name"])


@pytest.fixture(scope="module")
def migrated(world: World) -> Iterator[Migrated]:
    old = world.client.health().index
    world.searching.start()
    try:
        world.run_while_changing("migrate", "--model", NEW_MODEL)
        status = world.status()
        assert status["migration"], world.done
        yield Migrated(world=world, old=old, new=status["migration"]["new"]["name"])
    finally:
        world.searching.end()


def test_the_model_is_changed_while_no_search_fails_or_meets_the_other_models_vectors(
    migrated: Migrated,
) -> None:
    (done,) = migrated.world.done
    assert done.returncode == 0, done.stdout + done.stderr
    assert migrated.active == migrated.new
    assert migrated.world.searching.faults == []
    wait_for(lambda: len(migrated.world.searching.indices) == 2 or None, "searches of the new index")
    assert migrated.world.searching.indices == [migrated.old, migrated.new]
    assert migrated.world.searching.faults == []
    assert migrated.world.searching.answers > 50


def test_both_indices_hold_what_the_bucket_holds_each_in_its_models_vectors(migrated: Migrated) -> None:
    assert migrated.world.changes.count > 5, "nothing changed while the model was changed"
    migrated.world.wait_until_equal_to_s3(migrated.old, migrated.new)
    dimensions = [migrated.world.dimension(index) for index in (migrated.old, migrated.new)]
    assert dimensions == list(DIMENSIONS.values())


@pytest.fixture(scope="module")
def rolled_back(migrated: Migrated) -> Migrated:
    migrated.world.changes.make()
    migrated.world.command("migrate", "--rollback", check=True)
    return migrated


def test_a_rollback_answers_from_an_index_that_has_everything_that_came_since(rolled_back: Migrated) -> None:
    world = rolled_back.world
    assert rolled_back.active == rolled_back.old
    world.changes.make()
    world.wait_until_equal_to_s3(rolled_back.old, rolled_back.new)
    wait_for(lambda: world.client.search("x").index == rolled_back.old or None, "searches of the old index")
    assert world.searching.faults == []


@pytest.fixture(scope="module")
def refused(rolled_back: Migrated) -> CompletedProcess[str]:
    """The way forward, with labelled queries that the old model answers best by their making."""
    world = rolled_back.world
    world.wait_until_equal_to_s3(rolled_back.old)
    found = {text: wait_for(partial(_keys_of, rolled_back, text), "the old model") for text in LABELLED}
    lines = [json.dumps({"text": text, "relevant": keys}) for text, keys in found.items()]
    (world.folder / "labels.jsonl").write_text("\n".join(lines))
    return world.command("migrate", "--model", NEW_MODEL, "--labels", str(world.folder / "labels.jsonl"))


def _keys_of(rolled_back: Migrated, text: str) -> list[str] | None:
    """What is found in the old index; None where a function has not heard of the rollback yet."""
    answer = rolled_back.world.client.search(text, k=10)
    return [hit.key for hit in answer.hits] if answer.index == rolled_back.old else None


def test_a_model_that_answers_labelled_queries_worse_does_not_take_over(
    refused: CompletedProcess[str], rolled_back: Migrated
) -> None:
    assert refused.returncode == 1, refused.stdout
    assert "gate_failed" in refused.stderr
    assert f"Over {len(LABELLED)} labelled queries" in refused.stderr
    assert rolled_back.active == rolled_back.old


@pytest.fixture(scope="module")
def forced(refused: CompletedProcess[str], rolled_back: Migrated) -> Migrated:
    assert refused.returncode == 1
    labels = str(rolled_back.world.folder / "labels.jsonl")
    rolled_back.world.command("migrate", "--model", NEW_MODEL, "--labels", labels, "--force", check=True)
    return rolled_back


def test_a_forced_switch_is_remembered_with_who_forced_it(forced: Migrated) -> None:
    record = forced.world.status()["migration"]
    assert forced.active == forced.new
    assert "labelled queries" in record["forced"][0]["refusal"]
    assert record["forced"][0]["by"].startswith("arn:aws:")


def test_the_old_model_stays_deployed_until_the_migration_is_finished_and_may_go_then(
    forced: Migrated,
) -> None:
    world = forced.world
    too_early = world.command("local", "up", "--model", NEW_MODEL)
    assert (too_early.returncode, "model_in_use" in too_early.stderr) == (1, True), too_early.stderr

    world.command("migrate", "--finish", check=True)
    world.searching.end()
    assert world.searching.faults == []
    assert [index["name"] for index in world.status()["indices"]] == [forced.new]

    world.command("local", "up", "--model", NEW_MODEL, check=True)
    assert json.loads((world.folder / "environment.json").read_text())["models"] == [NEW_MODEL]
    world.changes.make()
    world.wait_until_equal_to_s3(forced.new)
    hit = world.client.search(picture=jpeg(seed=3)).hits[0]
    assert hit.key == world.library.key("steady/03.jpg")
    assert hit.score == pytest.approx(1.0, abs=1e-4)
