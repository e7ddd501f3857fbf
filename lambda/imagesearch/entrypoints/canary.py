"""The canary: called by a schedule, it searches the deployed API as any client does.

It answers {"answered": …} and never fails by itself: its figures are what an alarm looks at.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from imagesearch.canary import Canary
from imagesearch.entrypoints import observing, wiring
from imagesearch.figures import Figure
from imagesearch.ports import Metrics
from imagesearch.settings import CanarySettings

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def build_handler(parts: Callable[[], Canary], metrics: Callable[[], Metrics] = observing.metrics) -> Handler:
    """Return the function's handler; `parts` is asked on every call."""

    def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
        """Search once; whatever keeps that from being answered is a failure."""
        identifier = str(event.get("id", ""))
        with observing.working_on(identifier, event_id=identifier):
            try:
                seconds = parts().search()
            except Exception:  # noqa: BLE001 - whatever it is, a search was not answered
                wiring.logger().exception("not answered")
                metrics().record({Figure.FAILURES: 1})
                return {"answered": False}
            wiring.logger().info("answered", seconds=round(seconds, 3))
            metrics().record({Figure.FAILURES: 0, Figure.ANSWER_MILLISECONDS: seconds * 1000})
            return {"answered": True, "seconds": round(seconds, 3)}

    return handler


@cache
def _canary() -> Canary:
    from imagesearch.adapters.deployed_api import DeployedApi

    settings = CanarySettings.from_environment(os.environ)
    api = DeployedApi(url=settings.api_url, access=settings.api_access)
    return Canary(api=api, patience_seconds=settings.patience_seconds)


handler = build_handler(_canary)
