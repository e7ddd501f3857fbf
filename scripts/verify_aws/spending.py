"""What a trial costs by the list prices: what stands by the hour, and transform jobs."""

import math
from dataclasses import dataclass

from scripts.costs.estimate import without_use
from scripts.errors import CommandError
from stacks.prices import HOURS_PER_MONTH
from stacks.settings import Settings

PLANNED_HOURS = 3.0
"""How long a trial stands: a domain takes half an hour to come and as long to go, a transform job minutes."""

DESTROY_HOURS = 1.0
"""What is kept back of the limit, so that the destruction is paid from it too."""

JOB_HOURS = 0.25
"""A transform job of so few pictures: the instance's start and the model's, which are paid as well."""


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Dollars an ``hour`` for all that stands, of which a part is billed whole, and a transform ``job``."""

    hour: float
    job: float

    @classmethod
    def of(cls, settings: Settings) -> "Prices":
        """The prices of an environment. Raises CommandError (``price_unknown``)."""
        instance = settings.bulk.instance_price_per_hour or 0.0
        return cls(
            hour=without_use(settings).idle / HOURS_PER_MONTH,
            job=settings.bulk.instance_count * instance * JOB_HOURS,
        )

    def cost(self, *, hours: float, jobs: int) -> float:
        """What so many hours and jobs cost."""
        return math.ceil(hours) * self.hour + jobs * self.job


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What may be spent, in dollars. It raises CommandError (``limit_too_low``, ``limit_reached``)."""

    prices: Prices
    limit: float

    def planned(self, jobs: int) -> float:
        """What a trial with so many transform jobs is going to cost."""
        return self.prices.cost(hours=PLANNED_HOURS, jobs=jobs)

    def require_planned(self, jobs: int) -> None:
        """Refuse a trial whose estimate is above the limit."""
        planned = self.planned(jobs)
        if planned > self.limit:
            raise CommandError(
                "limit_too_low",
                f"The trial is estimated at {planned:.2f} USD, and the limit is {self.limit:.2f} USD: "
                f"nothing was deployed. Raise the limit: --limit {math.ceil(planned)}",
            )

    def require_left(self, *, seconds: float, jobs: int) -> None:
        """Refuse to go on where what was spent and the destruction would be above the limit."""
        hours = seconds / 3600
        if self.prices.cost(hours=hours + DESTROY_HOURS, jobs=jobs) > self.limit:
            spent = self.prices.cost(hours=hours, jobs=jobs)
            raise CommandError(
                "limit_reached",
                f"After {hours:.1f} hours {spent:.2f} USD are reckoned, and with the destruction it would be "
                f"more than the limit of {self.limit:.2f} USD: nothing else is done.",
            )
