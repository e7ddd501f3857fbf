"""What a trial may cost: reckoned from the price table, bounded to the cent."""

from pathlib import Path

import pytest

from scripts.costs.estimate import without_use
from scripts.errors import CommandError
from scripts.verify_aws.cli import LIMIT_USD
from scripts.verify_aws.site import on_this_machine
from scripts.verify_aws.spending import DESTROY_HOURS, JOB_HOURS, PLANNED_HOURS, Budget, Prices
from scripts.verify_aws.steps import steps_of
from stacks.prices import HOURS_PER_MONTH, INSTANCE_HOUR
from stacks.settings import VERIFY
from tests.documented import README

PRICES = Prices(hour=0.1, job=0.05)


def test_prices_are_those_of_the_settings() -> None:
    prices = Prices.of(VERIFY)
    assert prices.hour == without_use(VERIFY).idle / HOURS_PER_MONTH > 0
    assert prices.job == VERIFY.bulk.instance_count * INSTANCE_HOUR["ml.c6i.xlarge"] * JOB_HOURS


def test_an_hour_that_has_begun_is_paid_for() -> None:
    assert PRICES.cost(hours=0, jobs=0) == 0
    assert PRICES.cost(hours=0.01, jobs=0) == PRICES.cost(hours=1, jobs=0) == pytest.approx(0.1)
    assert PRICES.cost(hours=1.01, jobs=3) == pytest.approx(0.35)


def test_a_trial_is_planned_below_its_limit_or_refused_before_anything_is_deployed() -> None:
    planned = PLANNED_HOURS * 0.1 + 4 * 0.05
    Budget(prices=PRICES, limit=planned + 1e-9).require_planned(4)
    with pytest.raises(CommandError) as refusal:
        Budget(prices=PRICES, limit=planned - 0.01).require_planned(4)
    assert refusal.value.code == "limit_too_low"
    assert "nothing was deployed" in refusal.value.message
    assert refusal.value.message.endswith("--limit 1")


def test_the_destruction_is_paid_from_the_limit_too() -> None:
    budget = Budget(prices=PRICES, limit=0.30001)
    budget.require_left(seconds=(2 - DESTROY_HOURS) * 3600, jobs=2)
    budget.require_left(seconds=(3 - DESTROY_HOURS) * 3600, jobs=0)
    with pytest.raises(CommandError) as refusal:
        budget.require_left(seconds=(3 - DESTROY_HOURS) * 3600 + 1, jobs=0)
    assert refusal.value.code == "limit_reached"
    assert "After 2.0 hours 0.30 USD are reckoned" in refusal.value.message


def test_the_readme_tells_limit_and_estimate(tmp_path: Path) -> None:
    jobs = sum(step.jobs for step in steps_of(on_this_machine(folder=tmp_path), tmp_path))
    planned = Budget(prices=Prices.of(VERIFY), limit=LIMIT_USD).planned(jobs)
    told = f"{LIMIT_USD:g} USD; estimated at {planned:.2f} USD for three hours, by list prices"
    assert PLANNED_HOURS == 3
    assert told in README.read_text("utf-8")


def test_the_usual_limit_holds_a_trial_with_room_to_spare() -> None:
    assert 3 * Budget(prices=Prices.of(VERIFY), limit=LIMIT_USD).planned(4) < LIMIT_USD
