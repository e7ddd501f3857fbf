"""A whole library at once: plan, transform, index and finish, as deployed, started from the command line."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import CompletedProcess
from uuid import uuid4

import psutil
import pytest

from imagesearch_client import ImageSearchClient
from scripts.bulk.runs import Run
from scripts.target import Target
from tests.e2e.command import Command
from tests.e2e.house import House, kill
from tests.e2e.library import Library
from tests.pictures import corrupt, jpeg
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.verified("Way of a library: Step Functions → batch transform → index", on="emulator")

PICTURES = {"a.jpg": 21, "b.jpg": 22, "c.jpg": 23, "d.jpg": 24}


@dataclass(frozen=True)
class Ended:
    """A run as the command line showed it when it had ended."""

    done: CompletedProcess[str]
    library: Library

    @property
    def run(self) -> Run:
        return Run.model_validate_json(self.done.stdout)


@pytest.fixture(scope="module")
def found_again(deployment: Target, client: ImageSearchClient, house: House, imagesearch: Command) -> Ended:
    """A library with one damaged picture that the index had lost, after its bulk run."""
    library = Library(
        client=client, s3=deployment.s3(), bucket=deployment.image_bucket(), prefix=f"{uuid4().hex}/"
    )
    for name, seed in PICTURES.items():
        library.put(name, jpeg(seed=seed))
    library.put("damaged.jpg", corrupt())
    lose(library, house, *PICTURES, "damaged.jpg")
    return Ended(imagesearch("bulk", library.prefix, "--json"), library)


def test_a_library_that_the_index_had_lost_is_found_again(
    found_again: Ended, client: ImageSearchClient
) -> None:
    assert found_again.run.status == "complete", found_again.done.stderr
    for name, seed in PICTURES.items():
        hit = client.search(picture=jpeg(seed=seed), prefix=found_again.library.prefix).hits[0]
        assert hit.key == found_again.library.key(name)
        assert hit.score == pytest.approx(1.0, abs=1e-4)


def test_a_damaged_picture_is_rejected_with_its_reason_and_shows_in_the_exit_status(
    found_again: Ended, house: House, client: ImageSearchClient
) -> None:
    key = found_again.library.key("damaged.jpg")
    rejects = f"rejects/{found_again.run.run}/"
    (name,) = house.written(rejects)
    (line,) = house.read(rejects + name).splitlines()
    state = client.image(key)

    assert (json.loads(line)["key"], json.loads(line)["code"]) == (key, "picture_corrupt")
    assert json.loads(line)["message"].endswith(".")
    assert (state and state.state, state and state.error and state.error.code) == (
        "rejected",
        "picture_corrupt",
    )
    assert found_again.done.returncode == 2, "rejected pictures must show in the exit status"


def test_every_planned_picture_is_indexed_or_rejected(found_again: Ended, house: House) -> None:
    report = json.loads(house.read(f"runs/{found_again.run.run}/report.json"))

    assert (report["listed"], report["skipped"], report["planned"]) == (5, 0, 5)
    assert (report["indexed"], report["rejected"], report["missing_shards"]) == (4, 1, [])
    assert report["instance_seconds"] == pytest.approx(sum(report["job_seconds"].values()))
    assert report["instance_seconds"] > 0


def test_a_run_that_has_ended_is_shown_and_listed(found_again: Ended, imagesearch: Command) -> None:
    shown = imagesearch("runs", "show", found_again.run.run)
    listed = imagesearch("runs", "list", "--json", check=True)

    assert shown.returncode == 2
    assert "4 indexed, 1 rejected" in shown.stdout
    assert "picture_corrupt" in shown.stdout
    assert found_again.run.run in [run["run"] for run in json.loads(listed.stdout)]


def test_unchanged_pictures_are_skipped_by_the_next_run(found_again: Ended, imagesearch: Command) -> None:
    again = json.loads(imagesearch("bulk", found_again.library.prefix, "--json", check=True).stdout)

    assert (again["status"], again["listed"], again["skipped"], again["planned"]) == ("complete", 5, 5, 0)


def test_a_prefix_without_any_picture_is_a_complete_run_of_nothing(imagesearch: Command) -> None:
    run = json.loads(imagesearch("bulk", f"{uuid4().hex}/", "--json", check=True).stdout)

    counts = ("listed", "skipped", "planned", "indexed", "rejected")
    assert (run["status"], [run[name] for name in counts]) == ("complete", [0] * 5)


def test_interrupting_the_command_leaves_the_run_going(
    library: Library, house: House, imagesearch: Command
) -> None:
    library.put("a.jpg", jpeg(seed=31))
    lose(library, house, "a.jpg")
    watching = imagesearch.start("bulk", library.prefix)
    run = wait_for(lambda: house.runs_over(library.prefix) or None, "the run to begin").pop()

    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=PATIENCE_SECONDS)
    shown = imagesearch("runs", "show", run, "--watch", "--json", check=True)

    assert (watching.returncode, f"imagesearch runs show {run}" in said) == (130, True), said
    assert (json.loads(shown.stdout)["status"], json.loads(shown.stdout)["indexed"]) == ("complete", 1)


def test_a_run_whose_model_server_is_killed_fails_loudly_and_is_resumed_without_embedding_again(
    found_again: Ended, house: House, imagesearch: Command, client: ImageSearchClient
) -> None:
    intervals, library = house.refresh_intervals(), found_again.library
    run = half_embedded(found_again, house)
    outputs = f"runs/{run}/embeddings/"
    embedded = house.written(outputs)
    house.forget(library, *PICTURES, "damaged.jpg")

    with killing_model_servers(house):
        failed = imagesearch("bulk", "--resume", run)

    assert failed.returncode == 1, failed.stdout
    assert "failed: " in failed.stdout
    assert f"imagesearch bulk --resume {run}" in failed.stdout
    report = json.loads(house.read(f"runs/{run}/report.json"))
    assert (report["status"], report["planned"]) == ("failed", 5)
    assert len(report["missing_shards"]) == 2
    assert house.refresh_intervals() == intervals
    assert house.written(outputs) == embedded

    resumed = Ended(imagesearch("bulk", "--resume", run, "--json"), library).run

    assert (resumed.status, resumed.planned, resumed.indexed, resumed.rejected) == ("complete", 5, 4, 1)
    assert embedded.items() < house.written(outputs).items()
    assert house.refresh_intervals() == intervals
    hits = client.search("x", prefix=library.prefix).hits
    assert {hit.key for hit in hits} == set(map(library.key, PICTURES))


def test_a_run_that_is_stopped_leaves_the_index_searchable_at_once(
    library: Library, house: House, imagesearch: Command, deployment: Target
) -> None:
    intervals = house.refresh_intervals()
    library.put("a.jpg", jpeg(seed=32))
    lose(library, house, "a.jpg")
    run = json.loads(imagesearch("bulk", library.prefix, "--no-watch", "--json", check=True).stdout)["run"]
    wait_for(lambda: house.refresh_intervals() != intervals or None, "the index to be loaded")

    stop(deployment, run)
    wait_for(lambda: house.refresh_intervals() == intervals or None, "the index to be released")

    assert json.loads(house.read(f"runs/{run}/report.json"))["status"] == "failed"
    resumed = json.loads(imagesearch("bulk", "--resume", run, "--json", check=True).stdout)
    assert (resumed["status"], resumed["indexed"]) == ("complete", 1)
    assert house.refresh_intervals() == intervals


def stop(deployment: Target, run: str) -> None:
    """End a run's execution as the console does."""
    client = deployment.step_functions()
    going = client.list_executions(stateMachineArn=deployment.bulk_state_machine(), statusFilter="RUNNING")
    (execution,) = [each["executionArn"] for each in going["executions"] if each["name"] == run]
    client.stop_execution(executionArn=execution)


def lose(library: Library, house: House, *names: str) -> None:
    """Let the index forget pictures once ingest is done with them."""
    for name in names:
        library.wait_until_known(name)
    house.forget(library, *names)


def half_embedded(ended: Ended, house: House) -> str:
    """A run planned as ``ended`` was, but in two shards of which one is embedded; no execution knows it."""
    source, run = f"runs/{ended.run.run}", f"half-embedded-{uuid4().hex[:8]}"
    for folder in ("shards", "states"):
        lines = house.read(f"{source}/{folder}/00000-000.jsonl").splitlines(keepends=True)
        house.write(f"runs/{run}/{folder}/00000-000.jsonl", "".join(lines[:2]))
        house.write(f"runs/{run}/{folder}/00000-001.jsonl", "".join(lines[2:]))
    answers = house.read(f"{source}/embeddings/00000-000.jsonl.out").splitlines(keepends=True)
    house.write(f"runs/{run}/embeddings/00000-000.jsonl.out", "".join(answers[:2]))
    changes: dict[str, dict[str, object]] = {
        "run.json": {"run": run},
        "pages/00000.json": {"shards": ["00000-000", "00000-001"]},
        "planned.json": {"shards": 2},
    }
    for name, change in changes.items():
        document = json.loads(house.read(f"{source}/{name}"))
        house.write(f"runs/{run}/{name}", json.dumps(document | change))
    return run


@contextmanager
def killing_model_servers(house: House) -> Iterator[None]:
    """Kill the model server of the first transform job that starts meanwhile, with all its processes."""
    ended = threading.Event()

    def kill_first() -> None:
        def serving() -> list[psutil.Process] | None:
            return house.model_servers_of_jobs() or ([] if ended.is_set() else None)

        kill(wait_for(serving, "a transform job's model server"))

    killer = threading.Thread(target=kill_first, daemon=True)
    killer.start()
    try:
        yield
    finally:
        ended.set()
        killer.join()
