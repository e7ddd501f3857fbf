"""The deployed function that takes the steps of a migration, called as a command calls it."""

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import TypeAdapter

from imagesearch import errors
from imagesearch.errors import ImageSearchError, UnavailableError
from imagesearch.migration.steps import Status
from scripts.errors import CommandError
from scripts.outputs import unreachable

ANSWER_SECONDS = 920
"""A check may take as long as the function, 900 s."""

PATIENCE_SECONDS = 300.0
PAUSE_SECONDS = 5.0
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
            said, failed = self._invoke({"action": action, **more})
            if not failed:
                return _status.validate_json(said)
            kind, message = _error(said)
            if not issubclass(kind, UnavailableError) or patience <= 0:
                raise self._refusal(kind, message)
            patience -= PAUSE_SECONDS
            self._pause(PAUSE_SECONDS)

    def _invoke(self, event: dict[str, object]) -> tuple[bytes, bool]:
        try:
            answer = self._client.invoke(FunctionName=self._name, Payload=json.dumps(event).encode())
            return answer["Payload"].read(), "FunctionError" in answer
        except (ClientError, BotoCoreError) as error:
            raise unreachable(error) from error

    def _refusal(self, kind: type[Exception], message: str) -> CommandError:
        if issubclass(kind, ImageSearchError) and not issubclass(kind, errors.InternalError):
            return CommandError(kind.code, message)
        return CommandError(
            "migration_failed",
            f"The function {self._name} failed: {message} Look into its log. When it is mended, run the same "
            "command again: it goes on where it stopped.",
        )


def _error(said: bytes) -> tuple[type[Exception], str]:
    """The class of the function's error, and its sentence."""
    try:
        document = json.loads(said)
        kind = getattr(errors, document.get("errorType", ""), Exception)
        return kind, str(document["errorMessage"])
    except (ValueError, KeyError, AttributeError):
        return Exception, said.decode(errors="replace")
