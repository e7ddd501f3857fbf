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
FINISH = SEARCH | {"ARTIFACT_BUCKET": "artifacts"}
PREPARE = FINISH | {"MODEL_NAMES": '{"5e5e5e5e5e5e": "imagesearch-dev-5e5e5e5e5e5e-0123456789ab"}'}
PLAN = PREPARE | {"IMAGE_BUCKET": "pictures"}
INDEX = FINISH | {
    "IMAGE_BUCKET": "pictures",
    "ENDPOINT_PREFIX": "imagesearch-dev-",
    "MAX_ENDPOINT_PAYLOAD_BYTES": "4000000",
    "INVOKE_TIMEOUT_SECONDS": "20.5",
}
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
    assert prepared.keys() == {"run", "shards", "manifest", "output", "model", "job"}
    key = f"runs/{RUN}/embeddings/00000-000.jsonl.out"
    answer = bulk_index.build_handler(bulk.loader)({"run": RUN, "key": key}, None)
    assert answer == {"run": RUN, "key": key, "indexed": 2, "rejected": 1}
    finished = bulk_finish.build_handler(bulk.finisher)({"run": RUN}, None)
    assert finished == {"run": RUN, "status": "complete", "planned": 3, "indexed": 2, "rejected": 1}
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
    ],
)
def test_planning_refuses_what_it_did_not_answer(bulk: BulkHouse, changes: dict[str, object]) -> None:
    event = {"run": RUN, "prefix": "", "page": 0, "token": None} | changes
    with pytest.raises(EventInvalidError):
        bulk_plan.build_handler(bulk.planner)(event, None)


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
    for name, value in (PLAN | INDEX).items():
        monkeypatch.setenv(name, value)
    makers = (bulk_wiring.planner, bulk_wiring.preparer, bulk_wiring.loader, bulk_wiring.finisher)
    for make in makers:
        make.cache_clear()
        assert make() is make()
        make.cache_clear()
