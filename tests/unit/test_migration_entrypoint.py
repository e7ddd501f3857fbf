"""The migration's function: what its events may be, and what it answers."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from imagesearch.entrypoints.migration import build_handler
from imagesearch.errors import EventInvalidError, SettingsError
from imagesearch.migration.steps import Migration, Status
from tests.builders import FINGERPRINT, OTHER_FINGERPRINT
from tests.migration import DIMENSION, DRAIN, NEW, OLD, SETTLING, MigrationHouse, loaded, migration_house


def call(house: MigrationHouse, **event: Any) -> dict[str, Any]:
    """The answer as it travels."""
    handler = build_handler(house.migration)
    answer: dict[str, Any] = json.loads(json.dumps(handler(json.loads(json.dumps(event)), None)))
    return answer


def test_the_status_names_the_indices_and_their_models() -> None:
    said = call(migration_house(), action="status")
    named = {
        "name": OLD,
        "fingerprint": FINGERPRINT,
        "dimension": 32,
        "space": "cosinesimil",
        "quantisation": "none",
    }
    assert (said["active"], said["written"], said["indices"]) == (named, [named], [named])
    assert (said["migration"], said["wait_seconds"]) == (None, 0.0)


def test_a_migration_goes_from_its_begin_to_its_end() -> None:
    house = migration_house()
    begun = call(house, action="begin", fingerprint=OTHER_FINGERPRINT, dimension=DIMENSION)
    assert begun["migration"]["new"]["name"] == NEW
    house.wait(SETTLING)
    house.load()
    assert call(house, action="run", run="first")["migration"]["runs"] == ["first"]
    assert call(house, action="check")["migration"]["check"]["passed"] is True
    assert call(house, action="switch")["active"]["name"] == NEW
    assert call(house, action="rollback")["active"]["name"] == OLD
    call(house, action="check")
    assert call(house, action="switch")["drain_until"] == (house.now + DRAIN).isoformat().replace(
        "+00:00", "Z"
    )
    assert call(house, action="finish", forced_by="Ada")["migration"]["retired"] == OLD
    house.wait(SETTLING)
    ended = call(house, action="finish")
    assert ([index["name"] for index in ended["indices"]], ended["migration"]) == ([NEW], None)


def test_an_answer_is_read_back_as_what_it_was() -> None:
    house = loaded()
    house.migration().check()
    assert TypeAdapter(Status).validate_python(call(house, action="status")) == house.migration().status()


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"action": "migrate"},
        {"action": "begin"},
        {"action": "begin", "fingerprint": "5e5e", "dimension": 4},
        {"action": "begin", "fingerprint": OTHER_FINGERPRINT, "dimension": "16"},
        {"action": "begin", "fingerprint": OTHER_FINGERPRINT, "dimension": 0},
        {"action": "run", "run": ""},
        {"action": "check", "labelled": "yes"},
        {"action": "switch", "force": True},
        {"action": "switch", "forced_by": 1},
        {"action": "rollback", "index": NEW},
    ],
)
def test_an_event_that_is_no_step_changes_nothing(event: dict[str, Any]) -> None:
    house = migration_house()
    with pytest.raises(EventInvalidError):
        build_handler(house.migration)(event, None)
    assert (house.record(), house.written) == (None, {OLD})


def test_a_step_that_cannot_be_taken_is_answered_with_its_code_and_a_sentence() -> None:
    house = loaded()
    refused = call(house, action="switch")["error"]
    assert refused["code"] == "gate_missing"
    assert NEW in refused["message"]
    assert house.active == OLD


def test_what_passes_by_itself_says_when_to_come_back() -> None:
    house = migration_house()
    house.models.deployed.clear()
    refused = call(house, action="begin", fingerprint=OTHER_FINGERPRINT, dimension=DIMENSION)["error"]
    assert (refused["code"], refused["retry_after"]) == ("model_unavailable", 5)


def test_a_fault_of_the_deployment_is_no_answer() -> None:
    def broken() -> Migration:
        raise SettingsError("The environment variable SAMPLE is missing.")

    with pytest.raises(SettingsError):
        build_handler(broken)({"action": "status"}, None)
