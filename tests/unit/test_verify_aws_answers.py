"""What a trial makes of its commands' answers, and that its steps are commands whose answers it reads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.errors import CommandError
from scripts.gallery import gallery
from scripts.verify_aws import answers
from scripts.verify_aws.shown import SHOWN, shown_by
from scripts.verify_aws.site import on_this_machine
from scripts.verify_aws.steps import DIMENSIONS, FOUND, MODELS, destruction_of, steps_of
from stacks.settings import VERIFY
from tests.verified import ONLY_ON_AWS

FINDING = {"check": "region", "state": "passed", "message": "us-east-1", "mend": None}
SMOKE = {"steps": [{"name": "search by text", "seconds": 7.25, "said": "found", "code": None}]}
RUN = {"status": "complete", "planned": 51, "indexed": 51, "rejected": 0, "seconds": 14.2, "reason": None}
CHECKED = {"status": "complete", "listed": 51, "missing": 0, "stale": 0, "described": 0, "orphaned": 0}
HITS = {"hits": [{"key": "cat.png", "score": 0.99999}, {"key": "tiger.webp", "score": 0.7}]}
ACTIVE = {"active": {"name": "images-1", "dimension": 256}}


def searched(answer: str) -> str:
    return answers.searched(answer, 256)


def found(answer: str) -> str:
    return answers.found(answer, "cat.png")


def found_itself(answer: str) -> str:
    return answers.found_itself(answer, "cat.png")


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        (answers.doctor, [FINDING, FINDING, FINDING | {"state": "warned"}], "2 passed, 1 warned"),
        (answers.smoke, SMOKE, "1 steps passed; the first search took 7.2 s"),
        (answers.bulk, RUN, "51 planned, 51 indexed, 0 rejected, 14 s"),
        (answers.reconciled, CHECKED, "51 pictures in line"),
        (found, HITS, "cat.png first, score 1.0000"),
        (found_itself, HITS, "cat.png first, score 1.0000"),
        (searched, ACTIVE, "searches use images-1, 256 numbers"),
        (answers.backed_up, {"name": "one", "pictures": 51}, "one: 51 pictures"),
    ],
)
def test_a_good_answer_is_said_in_a_sentence(check: Callable[[str], str], answer: Any, said: str) -> None:
    assert check(json.dumps(answer)) == said


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        (
            answers.doctor,
            [FINDING | {"state": "failed", "message": "no quota", "mend": "ask for one"}],
            "region: no quota (ask for one).",
        ),
        (
            answers.smoke,
            {"steps": [SMOKE["steps"][0] | {"said": "nothing is found", "code": "not_found"}]},
            "search by text: nothing is found",
        ),
        (answers.bulk, RUN | {"indexed": 50}, "51 planned, 50 indexed"),
        (answers.bulk, RUN | {"rejected": 1, "indexed": 50}, "1 rejected"),
        (answers.bulk, RUN | {"planned": 0, "indexed": 0}, "0 planned"),
        (
            answers.bulk,
            RUN | {"status": "failed", "reason": "It was stopped."},
            "0 rejected. It was stopped.",
        ),
        (answers.reconciled, CHECKED | {"stale": 2, "missing": 1}, "3 differences"),
        (answers.reconciled, CHECKED | {"status": "failed"}, "0 differences"),
        (found, {"hits": [{"key": "tiger.webp", "score": 0.7}]}, "cat.png should come first, not tiger.webp"),
        (found, {"hits": []}, "Nothing was found"),
        (found_itself, {"hits": [{"key": "cat.png", "score": 0.99}]}, "is 0.9900"),
        (searched, {"active": {"name": "images-1", "dimension": 384}}, "not images-1"),
        (searched, {"active": None}, "not None"),
        (answers.backed_up, {"name": "one", "pictures": 0}, "one holds no picture"),
    ],
)
def test_a_bad_answer_is_refused_with_what_is_wrong(
    check: Callable[[str], str], answer: Any, said: str
) -> None:
    with pytest.raises(CommandError) as refusal:
        check(json.dumps(answer))
    assert refusal.value.code == "answer_unexpected"
    assert said in refusal.value.message


def test_a_destruction_must_say_that_nothing_is_left() -> None:
    said = "Emptied: a bucket\nNothing of verify is left that costs anything.\n"
    assert answers.destroyed(said) == "Nothing of verify is left that costs anything."
    with pytest.raises(CommandError, match="does not say that nothing is left"):
        answers.destroyed("Stopped: emulator.\n")


def test_the_steps_are_of_the_models_that_are_deployed(tmp_path: Path) -> None:
    assert VERIFY.models == MODELS == tuple(DIMENSIONS)
    names = [step.name for step in steps_of(on_this_machine(folder=tmp_path), tmp_path)]
    assert len(set(names)) == len(names)
    assert names.index("deploy") < min(names.index(name) for name in ("smoke", "bulk", "migrate"))


def test_what_must_be_found_is_in_the_gallery(tmp_path: Path) -> None:
    assert set(FOUND.values()) <= {picture.name for picture in gallery(tmp_path)}


def test_a_trial_shows_lines_of_the_readme_by_steps_that_it_has(tmp_path: Path) -> None:
    site = on_this_machine(folder=tmp_path)
    names = {step.name for step in (*steps_of(site, tmp_path), destruction_of(site))}
    assert set(SHOWN) <= set(ONLY_ON_AWS)
    assert {name for each in SHOWN.values() for name in each.steps} <= names
    assert set(shown_by(names)) == set(SHOWN)
    assert "back up" in names
    assert not any("back up" in each.steps for each in shown_by(names - {"back up"}).values())
