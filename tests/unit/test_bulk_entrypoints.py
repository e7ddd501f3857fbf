"""The bulk run's functions as the state machine calls them, and the settings that build their parts."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imagesearch.entrypoints import bulk_finish, bulk_index, bulk_plan, bulk_prepare, bulk_wiring
from imagesearch.errors import BulkIncompleteError, EventInvalidError, SettingsError
from imagesearch.settings import (
    BulkFinishSettings,
    BulkIndexSettings,
    BulkPlanSettings,
    BulkPrepareSettings,
    Settings,
)
from tests.builders import PNG
from tests.bulk import RUN, BulkHouse, bulk_house

LAMBDA = Path(__file__).parents[2] / "lambda"
SEARCH = {
    "SEARCH_ENDPOINT": "https://search.example.org",
    "INDEX_ALIAS": "images",
    "VECTOR_ENGINE": "faiss",
}
INSTANCES = '{"instance_type": "ml.c6i.large", "count": 2, "usd_per_hour": 0.102}'
MODEL_NAMES = '{"5e5e5e5e5e5e": "imagesearch-dev-5e5e5e5e5e5e-0123456789ab"}'
FINISH = SEARCH | {"ARTIFACT_BUCKET": "artifacts", "INSTANCES": INSTANCES}
PREPARE = SEARCH | {"ARTIFACT_BUCKET": "artifacts", "MODEL_NAMES": MODEL_NAMES}
INDEX = SEARCH | {
    "ARTIFACT_BUCKET": "artifacts",
    "IMAGE_BUCKET": "pictures",
    "ATTRIBUTES": '{"price": "number"}',
    "ENDPOINT_PREFIX": "imagesearch-dev-",
    "MAX_ENDPOINT_PAYLOAD_BYTES": "4000000",
    "INVOKE_TIMEOUT_SECONDS": "20.5",
}
PLAN = INDEX | {"MODEL_NAMES": MODEL_NAMES, "MAX_SHARD_BYTES": "6000000"}
CASES: list[tuple[type[Settings], dict[str, str]]] = [
    (BulkPlanSettings, PLAN),
    (BulkPrepareSettings, PREPARE),
    (BulkIndexSettings, INDEX),
    (BulkFinishSettings, FINISH),
]


@pytest.fixture
def bulk() -> BulkHouse:
    return bulk_house(contents={"a/1.png": PNG, "a/2.png": PNG, "a/note.txt": b"text"})


def _run(bulk: BulkHouse, prefix: str = "a/") -> dict[str, Any]:
    """Everything up to the last step; the answers are handed on as the state machine does."""
    event: dict[str, Any] = {"run": RUN, "prefix": prefix}
    while not event.get("done"):
        event = bulk_plan.build_handler(bulk.planner)(event, None)
    prepared = bulk_prepare.build_handler(bulk.preparer)({"run": RUN}, None)
    bulk.transform()
    return prepared


def test_the_states_answers_are_their_next_events(bulk: BulkHouse) -> None:
    prepared = _run(bulk)
    assert prepared.keys() == {"run", "shards", "unfinished", "manifest", "output", "model", "job"}
    key = f"runs/{RUN}/embeddings/00000-000.jsonl.out"
    answer = bulk_index.build_handler(bulk.loader)({"run": RUN, "key": key}, None)
    assert answer == {"run": RUN, "key": key, "indexed": 2, "kept": 0, "rejected": 1, "undescribed": 0}
    finished = bulk_finish.build_handler(bulk.finisher)({"run": RUN, "state": prepared}, None)
    assert finished == {
        "run": RUN,
        "status": "complete",
        "planned": 3,
        "indexed": 2,
        "kept": 0,
        "rejected": 1,
    }
    json.dumps([prepared, answer, finished])


def test_planning_answers_what_its_next_call_takes(bulk: BulkHouse) -> None:
    answer = bulk_plan.build_handler(bulk.planner)(
        {"run": RUN, "prefix": "a/", "page": 0, "token": None}, None
    )
    assert answer == {"run": RUN, "prefix": "a/", "page": 1, "token": None, "done": True}


def test_an_incomplete_run_fails_and_its_release_does_not(bulk: BulkHouse) -> None:
    _run(bulk)
    handler = bulk_finish.build_handler(bulk.finisher)
    with pytest.raises(BulkIncompleteError):
        handler({"run": RUN}, None)
    assert handler({"run": RUN, "failed": True}, None) == {
        "run": RUN,
        "status": "failed",
        "planned": 3,
        "indexed": 0,
        "kept": 0,
        "rejected": 0,
    }
    assert handler({"run": "another", "failed": True}, None) == {"run": "another", "status": "failed"}


@pytest.mark.parametrize("run", [None, 7, "", "A", "-a", "a/b", "..", "a\n", "x" * 41])
def test_every_step_refuses_what_is_no_run(bulk: BulkHouse, run: object) -> None:
    event = {"run": run, "prefix": "", "page": 0, "token": None, "key": "k"}
    handlers: list[bulk_finish.Handler] = [
        bulk_plan.build_handler(bulk.planner),
        bulk_prepare.build_handler(bulk.preparer),
        bulk_index.build_handler(bulk.loader),
        bulk_finish.build_handler(bulk.finisher),
    ]
    for handler in handlers:
        with pytest.raises(EventInvalidError, match="run"):
            handler(event, None)
    assert list(bulk.artifacts.keys("")) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"prefix": None},
        {"prefix": 7},
        {"page": None},
        {"page": "0"},
        {"page": -1},
        {"page": True},
        {"page": 1},
        {"page": 1, "token": 7},
        {"token": "a"},
        {"source": "bucket"},
        {"source": 7},
        {"check": "true"},
        {"check": 1},
        {"index": 7},
    ],
)
def test_planning_refuses_what_it_did_not_answer(bulk: BulkHouse, changes: dict[str, object]) -> None:
    event = {"run": RUN, "prefix": "", "page": 0, "token": None} | changes
    with pytest.raises(EventInvalidError):
        bulk_plan.build_handler(bulk.planner)(event, None)


def test_what_the_first_event_holds_is_remembered(bulk: BulkHouse) -> None:
    bulk.write_source({"key": "a/1.png"})
    second = bulk.second_index()
    bulk.house.index.write_to([second])
    event = {"run": RUN, "prefix": "", "source": "file", "check": True, "index": second}
    answer = bulk_plan.build_handler(bulk.planner)(event, None)
    run = bulk.files.run()
    assert answer == {"run": RUN, "prefix": "", "page": 1, "token": None, "done": True}
    assert (run.source, run.check, run.index) == ("file", True, second)


@pytest.mark.parametrize(("status", "unit"), [("ABORTED", 1), ("TIMED_OUT", 1000)])
def test_an_execution_that_was_ended_from_outside_is_released(
    bulk: BulkHouse, status: str, unit: int
) -> None:
    """EventBridge tells the execution's input as text; times are seconds or milliseconds since 1970."""
    prepared = _run(bulk)
    handler = bulk_finish.build_handler(bulk.finisher)
    began = 1_772_368_200 * unit
    job = {
        "TransformJobName": "job",
        "TransformStartTime": began,
        "TransformEndTime": began + 90 * unit,
    }
    handler({"run": RUN, "failed": True, "state": {**prepared, "transform": job}}, None)
    assert bulk.house.index.loading == set()
    bulk.preparer().prepare(RUN)
    event = {"executionArn": "arn:…", "status": status, "input": json.dumps({"run": RUN, "prefix": "a/"})}
    assert handler(event, None)["status"] == "failed"
    assert bulk.house.index.loading == set()
    report = bulk.files.report()
    assert report is not None
    assert report.instance_seconds == 180


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"run": "a/b"}'])
def test_an_ended_execution_that_names_no_run_is_refused(bulk: BulkHouse, text: str | None) -> None:
    with pytest.raises(EventInvalidError):
        bulk_finish.build_handler(bulk.finisher)({"executionArn": "arn:…", "input": text}, None)


@pytest.mark.parametrize("event", [{}, {"Items": []}, {"run": RUN}, {"run": RUN, "Items": [{"Key": "k"}]}])
def test_indexing_refuses_an_event_without_its_key(bulk: BulkHouse, event: dict[str, Any]) -> None:
    with pytest.raises(EventInvalidError):
        bulk_index.build_handler(bulk.loader)(event, None)


@pytest.mark.parametrize(("kind", "environment"), CASES)
def test_each_settings_class_reads_its_variables_and_no_others(
    kind: type[Settings], environment: dict[str, str]
) -> None:
    values = vars(kind.from_environment(environment | {"UNKNOWN": "x"}))
    assert {name.upper() for name in values} == environment.keys()
    assert values["artifact_bucket"] == "artifacts"
    if "MODEL_NAMES" in environment:
        assert values["model_names"] == json.loads(environment["MODEL_NAMES"])


@pytest.mark.parametrize(
    ("kind", "environment", "name"), [(kind, env, name) for kind, env in CASES for name in env]
)
def test_a_missing_variable_is_named(kind: type[Settings], environment: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        kind.from_environment({each: text for each, text in environment.items() if each != name})


@pytest.mark.parametrize("text", ["model", "[]", "{}", '"m"', "7", "null", '{"5e": 7}', '{"5e": null}'])
def test_unusable_model_names_are_named(text: str) -> None:
    with pytest.raises(SettingsError, match="MODEL_NAMES must be a JSON object"):
        BulkPlanSettings.from_environment(PLAN | {"MODEL_NAMES": text})


@pytest.mark.parametrize("text", ["model", "[]", "{}", '{"instance_type": "ml.c6i.large", "count": 1}'])
def test_unusable_instances_are_named(text: str) -> None:
    with pytest.raises(SettingsError, match="INSTANCES must"):
        BulkFinishSettings.from_environment(FINISH | {"INSTANCES": text})


@pytest.mark.parametrize("entrypoint", ["bulk_plan", "bulk_prepare", "bulk_index", "bulk_finish"])
def test_importing_an_entrypoint_needs_no_environment_and_loads_no_client(entrypoint: str) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(LAMBDA)!r})
from imagesearch.entrypoints.{entrypoint} import handler
assert callable(handler)
heavy = {{"boto3", "opensearchpy", "requests", "numpy", "moto"}} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], env={}, check=True, timeout=60)


def test_the_parts_are_built_from_the_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name, value in (PLAN | FINISH).items():
        monkeypatch.setenv(name, value)
    makers = (bulk_wiring.planner, bulk_wiring.preparer, bulk_wiring.loader, bulk_wiring.finisher)
    for make in makers:
        make.cache_clear()
        assert make() is make()
        make.cache_clear()
