"""The deployed function that takes the steps of a migration, called as a command calls it."""

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import TypeAdapter

from imagesearch.migration.steps import Status
from scripts.errors import CommandError
from scripts.outputs import unreachable

ANSWER_SECONDS = 920
"""A check may take as long as the function, 900 s."""

PATIENCE_SECONDS = 300.0
"""A model that starts, and an OpenSearch that is overloaded, answer by and by."""

_status = TypeAdapter(Status)


class MigrationFunction:
    """Takes steps, each of which raises ``CommandError`` with the code and the sentence of its refusal."""

    def __init__(self, *, client: Any, name: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._pause = pause

    def take(self, action: str, **more: object) -> Status:
        """Take a step, and return how things stand after it; what passes by itself is waited for."""
        patience = PATIENCE_SECONDS
        while True:
            said = self._invoke({"action": action, **more})
            refusal = said.get("error")
            if refusal is None:
                return _status.validate_python(said)
            if "retry_after" not in refusal or patience <= 0:
                raise CommandError(refusal["code"], refusal["message"])
            patience -= refusal["retry_after"]
            self._pause(refusal["retry_after"])

    def _invoke(self, event: dict[str, object]) -> dict[str, Any]:
        try:
            answer = self._client.invoke(FunctionName=self._name, Payload=json.dumps(event).encode())
            said = answer["Payload"].read()
        except (ClientError, BotoCoreError) as error:
            raise unreachable(error) from error
        if "FunctionError" in answer:
            raise CommandError(
                "migration_failed",
                f"The function {self._name} failed: {said.decode(errors='replace')}. Look into its log. When "
                "it is mended, run the same command again: it goes on where it stopped.",
            )
        document: dict[str, Any] = json.loads(said)
        return document
