"""The deployed function that takes the steps of a migration."""

import time
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

from imagesearch.migration.steps import Status
from scripts.stepping import StepTaker

_status = TypeAdapter(Status)


class MigrationFunction(StepTaker[Status]):
    """Takes the steps of a migration."""

    def __init__(self, *, client: Any, name: str, pause: Callable[[float], None] = time.sleep) -> None:
        super().__init__(client=client, name=name, status=_status, failed="migration_failed", pause=pause)
