"""`imagesearch migrate` against the real steps on in-memory parts, and a state machine that ends at once."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from imagesearch.adapters.in_memory import InMemoryArtifactStore
from imagesearch.entrypoints.migration import build_handler
from imagesearch.errors import ModelUnavailableError
from imagesearch.models import document_id
from scripts.bulk import runs as bulk
from scripts.bulk.runs import Place
from scripts.cli import app
from scripts.errors import CommandError
from scripts.migration import environments
from scripts.migration.command import Command
from scripts.migration.environments import Environment, find_environment
from scripts.migration.function import MigrationFunction
from scripts.stepping import PATIENCE_SECONDS
from stacks.model_lock import LockedModel
from tests.builders import FINGERPRINT, OTHER_FINGERPRINT
from tests.migration import DIMENSION, DRAIN, NEW, OLD, PICTURES, MigrationHouse, migration_house

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:imagesearch-dev-bulk"
MODELS = {
    "old": LockedModel("d" * 64, FINGERPRINT, 32, "3.12"),
    "new": LockedModel("d" * 64, OTHER_FINGERPRINT, DIMENSION, "3.12"),
}


class AbsentError(Exception):
    """What the clients say of what is not there, or there already."""


class Files:
    """An S3 client whose one bucket is the artifact store."""

    exceptions = SimpleNamespace(NoSuchKey=AbsentError)

    def __init__(self, store: InMemoryArtifactStore) -> None:
        self._store = store

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "artifacts"
        content = self._store.read(Key)
        if content is None:
            raise AbsentError
        return {"Body": io.BytesIO(content)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        assert Bucket == "artifacts"
        self._store.write(Key, Body)

    def get_paginator(self, name: str) -> Any:
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str, StartAfter: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803
        assert Bucket == "artifacts"
        keys = [{"Key": key} for key in self._store.keys(Prefix) if key > StartAfter]
        yield {"Contents": keys}


class Machine:
    """A Step Functions client whose executions have ended when they are looked at.

    Each loads every picture, as a bulk run does; `fails` is how many of the next ones end without doing so.
    """

    exceptions = SimpleNamespace(ExecutionAlreadyExists=AbsentError, ExecutionDoesNotExist=AbsentError)

    def __init__(self, house: MigrationHouse, files: Files) -> None:
        self._house = house
        self._files = files
        self.executions: dict[str, dict[str, Any]] = {}
        self.fails = 0

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, str]:  # noqa: A002, N803
        assert stateMachineArn == MACHINE
        if name in self.executions:
            raise AbsentError
        status = "FAILED" if self.fails else "SUCCEEDED"
        self.executions[name] = {"name": name, "executionArn": name, "status": status, "input": input}
        if self.fails:
            self.fails -= 1
        else:
            self._run(json.loads(input))
        return {"executionArn": name}

    def _run(self, given: dict[str, Any]) -> None:
        assert given["index"] in self._house.written
        self._house.load()
        counts = dict.fromkeys(("listed", "skipped", "planned", "indexed", "rejected", "missing", "stale"), 0)
        report = {**given, **counts, "status": "complete", "started": "2026-03-01T12:00:00Z"}
        key = f"runs/{given['run']}/report.json"
        self._files.put_object(Bucket="artifacts", Key=key, Body=json.dumps(report).encode())

    def get_paginator(self, name: str) -> Any:
        assert name == "list_executions"
        return self

    def paginate(self, *, stateMachineArn: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert stateMachineArn == MACHINE
        yield {"executions": list(self.executions.values())[::-1]}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return self.executions[executionArn]


class Function:
    """A Lambda client with the migration's function behind it; events and answers travel as JSON."""

    def __init__(self, house: MigrationHouse) -> None:
        self._handler = build_handler(house.migration)
        self.events: list[dict[str, Any]] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "migration"
        event = json.loads(Payload)
        self.events.append(event)
        return {"Payload": io.BytesIO(json.dumps(self._handler(event, None)).encode())}


@dataclass(frozen=True, kw_only=True)
class HouseEnvironment(Environment):
    """An environment whose parts are in memory; `disturb` is called before everything that it is asked."""

    machine: Machine
    lambda_client: Function
    place: Place
    house: MigrationHouse
    disturb: Callable[[], None] = lambda: None

    def model(self, name: str) -> LockedModel:
        return MODELS[name]

    def function(self) -> MigrationFunction:
        self.disturb()
        return MigrationFunction(client=self.lambda_client, name="migration", pause=self.house.wait)

    def bulk(self) -> Place:
        self.disturb()
        return self.place

    def caller(self) -> str:
        return "arn:aws:iam::123456789012:user/ada"


@dataclass(kw_only=True)
class Desk:
    """Someone who runs the command."""

    house: MigrationHouse = field(default_factory=migration_house)
    said: list[str] = field(default_factory=list)
    deployed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files = Files(self.house.artifacts)
        self.machine = Machine(self.house, self.files)
        self.function = Function(self.house)

    def command(self, disturb: Callable[[], None] = lambda: None) -> Command:
        def pause(seconds: float) -> None:
            disturb()
            self.house.wait(seconds)

        environment = HouseEnvironment(
            name="dev",
            option=" --env dev",
            session=boto3.Session(region_name="us-east-1"),
            endpoint_url=None,
            lock=Path("model.lock"),
            deploy=lambda model: self.deployed.extend([model]),
            ending="deploy without it",
            machine=self.machine,
            lambda_client=self.function,
            place=Place(
                step_functions=self.machine, s3=self.files, state_machine=MACHINE, bucket="artifacts"
            ),
            house=self.house,
            disturb=disturb,
        )
        return Command(environment=environment, say=self.said.append, pause=pause)

    @property
    def actions(self) -> list[str]:
        return [event["action"] for event in self.function.events]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "POLL_SECONDS", 0.0)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_migration_goes_through_all_its_steps(desk: Desk) -> None:
    status = desk.command().migrate("new")
    assert desk.deployed == ["new"]
    assert desk.actions == ["status", "begin", "run", "run", "check", "switch"]
    assert (status.active and status.active.name, desk.house.written) == (NEW, {OLD, NEW})
    runs = [json.loads(execution["input"]) for execution in desk.machine.executions.values()]
    assert [run["index"] for run in runs] == [NEW, NEW]
    assert desk.house.known_record().runs == tuple(run["run"] for run in runs)
    assert set(desk.house.house.index.keys(NEW)) == set(PICTURES)


def test_the_plan_comes_first_and_the_way_back_last(desk: Desk) -> None:
    desk.command().migrate("new")
    assert desk.said[0].startswith("Migrating dev to new")
    assert any(line.startswith("Waiting 35 s, until no function") for line in desk.said)
    assert desk.said[-2] == "Back, until the migration is finished: imagesearch migrate --rollback --env dev"
    assert desk.said[-1].startswith(
        "Finish it, from 2026-03-01 14:30:35 UTC on: imagesearch migrate --finish"
    )


def test_nothing_is_loaded_before_every_function_knows_both_indices(desk: Desk) -> None:
    started: list[float] = []
    load = desk.house.load

    def look_and_load() -> None:
        started.append(desk.house.migration().status().wait_seconds)
        load()

    desk.house.load = look_and_load  # type: ignore[method-assign]
    desk.command().migrate("new")
    assert started == [0.0, 0.0]


def test_the_same_command_after_the_switch_changes_nothing(desk: Desk) -> None:
    desk.command().migrate("new")
    record = desk.house.record()
    desk.command().migrate("new")
    assert (desk.house.record(), len(desk.machine.executions)) == (record, 2)


def test_a_command_that_is_interrupted_anywhere_is_completed_by_the_same_command() -> None:
    asked = Desk()
    count = Interruption()
    asked.command(count).migrate("new")
    assert count.moments > 6
    for moment in range(count.moments):
        desk = Desk()
        with pytest.raises(KeyboardInterrupt):
            desk.command(Interruption(moment)).migrate("new")
        desk.command().migrate("new")
        assert (desk.house.active, desk.house.written) == (NEW, {OLD, NEW}), moment
        check = desk.house.known_record().check
        assert check is not None
        assert check.passed


@dataclass
class Interruption:
    """Ctrl-C at a moment; without one, only counting them."""

    at: int | None = None
    moments: int = 0

    def __call__(self) -> None:
        if self.moments == self.at:
            raise KeyboardInterrupt
        self.moments += 1


def test_a_run_that_was_named_but_not_started_is_started_under_that_name(desk: Desk) -> None:
    desk.command().migrate("new")
    named = desk.house.known_record().runs
    desk.house.migration().rollback()
    desk.house.migration().note_run("20260301-130000-abcd")
    desk.command().migrate("new")
    assert list(desk.machine.executions) == [*named, "20260301-130000-abcd"]


def test_a_failed_run_stops_the_command_and_is_resumed_by_the_next(desk: Desk) -> None:
    desk.machine.fails = 1
    with pytest.raises(CommandError, match="Run the same command again") as raised:
        desk.command().migrate("new")
    assert (raised.value.code, desk.house.active) == ("migration_run_failed", OLD)
    (first,) = desk.machine.executions
    desk.command().migrate("new")
    assert list(desk.machine.executions)[:2] == [first, f"{first}-r1"]
    assert desk.house.active == NEW


def test_an_index_that_fails_its_check_stays_unused_until_that_is_forced(desk: Desk) -> None:
    desk.house.min_recall = 1.1
    with pytest.raises(
        CommandError, match=r"1\.1 is asked for.*--force.*--finish --force --env dev"
    ) as raised:
        desk.command().migrate("new")
    assert (raised.value.code, desk.house.active) == ("gate_failed", OLD)
    desk.command().migrate("new", force=True)
    (forced,) = desk.house.known_record().forced
    assert (desk.house.active, forced.by) == (NEW, "arn:aws:iam::123456789012:user/ada")


def test_force_is_nothing_to_remember_where_nothing_was_refused(desk: Desk) -> None:
    desk.command().migrate("new", force=True)
    assert desk.house.known_record().forced == ()


def test_labelled_queries_are_uploaded_and_judged(desk: Desk, tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(json.dumps({"picture": key, "relevant": [key]}) + "\n" for key in PICTURES))
    desk.command().migrate("new", labels=labels)
    check = desk.house.known_record().check
    assert check is not None
    assert check.labelled is not None
    assert check.labelled.queries == len(PICTURES)
    assert any(
        "12 labelled queries: 1.0000 by the old model, 1.0000 by the new" in line for line in desk.said
    )


@pytest.mark.parametrize(("content", "code"), [("{}", "labels_invalid"), (None, "labels_unreadable")])
def test_a_bad_file_of_labelled_queries_stops_the_command_before_anything_is_deployed(
    desk: Desk, tmp_path: Path, content: str | None, code: str
) -> None:
    labels = tmp_path / "labels.jsonl"
    if content is not None:
        labels.write_text(content)
    with pytest.raises(CommandError) as raised:
        desk.command().migrate("new", labels=labels)
    assert (raised.value.code, desk.deployed, desk.actions) == (code, [], [])


def test_the_model_that_is_searched_is_built_anew_only_when_that_is_asked_for(desk: Desk) -> None:
    with pytest.raises(CommandError, match="--rebuild") as raised:
        desk.command().migrate("old")
    assert (raised.value.code, desk.house.written) == ("model_active", {OLD})
    desk.command().migrate("old", rebuild=True)
    assert desk.house.active == f"images-{FINGERPRINT[:12]}-2"


def test_a_rollback_leads_back_and_the_same_command_forward_again(desk: Desk) -> None:
    desk.command().migrate("new")
    desk.command().rollback()
    assert desk.house.active == OLD
    desk.command().migrate("new")
    assert (desk.house.active, len(desk.machine.executions)) == (NEW, 3)


def test_to_finish_removes_the_old_index_after_the_wait_and_says_what_is_left_to_do(desk: Desk) -> None:
    desk.command().migrate("new")
    desk.house.wait(DRAIN)
    desk.command().finish()
    assert (desk.house.indices, desk.house.record()) == ({NEW}, None)
    assert f"Waiting 35 s, until no function can use {OLD} any more." in desk.said
    assert desk.said[-1] == "Its model may go: deploy without it"


def test_an_interrupted_finish_is_completed_by_the_same_command(desk: Desk) -> None:
    desk.command().migrate("new")
    desk.house.wait(DRAIN)
    with pytest.raises(KeyboardInterrupt):
        desk.command(Interruption(1)).finish()
    assert desk.house.known_record().retired == OLD
    desk.command().finish()
    assert desk.house.indices == {NEW}


def test_a_finish_before_the_drain_is_over_needs_force(desk: Desk) -> None:
    desk.command().migrate("new")
    with pytest.raises(CommandError, match="2026-03-01T14:30:35") as raised:
        desk.command().finish()
    assert raised.value.code == "drain_not_over"
    desk.command().finish(force=True)
    assert desk.house.indices == {NEW}


def test_a_migration_that_is_given_up_leaves_the_old_index_as_it_was(desk: Desk) -> None:
    desk.house.min_recall = 1.1
    with pytest.raises(CommandError):
        desk.command().migrate("new")
    desk.command().finish(force=True)
    assert (desk.house.active, desk.house.indices) == (OLD, {OLD})
    assert desk.said[-1] == f"{NEW} is removed; searches use {OLD}."


def test_a_model_that_is_starting_is_waited_for(desk: Desk) -> None:
    endpoint = desk.house.models.deployed.pop(OTHER_FINGERPRINT)
    wait = desk.house.wait

    def start(seconds: Any) -> None:
        wait(seconds)
        desk.house.models.deployed[OTHER_FINGERPRINT] = endpoint

    desk.house.wait = start  # type: ignore[method-assign, assignment]
    desk.command().migrate("new")
    assert desk.actions[:3] == ["status", "begin", "begin"]


def test_a_model_that_never_answers_is_an_error_in_the_end(desk: Desk) -> None:
    del desk.house.models.deployed[OTHER_FINGERPRINT]
    began = desk.house.now
    with pytest.raises(CommandError, match="no such endpoint") as raised:
        desk.command().migrate("new")
    assert raised.value.code == ModelUnavailableError.code
    assert (desk.house.now - began).total_seconds() == PATIENCE_SECONDS
    assert desk.house.written == {OLD}


def test_a_function_that_broke_down_is_an_error_with_its_words() -> None:
    class Broken:
        def invoke(self, **_: Any) -> dict[str, Any]:
            said = b'{"errorMessage": "Task timed out after 900.00 seconds"}'
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(said)}

    with pytest.raises(CommandError, match="timed out") as raised:
        MigrationFunction(client=Broken(), name="migration").take("check")
    assert raised.value.code == "migration_failed"


def test_a_model_that_the_settings_do_not_list_is_refused_with_the_line_to_write() -> None:
    environment = find_environment("dev", region=None, say=print)
    with pytest.raises(CommandError, match=r'models=\("clip-vit-b-32", "demo"\) for DEV') as raised:
        environment.deploy("demo")
    assert raised.value.code == "model_not_listed"


def test_a_listed_model_is_deployed_as_the_command_deploy_does(monkeypatch: pytest.MonkeyPatch) -> None:
    deployed: list[tuple[Any, ...]] = []
    monkeypatch.setattr(environments, "deploy", lambda name, **more: deployed.append((name, more["region"])))
    find_environment("dev", region="eu-west-1", say=print).deploy("clip-vit-b-32")
    assert deployed == [("dev", "eu-west-1")]


def test_this_machines_environment_keeps_the_models_that_it_runs_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMAGESEARCH_LOCAL_DIR", str(tmp_path))
    (tmp_path / "environment.json").write_text(json.dumps({"models": ["demo"]}))
    brought_up: list[list[str]] = []
    monkeypatch.setattr(environments, "up", lambda models, **_: brought_up.append(models))
    environment = find_environment(None, region=None, say=print)
    environment.deploy("demo-256")
    assert brought_up == [["demo", "demo-256"]]
    with pytest.raises(CommandError, match="demo-256"):
        environment.model("demo-256")


@pytest.mark.parametrize(
    "arguments", [[], ["--model", "demo", "--rollback"], ["--finish", "--status"], ["--labels", "x"]]
)
def test_the_command_does_one_thing(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["migrate", *arguments])
    assert isinstance(done.exception, CommandError)
    assert done.exception.code == "arguments_conflict"


@pytest.fixture
def at_the_terminal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    environment = desk.command().environment
    monkeypatch.setattr("scripts.migration.cli.find_environment", lambda *_, **__: environment)
    return desk


def test_the_status_shows_indices_figures_and_who_forced_what(at_the_terminal: Desk) -> None:
    at_the_terminal.command().migrate("new")
    shown = CliRunner().invoke(app, ["migrate", "--status"]).stdout
    assert f"{NEW}  model {OTHER_FINGERPRINT[:12]}, {DIMENSION} numbers, searched" in shown
    assert f"{OLD}  model {FINGERPRINT[:12]}, 32 numbers, kept" in shown
    assert "Nearest found: 1.0000 over 12 pictures" in shown
    assert "Switched 2026-03-01 12:30:35 UTC" in shown


def test_the_status_is_json_where_that_is_asked_for(at_the_terminal: Desk) -> None:
    done = CliRunner().invoke(app, ["migrate", "--status", "--json"])
    status = json.loads(done.stdout)
    assert (done.exit_code, status["active"]["name"], status["migration"]) == (0, OLD, None)


def test_an_index_that_lost_a_picture_is_mended_by_the_catch_up_run(desk: Desk) -> None:
    desk.command().migrate("new")
    desk.command().rollback()
    desk.house.house.index.delete(NEW, document_id(PICTURES[0]))
    desk.command().migrate("new")
    assert desk.house.active == NEW
    assert PICTURES[0] in set(desk.house.house.index.keys(NEW))
