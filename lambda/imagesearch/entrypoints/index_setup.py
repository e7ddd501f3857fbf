"""The function behind the custom resources in the domain, called by the CDK's provider framework."""

import hashlib
import time
from collections.abc import Callable
from typing import Any, get_args

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.access import Access, Admission
from imagesearch.entrypoints import wiring
from imagesearch.entrypoints.wiring import IndexSetupParts
from imagesearch.errors import EventInvalidError, SearchUnavailableError
from imagesearch.settings import parse_attributes

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

_PAUSE_SECONDS = 5.0
_SPARE_SECONDS = 20.0
"""Kept of the function's time for the last attempt, with its own time-outs."""
_DIGEST_DIGITS = 12


def build_handler(
    parts: Callable[[], IndexSetupParts], *, pause: Callable[[float], None] = time.sleep
) -> Handler:
    """Return the function's handler; `pause` waits between attempts."""

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Make what the event asks for, or remove it, waiting for a domain that does not answer yet."""
        until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _SPARE_SECONDS
        while True:
            try:
                return _answer(parts(), event)
            except SearchUnavailableError:
                if time.monotonic() + _PAUSE_SECONDS > until:
                    raise
            pause(_PAUSE_SECONDS)

    return handler


def _answer(parts: IndexSetupParts, event: dict[str, Any]) -> dict[str, Any]:
    match event["ResourceType"]:
        case "Custom::SearchIndex":
            return _index(parts, event)
        case "Custom::DomainAccess":
            return _access(parts, event)
    raise EventInvalidError(f"There is no resource {event['ResourceType']!r} in the domain.")


def _index(parts: IndexSetupParts, event: dict[str, Any]) -> dict[str, Any]:
    """Make sure that there is an index; a deletion leaves it, since the data is the user's.

    All that a deployment can change comes with the event: one that is rolled back sends what was before, and
    the function, which another stack has changed already, must know nothing newer.
    """
    if event["RequestType"] == "Delete":
        return {"PhysicalResourceId": event.get("PhysicalResourceId", parts.alias)}
    properties = event["ResourceProperties"]
    setup = parts.setup(parse_attributes("Attributes", properties["Attributes"]))
    index = setup.ensure(fingerprint=properties["Fingerprint"], dimension=int(properties["Dimension"]))
    wiring.logger().info("index ready", index=index.name, fingerprint=index.fingerprint)
    return {
        "PhysicalResourceId": parts.alias,
        "Data": {"Index": index.name, "Fingerprint": index.fingerprint},
    }


def _access(parts: IndexSetupParts, event: dict[str, Any]) -> dict[str, Any]:
    """Admit a principal under a role of the domain, or dismiss the one that the event names.

    Another principal has another role, and is another resource: both are admitted until CloudFormation cleans
    up, whichever of them it keeps.
    """
    if event["RequestType"] == "Delete":
        name = event["PhysicalResourceId"]
        parts.access.dismiss(name)
    else:
        admission = _admission(event["ResourceProperties"])
        name = admission.name
        parts.access.admit(admission)
    wiring.logger().info("access", request=event["RequestType"], role=name)
    return {"PhysicalResourceId": name}


def _admission(properties: dict[str, str]) -> Admission:
    access = next((each for each in get_args(Access) if each == properties["Access"]), None)
    if access is None:
        raise EventInvalidError(
            f"Access must be one of {', '.join(get_args(Access))}, not {properties['Access']!r}."
        )
    principal = properties["Role"]
    digest = hashlib.sha256(principal.encode()).hexdigest()[:_DIGEST_DIGITS]
    return Admission(name=f"{properties['Name']}_{digest}", access=access, principal=principal)


handler = build_handler(wiring.index_setup_parts)
