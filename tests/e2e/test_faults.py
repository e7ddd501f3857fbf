"""What fails while a library is indexed costs time and nothing else: the index equals S3 in the end."""

import json
import random
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import boto3
import pytest

from imagesearch.bulk.entries import SHARD_RECORDS
from imagesearch_client import ImageSearchClient
from scripts.bulk.runs import Run
from scripts.target import LOCAL_CREDENTIALS, Target
from stacks import names
from stacks.settings import LOCAL
from tests.e2e.command import Command
from tests.e2e.house import House, kill
from tests.e2e.library import Library
from tests.pictures import corrupt, jpeg
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.faults,
    pytest.mark.verified(
        "Faults: parts killed, events twice and out of order, pictures that change meanwhile", on="emulator"
    ),
]

SHARDS = 3
NAMES = [f"{number:04}.jpg" for number in range((SHARDS - 1) * SHARD_RECORDS + 100)]
FIRST_OF_EACH_SHARD = NAMES[::SHARD_RECORDS]
DAMAGED = NAMES[7::97]
INDEX_FUNCTION = {"AWS_LAMBDA_FUNCTION_NAME": names.function(LOCAL, "bulk_index")}


@dataclass(frozen=True)
class Faults:
    """A library of several shards, some of its pictures damaged, that the index has lost."""

    library: Library
    house: House
    imagesearch: Command

    def start(self) -> tuple[str, "subprocess.Popen[str]"]:
        """A bulk run over the library, as soon as it has begun, and the command that watches it."""
        prefix = self.library.prefix
        before = self.house.runs_over(prefix)
        watching = self.imagesearch.start("bulk", prefix, "--json")
        begun = wait_for(lambda: self.house.runs_over(prefix) - before or None, "the run to begin")
        return begun.pop(), watching

    def finish(self, run: str, watching: "subprocess.Popen[str]") -> Run:
        """The run as it ended, after it was resumed where the fault had ended it."""
        said, complaints = watching.communicate(timeout=600)
        ended = Run.model_validate_json(said)
        if ended.status == "complete":
            return ended
        resumed = self.imagesearch("bulk", "--resume", run, "--json")
        assert resumed.stdout, f"{complaints}\n{resumed.stderr}"
        return Run.model_validate_json(resumed.stdout)

    def wait_until_written(self, *names: str) -> None:
        """Wait until one of these pictures has a document."""
        wait_for(lambda: any(self.house.are_written(self.library, names)) or None, "a document")

    def put(self, name: str, data: bytes) -> None:
        self.library.put(name, data)

    def is_equal(self) -> bool:
        """Whether the index holds each of the library's objects once, as it is, and nothing else."""
        held = [(document["key"], document["etag"]) for document in self.house.documents(self.library)]
        return sorted(held) == sorted(self.house.objects(self.library).items())

    def assert_equal_to_s3(self, run: Run) -> None:
        assert (run.status, run.missing_shards) == ("complete", ())
        assert run.planned == run.indexed + run.rejected
        assert self.is_equal()
        states = {document["key"]: document["state"] for document in self.house.documents(self.library)}
        rejected = {key for key, state in states.items() if state == "rejected"}
        assert rejected == {self.library.key(name) for name in DAMAGED} & states.keys()


@pytest.fixture(scope="module")
def uploaded(deployment: Target, client: ImageSearchClient, house: House) -> Library:
    library = Library(client=client, s3=deployment.s3(), bucket=deployment.image_bucket(), prefix="faults/")
    with house.without_events(), ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda name: library.put(name, picture(name)), NAMES))
    return library


@pytest.fixture
def faults(uploaded: Library, house: House, imagesearch: Command) -> Iterator[Faults]:
    house.forget_all(uploaded)
    with house.without_events():
        yield Faults(uploaded, house, imagesearch)


def picture(name: str, *, edition: int = 0) -> bytes:
    return corrupt() if name in DAMAGED else jpeg(seed=NAMES.index(name) + 10_000 * edition)


def test_opensearch_killed_amid_indexing_and_started_again(faults: Faults, house: House) -> None:
    intervals = house.refresh_intervals()
    run, watching = faults.start()
    faults.wait_until_written(*FIRST_OF_EACH_SHARD)

    house.kill_opensearch()
    house.start_opensearch()

    faults.assert_equal_to_s3(faults.finish(run, watching))
    assert house.refresh_intervals() == intervals


def test_the_model_server_killed_amid_a_transform(faults: Faults, house: House) -> None:
    run, watching = faults.start()
    outputs = f"runs/{run}/embeddings/"
    embedded = wait_for(lambda: house.written(outputs) or None, "the first shard to be embedded")

    kill(house.model_servers_of_jobs())
    ended = faults.finish(run, watching)

    faults.assert_equal_to_s3(ended)
    assert len(embedded) < SHARDS, "the transform had ended before its model server was killed"
    assert embedded.items() <= house.written(outputs).items(), "what was embedded was embedded again"


@pytest.mark.parametrize("seed", [1, 2])
def test_the_index_function_killed_at_a_random_document(faults: Faults, house: House, seed: int) -> None:
    # One of the first shard: the last one has not begun then, as two are indexed at once.
    name = random.Random(seed).choice(NAMES[:SHARD_RECORDS])  # noqa: S311 - test data
    run, watching = faults.start()
    faults.wait_until_written(name)

    indexing = house.processes(**INDEX_FUNCTION)
    kill(indexing)

    assert indexing
    faults.assert_equal_to_s3(faults.finish(run, watching))


def test_pictures_deleted_and_replaced_while_they_are_embedded(faults: Faults, house: House) -> None:
    run, watching = faults.start()
    wait_for(lambda: "planned.json" in house.written(f"runs/{run}/") or None, "the run to be planned")
    deleted, replaced, described = NAMES[1::60], NAMES[2::60], NAMES[3::60]

    for name in deleted:
        faults.library.delete(name)
    for name in replaced:
        faults.put(name, picture(name, edition=1))
    for name in described:
        faults.put(f"{name}.json", json.dumps({"title": name}).encode())
    ended = faults.finish(run, watching)

    objects = house.objects(faults.library)
    for name in described:
        sidecar = objects.pop(faults.library.key(f"{name}.json"))
        (document,) = [
            each for each in house.documents(faults.library) if each["key"] == faults.library.key(name)
        ]
        assert (document["title"], document["sidecar"]) == (name, sidecar)
        faults.library.delete(f"{name}.json")
    assert ended.planned == ended.indexed + ended.rejected == len(NAMES)
    assert sorted(objects.items()) == sorted(
        (document["key"], document["etag"]) for document in house.documents(faults.library)
    )
    for name in (*deleted, *replaced):
        faults.put(name, picture(name))


def test_events_delivered_twice_and_out_of_order(
    deployment: Target, faults: Faults, library: Library, house: House
) -> None:
    chance = random.Random(3)  # noqa: S311 - test data
    sqs = boto3.client(
        "sqs", endpoint_url=deployment.aws_endpoint_url, region_name=deployment.region, **LOCAL_CREDENTIALS
    )
    events = []
    for step in range(16):
        name = f"{chance.randrange(6)}.jpg"
        if chance.random() < 0.3:
            library.delete(name)
            events.append(("Object Deleted", library.key(name)))
        else:
            library.put(name, jpeg(seed=step))
            events.append(("Object Created", library.key(name)))
    twice = [*events, *events]
    chance.shuffle(twice)
    mixed = Faults(library, house, faults.imagesearch)
    assert not mixed.is_equal()

    for kind, key in twice:
        detail = {"bucket": {"name": library.bucket}, "object": {"key": key}}
        told = {"id": str(uuid4()), "time": datetime.now(UTC).isoformat(), "source": "aws.s3"}
        body = json.dumps({**told, "detail-type": kind, "detail": detail})
        sqs.send_message(QueueUrl=queue_of_pictures(sqs), MessageBody=body)

    wait_for(lambda: mixed.is_equal() or None, "the index to equal S3")


def queue_of_pictures(sqs: Any) -> str:
    """The queue that ingest reads, which is the one with a dead-letter queue behind it."""
    for url in sqs.list_queues()["QueueUrls"]:
        if "RedrivePolicy" in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]:
            return str(url)
    raise AssertionError("no queue has a dead-letter queue")
