"""The deployed function that takes and restores snapshots."""

import time
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

from imagesearch.backups import Status
from scripts.stepping import StepTaker

FUNCTION_OUTPUT = "BackupFunctionName"

_status = TypeAdapter(Status)


class BackupFunction(StepTaker[Status]):
    """Takes the steps of taking and restoring snapshots."""

    def __init__(self, *, client: Any, name: str, pause: Callable[[float], None] = time.sleep) -> None:
        super().__init__(client=client, name=name, status=_status, failed="backup_failed", pause=pause)
