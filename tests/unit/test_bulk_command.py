"""Bulk runs from the command line, against moto's S3 and Step Functions, which start runs and end none.

What the functions of a run write is written here by hand.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.models import Execution, stepfunctions_backends
from rich.console import Console
from typer.testing import CliRunner

from imagesearch_client import ApiKey
from scripts import render
from scripts.bulk import runs as bulk
from scripts.bulk.progress import Progress
from scripts.bulk.runs import Attempt, Place, Run
from scripts.cli import app
from scripts.errors import CommandError
from scripts.target import Target

BUCKET = "artifacts"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/any"
DEFINITION = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": REGION}
REPORT = {
    "status": "complete",
    "prefix": "album/",
    "index": "images-f-1",
    "fingerprint": "f" * 64,
    "source": "prefix",
    "check": False,
    "listed": 6,
    "skipped": 1,
    "described": 0,
    "planned": 5,
    "missing": 5,
    "stale": 0,
    "orphaned": 0,
    "indexed": 5,
    "kept": 0,
    "rejected": 0,
    "undescribed": 0,
    "missing_shards": [],
    "started": "2026-11-23T10:00:00Z",
    "finished": "2026-11-23T10:00:50Z",
    "seconds": 50.0,
    "pictures_per_second": 0.1,
}


@pytest.fixture
def place() -> Iterator[Place]:
    with mock_aws():
        s3: Any = boto3.client("s3", **CREDENTIALS)
        s3.create_bucket(Bucket=BUCKET)
        step_functions: Any = boto3.client("stepfunctions", **CREDENTIALS)
        machine = step_functions.create_state_machine(
            name="imagesearch-local-bulk", definition=json.dumps(DEFINITION), roleArn=ROLE
        )
        yield Place(
            step_functions=step_functions, s3=s3, state_machine=machine["stateMachineArn"], bucket=BUCKET
        )


@pytest.fixture
def command(place: Place, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command line against ``place``, on a terminal wide enough for any line."""
    target = Target(
        url="https://api",
        credentials=ApiKey("k"),
        artifacts=BUCKET,
        state_machine=place.state_machine,
        region=REGION,
    )
    monkeypatch.setattr("scripts.bulk.cli.find_target", lambda: target)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setattr(bulk, "POLL_SECONDS", 0.0)
    return CliRunner()


def put(place: Place, key: str, document: object) -> None:
    body = document if isinstance(document, str) else json.dumps(document)
    place.s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode())


def plan(place: Place, run: str, shards: dict[str, int], *, prefix: str = "album/") -> None:
    """The files of a finished plan, with one page that holds ``shards`` and their pictures."""
    planned = sum(shards.values())
    beginning = {"run": run, "prefix": prefix, "index": "i", "fingerprint": "f", "model": "m", "started": "t"}
    page = {"page": 0, "listed": planned + 1, "skipped": 1, "planned": planned, "shards": list(shards)}
    put(place, f"runs/{run}/run.json", beginning)
    put(place, f"runs/{run}/pages/00000.json", page | {"token": None})
    put(place, f"runs/{run}/planned.json", page | {"shards": len(shards)})


def embed(place: Place, run: str, shard: str) -> None:
    put(place, f"runs/{run}/embeddings/{shard}.out", "{}")


def index(place: Place, run: str, shard: str, **counts: int) -> None:
    put(place, f"runs/{run}/indexed/{shard}.json", counts)


def read(place: Place, key: str) -> str:
    return str(place.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode())


def end(attempt: Attempt, status: str, *, error: str | None = None, cause: str | None = None) -> None:
    execution = execution_of(attempt)
    execution.status, execution.error, execution.cause = status, error, cause


def execution_of(attempt: Attempt) -> Execution:
    backend = stepfunctions_backends[DEFAULT_ACCOUNT_ID][REGION]
    return backend.describe_execution(attempt.execution)


def test_a_run_starts_with_its_id_and_its_prefix_as_input(place: Place) -> None:
    attempt = bulk.start(place, prefix="album/")

    execution = execution_of(attempt)
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", attempt.run)
    assert execution.name == attempt.run
    assert json.loads(execution.execution_input) == {"run": attempt.run, "prefix": "album/"}


def test_progress_counts_what_is_planned_embedded_and_indexed(place: Place) -> None:
    attempt = bulk.start(place)
    plan(place, attempt.run, {"00000-000.jsonl": 4, "00000-001.jsonl": 4})
    embed(place, attempt.run, "00000-001.jsonl")
    index(place, attempt.run, "00000-001.jsonl", indexed=3, rejected=1)

    run = bulk.show(place, attempt.run)

    assert (run.status, run.prefix, run.planning) == ("running", "album/", False)
    assert (run.listed, run.skipped, run.planned) == (9, 1, 8)
    assert (run.embedded, run.indexed, run.rejected) == (4, 3, 1)


def test_progress_counts_what_planning_found_and_what_loading_did(place: Place) -> None:
    attempt = bulk.start(place)
    plan(place, attempt.run, {"00000-000.jsonl": 2, "00000-001.jsonl": 2})
    found = {"described": 3, "missing": 4, "stale": 1, "orphaned": 2, "rejected": 1, "undescribed": 1}
    page = {"page": 0, "listed": 9, "skipped": 1, "planned": 5, "token": None} | found
    put(place, f"runs/{attempt.run}/pages/00000.json", page | {"shards": ["00000-000", "00000-001"]})
    embed(place, attempt.run, "00000-000.jsonl")
    index(place, attempt.run, "00000-000", indexed=1, kept=1, rejected=0, undescribed=1)

    run = bulk.show(place, attempt.run)

    assert (run.missing, run.stale, run.described, run.orphaned, run.differences) == (4, 1, 3, 2, 10)
    assert (run.planned, run.embedded) == (5, 2), "a line that was rejected at once lies in no shard"
    assert (run.indexed, run.kept, run.rejected, run.undescribed, run.done) == (1, 1, 1, 2, 3)


def test_a_run_that_is_still_planning_says_so(place: Place) -> None:
    attempt = bulk.start(place, prefix="album/")
    first = bulk.show(place, attempt.run)
    put(
        place,
        f"runs/{attempt.run}/pages/00000.json",
        {"listed": 9, "skipped": 2, "planned": 7, "shards": ["s"]},
    )
    second = bulk.show(place, attempt.run)

    assert (first.planning, first.planned, first.prefix) == (True, 0, "album/")
    assert (second.planning, second.planned, second.embedded) == (True, 7, 0)


def test_a_shard_that_comes_late_is_counted_though_later_ones_were_seen_before(place: Place) -> None:
    plan(place, "r", {f"00000-{n:03}.jsonl": 2 for n in range(4)})
    progress = Progress(place.files("r"))
    seen = []
    for number in (0, 3, 1, 2):
        embed(place, "r", f"00000-{number:03}.jsonl")
        index(place, "r", f"00000-{number:03}.jsonl", indexed=2)
        counts = progress.look()
        seen.append((counts.embedded, counts.indexed))

    assert seen == [(2, 2), (4, 4), (6, 6), (8, 8)]


def test_following_lists_only_behind_what_is_known_and_reads_each_marker_once(place: Place) -> None:
    shards = [f"00000-{n:03}.jsonl" for n in range(40)]
    plan(place, "r", dict.fromkeys(shards, 2))
    for shard in shards[:30]:
        index(place, "r", shard, indexed=2)
    requests: list[tuple[str, Any]] = []
    place.s3.meta.events.register(
        "provide-client-params.s3", lambda params, model, **_: requests.append((model.name, dict(params)))
    )
    progress = Progress(place.files("r"))
    progress.look()
    requests.clear()

    counts = progress.look()

    assert counts.indexed == 60
    assert [name for name, _ in requests] == ["ListObjectsV2", "ListObjectsV2"]
    assert requests[1][1]["StartAfter"] == "runs/r/indexed/00000-029"


def test_following_ends_with_the_report_of_the_run(place: Place) -> None:
    attempt = bulk.start(place)
    plan(place, attempt.run, {"00000-000.jsonl": 5})
    put(place, f"runs/{attempt.run}/report.json", REPORT | {"run": attempt.run, "status": "failed"})

    def finish(_seconds: float) -> None:
        put(place, f"runs/{attempt.run}/report.json", REPORT | {"run": attempt.run})
        end(attempt, "SUCCEEDED")

    runs = list(bulk.follow(place, attempt, pause=finish))

    assert [run.status for run in runs] == ["running", "complete"], "a report of before counts for nothing"
    assert (runs[-1].indexed, runs[-1].embedded, runs[-1].seconds) == (5, 5, 50.0)


@pytest.mark.parametrize(
    ("status", "error", "cause", "reason"),
    [
        pytest.param("FAILED", "E", "The model is gone", "The model is gone.", id="a sentence"),
        pytest.param(
            "FAILED",
            "BulkIncompleteError",
            json.dumps({"errorMessage": "Shards are missing: a.", "errorType": "BulkIncompleteError"}),
            "Shards are missing: a.",
            id="a function's error",
        ),
        pytest.param(
            "FAILED",
            "SageMaker.AmazonSageMakerException",
            json.dumps({"TransformJobStatus": "Failed", "FailureReason": "AlgorithmError: 500"}),
            "AlgorithmError: 500.",
            id="a transform job's reason",
        ),
        pytest.param("FAILED", "States.Runtime", None, "States.Runtime.", id="an error without a cause"),
        pytest.param("ABORTED", None, None, "It was aborted.", id="aborted"),
        pytest.param("TIMED_OUT", None, None, "It took longer than its state machine allows.", id="too long"),
        pytest.param("SUCCEEDED", None, None, "It ended without a report.", id="no report"),
    ],
)
def test_a_failed_run_says_why_in_one_sentence(
    place: Place, status: str, error: str | None, cause: str | None, reason: str
) -> None:
    attempt = bulk.start(place)
    end(attempt, status, error=error, cause=cause)

    run = bulk.show(place, attempt.run)

    assert (run.status, run.reason) == ("failed", reason)


def test_a_failed_run_counts_what_it_has_done_and_names_the_shards_it_lacks(place: Place) -> None:
    attempt = bulk.start(place)
    plan(place, attempt.run, {"00000-000.jsonl": 2, "00000-001.jsonl": 2})
    embed(place, attempt.run, "00000-000.jsonl")
    missing = {"status": "failed", "missing_shards": ["00000-001.jsonl"]}
    put(place, f"runs/{attempt.run}/report.json", REPORT | {"run": attempt.run} | missing)
    end(attempt, "FAILED", error="E", cause="No.")

    run = bulk.show(place, attempt.run)

    assert (run.status, run.planned, run.embedded, run.indexed) == ("failed", 4, 2, 0)
    assert run.missing_shards == ("00000-001.jsonl",)


def test_a_failed_run_is_resumed_under_its_own_id_and_prefix_and_a_new_name_each_time(place: Place) -> None:
    attempt = bulk.start(place, prefix="album/")
    plan(place, attempt.run, {"00000-000.jsonl": 2}, prefix="album/")
    names = []
    for _ in range(2):
        end(attempt, "FAILED")
        attempt = bulk.resume(place, attempt.run)
        execution = execution_of(attempt)
        names.append(execution.name)
        assert json.loads(execution.execution_input) == {"run": attempt.run, "prefix": "album/"}

    assert names == [f"{attempt.run}-r1", f"{attempt.run}-r2"]


def test_a_run_that_failed_before_it_wrote_anything_is_resumed_with_the_prefix_it_was_given(
    place: Place,
) -> None:
    attempt = bulk.start(place, prefix="album/")
    end(attempt, "FAILED")

    resumed = bulk.resume(place, attempt.run)

    assert json.loads(execution_of(resumed).execution_input)["prefix"] == "album/"


def test_a_run_is_resumed_with_all_that_it_was_started_with(place: Place, tmp_path: Path) -> None:
    (tmp_path / "source.jsonl").write_text('{"key": "a.jpg"}\n')
    attempt = bulk.start(place, source=tmp_path / "source.jsonl", index="images-f-2", check=True)
    end(attempt, "FAILED")

    given = json.loads(execution_of(bulk.resume(place, attempt.run)).execution_input)

    assert given == {
        "run": attempt.run,
        "prefix": "",
        "source": "file",
        "index": "images-f-2",
        "check": True,
    }
    assert read(place, f"runs/{attempt.run}/source.jsonl") == '{"key": "a.jpg"}\n'


def test_a_run_that_a_schedule_started_is_known_by_its_own_name(place: Place) -> None:
    run = "0f0e3c3a-0000-4000-8000-123456789abc"
    place.step_functions.start_execution(
        stateMachineArn=place.state_machine, name=f"{run}_00e0", input=json.dumps({"run": run, "prefix": ""})
    )
    plan(place, run, {"00000-000.jsonl": 2}, prefix="")

    assert bulk.show(place, run).status == "running"
    assert [one.run for one in bulk.newest(place, count=5)] == [run]


def test_a_run_that_step_functions_has_forgotten_is_resumed_from_its_files(place: Place) -> None:
    plan(place, "old", {"00000-000.jsonl": 2}, prefix="old/")

    assert bulk.show(place, "old").reason == (
        "What ended it is no longer known: Step Functions keeps that for 90 days."
    )
    assert json.loads(execution_of(bulk.resume(place, "old")).execution_input)["prefix"] == "old/"


def test_a_run_that_is_still_going_is_not_started_twice(place: Place) -> None:
    attempt = bulk.start(place)

    with pytest.raises(CommandError, match=f"runs show {attempt.run}") as raised:
        bulk.resume(place, attempt.run)

    assert raised.value.code == "run_active"


def test_resuming_a_run_without_a_name_starts_none(command: CliRunner, place: Place) -> None:
    done = command.invoke(app, ["bulk", "--resume", ""])

    assert isinstance(done.exception, CommandError)
    assert done.exception.code == "run_unknown"
    assert bulk.newest(place, count=1) == []


@pytest.mark.parametrize("ask", [bulk.resume, bulk.show])
def test_an_unknown_run_is_refused(place: Place, ask: Any) -> None:
    with pytest.raises(CommandError, match="imagesearch runs list") as raised:
        ask(place, "20260101-000000-abcd")

    assert raised.value.code == "run_unknown"


def test_runs_are_listed_newest_first_with_those_that_left_no_files(place: Place) -> None:
    for name, status in (("20260101-000000-aaaa", "complete"), ("20260102-000000-aaaa", "failed")):
        plan(place, name, {"00000-000.jsonl": 5})
        put(place, f"runs/{name}/report.json", REPORT | {"run": name, "status": status})
    started = bulk.start(place)

    found = bulk.newest(place, count=2)

    assert [(run.run, run.status) for run in found] == [
        (started.run, "running"),
        ("20260102-000000-aaaa", "failed"),
    ]


def test_what_aws_refuses_is_one_sentence(place: Place) -> None:
    elsewhere = Place(
        step_functions=place.step_functions,
        s3=place.s3,
        state_machine=place.state_machine + "-gone",
        bucket="no-such-bucket",
    )
    for ask in (
        lambda: bulk.start(elsewhere),
        lambda: bulk.show(elsewhere, "r"),
        lambda: elsewhere.files("r").names("x"),
    ):
        with pytest.raises(CommandError) as raised:
            ask()
        assert raised.value.code == "aws_refused"


def test_a_complete_run_ends_with_status_0_and_its_counts(
    command: CliRunner, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_with(place, monkeypatch, {"cost_usd": 0.128})

    done = command.invoke(app, ["bulk", "album/"])

    assert done.exit_code == 0, done.output
    said = "complete · 5 planned (1 unchanged), 5 indexed, 0 rejected · 50.0 s, 0.1/s, about 0.13 USD"
    assert said in flat(done.stdout)


def test_rejected_pictures_end_with_status_2_and_the_first_ten_with_reasons(
    command: CliRunner, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_rejects(run: str) -> None:
        for shard, count in (("00000-000.jsonl", 8), ("00000-001.jsonl", 4)):
            lines = [
                json.dumps(
                    {"key": f"{shard}/[{n}].jpg", "code": "picture_corrupt", "message": "It is damaged."}
                )
                for n in range(count)
            ]
            put(place, f"rejects/{run}/{shard}.jsonl", "\n".join(lines) + "\n")

    ends_with(place, monkeypatch, {"indexed": 0, "rejected": 12, "planned": 12}, also=write_rejects)

    done = command.invoke(app, ["bulk"])

    assert done.exit_code == 2
    assert done.stdout.count("It is damaged. (picture_corrupt)") == 10
    assert "rejected 00000-000.jsonl/[7].jpg:" in done.stdout
    assert "and 2 more" in done.stdout


def test_a_failed_run_ends_with_status_1_its_reason_and_how_to_go_on(
    command: CliRunner, place: Place
) -> None:
    attempt = bulk.start(place)
    end(attempt, "FAILED", error="E", cause="The transform failed")

    done = command.invoke(app, ["runs", "show", attempt.run])

    assert done.exit_code == 1
    assert "failed: The transform failed." in done.stdout
    assert f"imagesearch bulk --resume {attempt.run}" in done.stdout


def test_a_run_that_is_not_watched_is_left_with_what_to_type_to_see_it(command: CliRunner) -> None:
    done = command.invoke(app, ["bulk", "--no-watch"])

    assert done.exit_code == 0, done.output
    assert "running, still planning" in done.stdout
    assert "imagesearch runs show 2" in done.stdout


def test_json_is_one_document_for_programs(command: CliRunner, place: Place) -> None:
    started = command.invoke(app, ["bulk", "album/", "--no-watch", "--json"])
    listed = command.invoke(app, ["runs", "list", "--json"])

    run = Run.model_validate_json(started.stdout)
    assert (run.status, run.prefix) == ("running", "album/")
    assert [one["run"] for one in json.loads(listed.stdout)] == [run.run]


def test_interrupting_leaves_the_run_going_and_says_how_to_look_again(
    command: CliRunner, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = bulk.start(place)
    monkeypatch.setattr(render, "complaints", Console(stderr=True, width=200))

    def interrupt(*_: object) -> Iterator[Run]:
        yield bulk.show(place, attempt.run)
        raise KeyboardInterrupt

    monkeypatch.setattr(bulk, "follow", interrupt)

    done = command.invoke(app, ["runs", "show", attempt.run, "--watch"])

    assert done.exit_code == 130
    assert f"The run goes on. Look at it again: imagesearch runs show {attempt.run}" in flat(done.stderr)
    assert execution_of(attempt).status == "RUNNING"


def test_a_prefix_and_a_run_to_resume_exclude_each_other(command: CliRunner) -> None:
    done = command.invoke(app, ["bulk", "album/", "--resume", "r"])

    assert isinstance(done.exception, CommandError)
    assert done.exception.code == "arguments_conflict"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--resume", "r", "--keys", "keys.txt"],
        ["album/", "--texts", "t.csv"],
        ["--resume", "r", "--index", "i"],
    ],
)
def test_what_a_run_is_about_is_said_once(command: CliRunner, arguments: list[str]) -> None:
    done = command.invoke(app, ["bulk", *arguments])

    assert isinstance(done.exception, CommandError)
    assert done.exception.code == "arguments_conflict"


def test_pictures_without_their_metadata_are_listed_beside_the_rejected_ones(
    command: CliRunner, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_rejects(run: str) -> None:
        line = {"key": "a.jpg", "code": "metadata_invalid", "message": "The field is unknown."}
        put(place, f"rejects/{run}/00000-000.jsonl", json.dumps(line) + "\n")

    ends_with(place, monkeypatch, {"undescribed": 1}, also=write_rejects)

    done = command.invoke(app, ["bulk"])

    assert done.exit_code == 0, "the picture is indexed"
    assert "1 without their metadata" in flat(done.stdout)
    assert "without its metadata a.jpg: The field is unknown. (metadata_invalid)" in flat(done.stdout)


def test_an_index_that_is_in_line_says_so_with_status_0(
    command: CliRunner, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = {"planned": 0, "missing": 0, "indexed": 0, "skipped": 6, "check": True}
    ends_with(place, monkeypatch, nothing)

    done = command.invoke(app, ["reconcile", "--check"])

    assert done.exit_code == 0, done.output
    assert "The index is what the bucket says: 6 pictures." in done.stdout


def test_a_check_that_finds_differences_ends_with_status_2_and_how_to_mend_them(
    command: CliRunner, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"missing": 3, "stale": 2, "described": 1, "orphaned": 4, "indexed": 0, "check": True}
    ends_with(place, monkeypatch, found)

    done = command.invoke(app, ["reconcile", "album/", "--check"])

    assert done.exit_code == 2
    assert "10 found: 3 missing, 2 stale, 1 described otherwise, 4 orphaned · 1 in line" in flat(done.stdout)
    assert "Mend it: imagesearch reconcile album/" in flat(done.stdout)


def test_reconciling_starts_a_run_that_mends_and_a_check_one_that_changes_nothing(
    command: CliRunner, place: Place
) -> None:
    runs = [
        Run.model_validate_json(command.invoke(app, ["reconcile", *given, "--no-watch", "--json"]).stdout)
        for given in ([], ["--check"])
    ]

    assert [run.check for run in runs] == [False, True]


def test_what_was_mended_ends_with_status_0_rejected_pictures_too(
    command: CliRunner, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_with(place, monkeypatch, {"orphaned": 1, "indexed": 4, "rejected": 1})

    done = command.invoke(app, ["reconcile"])

    assert done.exit_code == 0, done.output
    assert "6 mended: 5 missing, 0 stale, 0 described otherwise, 1 orphaned" in flat(done.stdout)


def test_the_table_of_runs_shows_their_counts(command: CliRunner, place: Place) -> None:
    put(place, "runs/20260101-000000-aaaa/report.json", REPORT | {"run": "20260101-000000-aaaa"})

    done = command.invoke(app, ["runs", "list"])

    assert "20260101-000000-aaaa album/ complete 5 5 0 50.0" in flat(done.stdout)


def ends_with(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    changed: Mapping[str, object],
    *,
    also: Any = lambda run: None,
) -> None:
    """Let any run end at once, with the report as changed."""
    start = bulk.start

    def start_and_end(place: Place, **options: Any) -> Attempt:
        attempt = start(place, **options)
        put(place, f"runs/{attempt.run}/report.json", {**REPORT, "run": attempt.run, **changed})
        also(attempt.run)
        end(attempt, "SUCCEEDED")
        return attempt

    monkeypatch.setattr(bulk, "start", start_and_end)


def flat(text: str) -> str:
    return " ".join(text.split())
