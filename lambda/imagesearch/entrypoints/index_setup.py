"""The function behind the index's custom resource, called by the CDK's provider framework."""

import time
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.entrypoints import wiring
from imagesearch.entrypoints.wiring import IndexSetupParts
from imagesearch.errors import SearchUnavailableError
from imagesearch.models import IndexInfo

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

_PAUSE_SECONDS = 5.0
_SPARE_SECONDS = 20.0
"""Kept of the function's time for the last attempt, with its own time-outs."""


def build_handler(
    parts: Callable[[], IndexSetupParts], *, pause: Callable[[float], None] = time.sleep
) -> Handler:
    """Return the function's handler; `pause` waits between attempts."""

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Make sure that there is an index; a deletion leaves it, since the data is the user's."""
        alias = parts().alias
        if event["RequestType"] == "Delete":
            return {"PhysicalResourceId": event.get("PhysicalResourceId", alias)}
        until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _SPARE_SECONDS
        index = _ensure(parts(), event["ResourceProperties"], until=until, pause=pause)
        wiring.logger().info("index ready", index=index.name, fingerprint=index.fingerprint)
        return {"PhysicalResourceId": alias, "Data": {"Index": index.name, "Fingerprint": index.fingerprint}}

    return handler


def _ensure(
    parts: IndexSetupParts, properties: dict[str, str], *, until: float, pause: Callable[[float], None]
) -> IndexInfo:
    """Set the index up, waiting for a domain that has just been created to answer and to admit the role."""
    while True:
        try:
            return parts.setup.ensure(
                fingerprint=properties["Fingerprint"], dimension=int(properties["Dimension"])
            )
        except SearchUnavailableError:
            if time.monotonic() + _PAUSE_SECONDS > until:
                raise
        pause(_PAUSE_SECONDS)


handler = build_handler(wiring.index_setup_parts)
