"""Deployed functions that take steps, one a call, called as a command calls them."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import TypeAdapter

from scripts.aws_errors import unreachable
from scripts.errors import CommandError

PATIENCE_SECONDS = 300.0
"""A model that starts, and an OpenSearch that is overloaded, answer by and by."""

ANSWER_SECONDS = 920
"""A step may take as long as a function, 900 s."""

ONE_CALL = Config(read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 1}, tcp_keepalive=True)
"""How a client calls them: a second call beside one that takes long would take the same step twice."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the function answered: JSON, or what is known of its failure."""

    body: bytes
    is_failure: bool


def invoke(client: Any, name: str, event: dict[str, object]) -> Answer:
    """Call the function ``name`` once. Raises CommandError (``aws_unreachable``)."""
    try:
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        return Answer(body=answer["Payload"].read(), is_failure="FunctionError" in answer)
    except (ClientError, BotoCoreError) as error:
        raise unreachable(error) from error


class StepTaker(Generic[T]):
    """Takes steps, each of which raises ``CommandError`` with the code and the sentence of its refusal.

    ``status`` reads how things stand; ``failed`` is the code of a function that fails.
    """

    def __init__(
        self,
        *,
        client: Any,
        name: str,
        status: TypeAdapter[T],
        failed: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._name = name
        self._status = status
        self._failed = failed
        self._pause = pause

    def take(self, action: str, **more: object) -> T:
        """Take a step, and return how things stand after it; what passes by itself is waited for."""
        patience = PATIENCE_SECONDS
        while True:
            said = self._invoke({"action": action, **more})
            refusal = said.get("error")
            if refusal is None:
                return self._status.validate_python(said)
            if "retry_after" not in refusal or patience <= 0:
                raise CommandError(refusal["code"], refusal["message"])
            patience -= refusal["retry_after"]
            self._pause(refusal["retry_after"])

    def _invoke(self, event: dict[str, object]) -> dict[str, Any]:
        answer = invoke(self._client, self._name, event)
        if answer.is_failure:
            raise CommandError(
                self._failed,
                f"The function {self._name} failed: {answer.body.decode(errors='replace')}. Look into its "
                "log. When it is mended, run the same command again: it goes on where it stopped.",
            )
        document: dict[str, Any] = json.loads(answer.body)
        return document
