"""The deployed canary, called as its schedule calls it."""

import json
from typing import Any


def canary_answer(functions: Any, *, event_id: str = "asked-by-a-test") -> dict[str, Any]:
    """What the canary answers to an event of this id; ``functions`` is a client of Lambda."""
    payload = json.dumps({"id": event_id}).encode()
    called = functions.invoke(FunctionName="imagesearch-local-canary", Payload=payload)
    answer: dict[str, Any] = json.loads(called["Payload"].read())
    return answer
