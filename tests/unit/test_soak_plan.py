"""Which faults a soak injects, and when."""

from collections import Counter

import pytest

from tests.soak.__main__ import options_of
from tests.soak.plan import LATEST_START, Kind, plan


def test_a_seed_gives_the_same_faults_again_and_another_one_others() -> None:
    assert plan(seed=1, minutes=30) == plan(seed=1, minutes=30) != plan(seed=2, minutes=30)


def test_there_is_one_fault_a_minute_and_each_kind_comes_equally_often() -> None:
    faults = plan(seed=1, minutes=30)
    assert Counter(fault.kind for fault in faults) == dict.fromkeys(Kind, 6)
    for minute, fault in enumerate(faults):
        assert 0 <= fault.due - 60 * minute <= LATEST_START


def test_every_kind_has_come_before_one_comes_again() -> None:
    kinds = [fault.kind for fault in plan(seed=7, minutes=12)]
    assert set(kinds[:5]) == set(kinds[5:10]) == set(Kind)
    assert len(kinds) == 12


def test_less_than_a_minute_has_no_fault() -> None:
    assert plan(seed=1, minutes=0.9) == ()


@pytest.mark.parametrize(
    ("arguments", "variables", "why"),
    [
        (["--minutes", "0.5"], {}, "at least 1"),
        ([], {"OPENSEARCH_URL": "http://127.0.0.1:9200"}, "OPENSEARCH_URL is set: unset it"),
    ],
)
def test_a_soak_that_could_show_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], variables: dict[str, str], why: str
) -> None:
    with pytest.raises(SystemExit):
        options_of(arguments, variables)
    assert why in capsys.readouterr().err


def test_a_seed_is_drawn_where_none_is_given() -> None:
    assert options_of(["--seed", "7"], {}).seed == 7
    assert len({options_of([], {}).seed for _ in range(9)}) > 1
